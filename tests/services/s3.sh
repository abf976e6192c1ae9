#!/usr/bin/env bash
# A real S3 server of its own on 127.0.0.1 from Debian's packages: Ceph's RADOS Gateway over one monitor and one OSD,
# whose disk is a sparse file. No systemd, no manager.
#   s3.sh start DIR PORT CERTIFICATES   PORT is S3, PORT+1 S3 over TLS, PORT+2 the monitor, PORT+5 to PORT+24 the OSD.
#                                       Data in DIR stay; start uses them again
#   s3.sh stop DIR
#   s3.sh env DIR                       its addresses and credentials as shell exports
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
DISK_GB=${DUCKFLEET_S3_DISK_GB:-16} # the most that the sparse file can grow to

installed() { type -P ceph ceph-mon ceph-osd monmaptool radosgw radosgw-admin >/dev/null; }

write_configuration() {
  local dir=$1 port=$2 certificates=$3
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $(cat "$dir/fsid")
mon_host = v2:127.0.0.1:$((port + 2))
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_port_min = $((port + 5))
ms_bind_port_max = $((port + 24))
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
admin_socket =
log_file = $dir/log/\$name.log
crash_dir = $dir/crash
osd_pool_default_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data = $dir/mon
mon_data_avail_crit = 1
# One monitor has no peers to batch for: making the pools takes 1 s, not 10 s
paxos_propose_interval = 0.05
osd_data = $dir/osd
osd_memory_target = 1073741824
bluestore_block_size = $((DISK_GB << 30))
rgw_relaxed_region_enforcement = true
# What was deleted or replaced gives its room back within a minute, not within hours: writers wait when the disk is full
rgw_gc_obj_min_wait = 30
rgw_gc_processor_period = 20
rgw_gc_processor_max_time = 20
# Without tcp_nodelay every small GET waits 40 ms for a delayed ACK
rgw_frontends = beast endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$((port + 1)) ssl_certificate=$certificates/server.pem ssl_private_key=$certificates/server.key tcp_nodelay=1
[client.rgw]
# radosgw wants an encrypted link to the monitor, which auth "none" cannot give
ms_mon_client_mode = crc
CONF
}

ceph_here() { ceph -c "$1/ceph.conf" --connect-timeout 5 "${@:2}"; }
monitor_answers() { ceph_here "$1" mon stat; }
osd_is_up() { ceph_here "$1" osd stat | grep -q ' 1 up'; }
both_listen() { listens 127.0.0.1 "$1" && listens 127.0.0.1 $(($1 + 1)); }

running() { alive "$1/run/$2.pid" "$1/ceph.conf"; }

# launch DIR NAME COMMAND…: COMMAND forks and writes its process id.
launch() {
  local dir=$1 name=$2
  shift 2
  running "$dir" "$name" >/dev/null && return
  "$@" -c "$dir/ceph.conf" --pid-file "$dir/run/$name.pid" </dev/null >>"$dir/log/$name.out" 2>&1 9>&- ||
    die "Ceph's $name did not start, see $dir/log"
}

ready() {
  local dir=$1 name=$2
  shift 2
  wait_for 60 "$@" && running "$dir" "$name" >/dev/null || die "Ceph's $name is not ready, see $dir/log"
}

start_monitor() {
  local dir=$1 port=$2 how=--inject-monmap
  if ! running "$dir" mon.a >/dev/null; then
    # The monitor's address is in its store: it gets the port of this start.
    [ -e "$dir/mon/kv_backend" ] || how='--mkfs --monmap'
    {
      monmaptool --create --clobber --fsid "$(cat "$dir/fsid")" --addv a "[v2:127.0.0.1:$((port + 2))]" "$dir/monmap"
      # shellcheck disable=SC2086 # two words
      ceph-mon -i a -c "$dir/ceph.conf" $how "$dir/monmap"
    } >>"$dir/log/mkfs.out" 2>&1 9>&- || die "Ceph's monitor was not made, see $dir/log/mkfs.out"
  fi
  launch "$dir" mon.a ceph-mon -i a
  ready "$dir" mon.a monitor_answers "$dir"
}

start_osd() {
  local dir=$1 uuid
  uuid=$(cat "$dir/osd.uuid")
  if [ ! -e "$dir/osd/ready" ]; then
    { ceph_here "$dir" osd new "$uuid" && ceph-osd -i 0 -c "$dir/ceph.conf" --mkfs --osd-uuid "$uuid"; } \
      >>"$dir/log/mkfs.out" 2>&1 9>&- || die "Ceph's OSD was not made, see $dir/log/mkfs.out"
  fi
  launch "$dir" osd.0 ceph-osd -i 0
  ready "$dir" osd.0 osd_is_up "$dir"
}

start_gateway() {
  local dir=$1 port=$2
  if [ ! -e "$dir/secret" ]; then
    (umask 077 && secret >"$dir/secret.new")
    radosgw-admin -c "$dir/ceph.conf" user create --uid=duckfleet --display-name=duckfleet \
      --access-key=duckfleet --secret-key="$(cat "$dir/secret.new")" >>"$dir/log/user.out" 2>&1 9>&- ||
      die "Ceph's user was not made, see $dir/log/user.out"
    mv "$dir/secret.new" "$dir/secret"
  fi
  launch "$dir" rgw radosgw -n client.rgw
  ready "$dir" rgw both_listen "$port"
}

start() {
  local dir=$1 port=$2 certificates=$3 id
  installed || install_packages ceph-mon ceph-osd radosgw
  mkdir -p "$dir"/{run,log,mon,osd,crash}
  dir=$(cd "$dir" && pwd -P)
  certificates=$(cd "$certificates" && pwd -P)
  if running "$dir" rgw >/dev/null; then
    [ "$(cat "$dir/port")" = "$port" ] || die "the S3 server of $dir runs on another port: stop it first"
    return
  fi
  if listens 127.0.0.1 "$port"; then die "port $port is taken"; fi
  for id in fsid osd.uuid; do [ -s "$dir/$id" ] || cat /proc/sys/kernel/random/uuid >"$dir/$id"; done
  echo "$port" >"$dir/port"
  write_configuration "$dir" "$port" "$certificates"
  start_monitor "$dir" "$port"
  start_osd "$dir"
  start_gateway "$dir" "$port"
}

stop() {
  local dir=$1 name
  [ -d "$dir/run" ] || return 0
  dir=$(cd "$dir" && pwd -P)
  for name in rgw osd.0 mon.a; do
    end_process "$dir/run/$name.pid" "$dir/ceph.conf" 30
    rm -f "$dir/run/$name.pid"
  done
}

addresses() {
  local dir=$1 port
  port=$(cat "$dir/port")
  echo "export S3_ENDPOINT=http://127.0.0.1:$port"
  echo "export S3_TLS_ENDPOINT=https://localhost:$((port + 1))"
  echo "export AWS_ACCESS_KEY_ID=duckfleet AWS_SECRET_ACCESS_KEY=$(cat "$dir/secret") AWS_REGION=us-east-1"
}

case "${1:-} $#" in
  'start 4') start "$2" "$3" "$4" ;;
  'stop 2') stop "$2" ;;
  'env 2') addresses "$2" ;;
  'installed 1') installed ;;
  *)
    echo 'usage: s3.sh start DIR PORT CERTIFICATES | stop DIR | env DIR | installed' >&2
    exit 2
    ;;
esac
