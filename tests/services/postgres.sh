#!/usr/bin/env bash
# A PostgreSQL cluster of its own on 127.0.0.1 from Debian's package: no systemd, passwords required, TLS possible.
#   postgres.sh start DIR PORT CERTIFICATES   data in DIR stay; start uses them again
#   postgres.sh stop DIR
#   postgres.sh env DIR                       its addresses as shell exports
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

# The newest one that is installed.
BIN=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)

installed() { [ -n "$BIN" ] && [ -x "$BIN/initdb" ]; }

# PostgreSQL refuses to run as root.
as_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    # The root's current folder may be closed to others.
    (cd / && exec setpriv --reuid postgres --regid postgres --init-groups --reset-env "$@")
  else
    "$@"
  fi
}

create() {
  local dir=$1 certificates=$2
  [ -s "$dir/password" ] || (umask 077 && secret >"$dir/password")
  rm -rf "$dir/cluster"
  mkdir -m 700 "$dir/cluster"
  install -m 600 "$dir/password" "$dir/cluster/password"
  install -m 600 "$certificates/server.pem" "$certificates/server.key" "$dir/cluster/"
  if [ "$(id -u)" -eq 0 ]; then chown -R postgres: "$dir/cluster"; fi
  as_owner "$BIN/initdb" -D "$dir/cluster/data" -U duckfleet --pwfile "$dir/cluster/password" -A scram-sha-256 \
    -E UTF8 --locale C --no-sync
  as_owner rm "$dir/cluster/password"
  as_owner touch "$dir/cluster/made"
}

running() { installed && as_owner "$BIN/pg_ctl" -D "$1/cluster/data" status; }

start() {
  local dir=$1 port=$2 certificates=$3 options
  installed || {
    install_packages postgresql
    exec "$0" start "$@"
  }
  mkdir -p "$dir"
  chmod 711 "$dir"
  dir=$(cd "$dir" && pwd -P)
  certificates=$(cd "$certificates" && pwd -P)
  as_owner test -x "$dir" || die "the user postgres cannot reach $dir: set DUCKFLEET_SERVICES to a folder that it can"
  [ -e "$dir/cluster/made" ] || create "$dir" "$certificates" >"$dir/create.log" 2>&1 ||
    die "PostgreSQL's cluster was not made, see $dir/create.log"
  if running "$dir" >/dev/null; then
    [ "$(cat "$dir/port")" = "$port" ] || die "the PostgreSQL of $dir runs on another port: stop it first"
    return
  fi
  if listens 127.0.0.1 "$port"; then die "port $port is taken"; fi
  echo "$port" >"$dir/port"
  # Tests' data need not survive a loss of power.
  options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c fsync=off"
  options+=" -c ssl=on -c ssl_cert_file=$dir/cluster/server.pem -c ssl_key_file=$dir/cluster/server.key"
  as_owner "$BIN/pg_ctl" -D "$dir/cluster/data" -l "$dir/cluster/log" -t 60 -w -o "$options" start \
    </dev/null >"$dir/start.log" 2>&1 9>&- || die "PostgreSQL did not start, see $dir/start.log and $dir/cluster/log"
}

stop() {
  local dir=$1
  [ -d "$dir/cluster/data" ] || return 0
  dir=$(cd "$dir" && pwd -P)
  running "$dir" >/dev/null || return 0
  as_owner "$BIN/pg_ctl" -D "$dir/cluster/data" -m fast -t 30 -w stop >/dev/null ||
    as_owner "$BIN/pg_ctl" -D "$dir/cluster/data" -m immediate -t 30 -w stop >/dev/null
}

addresses() {
  local dir=$1 user port
  user="duckfleet:$(cat "$dir/password")"
  port=$(cat "$dir/port")
  echo "export DATABASE_URL=postgresql://$user@127.0.0.1:$port/postgres"
  echo "export DATABASE_TLS_URL='postgresql://$user@localhost:$port/postgres?sslmode=verify-full'"
}

case "${1:-} $#" in
  'start 4') start "$2" "$3" "$4" ;;
  'stop 2') stop "$2" ;;
  'env 2') addresses "$2" ;;
  'installed 1') installed ;;
  *)
    echo 'usage: postgres.sh start DIR PORT CERTIFICATES | stop DIR | env DIR | installed' >&2
    exit 2
    ;;
esac
