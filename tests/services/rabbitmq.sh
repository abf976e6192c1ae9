#!/usr/bin/env bash
# A RabbitMQ of its own on 127.0.0.1, with the management plugin, from Debian's package: no systemd, nothing shared with
# another one on this machine. Its limits are RabbitMQ's own.
#   rabbitmq.sh start DIR PORT [CERTIFICATES]   PORT is AMQP, PORT+1 AMQP over TLS, PORT+2 management, PORT+3 and PORT+4
#                                               are Erlang's; `free`: those of the last start, at first any that are
#                                               free. Data in DIR stay; start uses them again
#   rabbitmq.sh stop DIR
#   rabbitmq.sh pid DIR                         the broker's process, for tests that kill or freeze it
#   rabbitmq.sh env DIR                         its addresses as shell exports
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
SERVER=/usr/lib/rabbitmq/bin/rabbitmq-server

installed() { [ -x "$SERVER" ]; }

write_configuration() {
  local dir=$1 port=$2 certificates=$3
  printf '[rabbitmq_management].\n' >"$dir/enabled_plugins"
  (umask 077 && cat >"$dir/rabbitmq.conf") <<CONF
listeners.tcp.1 = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((port + 2))
default_user = duckfleet
default_pass = $(cat "$dir/password")
default_user_tags.administrator = true
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
CONF
  [ -n "$certificates" ] || return 0
  cat >>"$dir/rabbitmq.conf" <<CONF
listeners.ssl.1 = 127.0.0.1:$((port + 1))
ssl_options.cacertfile = $certificates/ca.pem
ssl_options.certfile = $certificates/server.pem
ssl_options.keyfile = $certificates/server.key
CONF
}

# Erlang's port mapper, for this broker alone; it ends with `stop`.
start_epmd() {
  local dir=$1 port=$2
  if ! alive "$dir/epmd.pid" "$dir" >/dev/null; then
    DUCKFLEET_SERVICE=$dir setsid epmd -port "$port" -address 127.0.0.1 </dev/null >>"$dir/epmd.log" 2>&1 9>&- &
    echo $! >"$dir/epmd.pid"
  fi
  wait_for 10 listens 127.0.0.1 "$port" || die "epmd did not start, see $dir/epmd.log"
}

start_server() {
  local dir=$1 port=$2
  rm -f "$dir/pid"
  env -u NOTIFY_SOCKET \
    HOME="$dir" DUCKFLEET_SERVICE="$dir" ERL_EPMD_PORT=$((port + 3)) ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME=duckfleet@localhost RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$dir/no.config" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_MNESIA_BASE="$dir/data" \
    RABBITMQ_GENERATED_CONFIG_DIR="$dir/generated" RABBITMQ_LOGS="$dir/rabbitmq.log" \
    RABBITMQ_PID_FILE="$dir/pid" RABBITMQ_DIST_PORT=$((port + 4)) \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    setsid "$SERVER" </dev/null >>"$dir/start.log" 2>&1 9>&- &
}

start() {
  local dir=$1 port=$2 certificates=$3
  installed || install_packages rabbitmq-server
  mkdir -p "$dir"/{data,generated}
  dir=$(cd "$dir" && pwd -P)
  if [ "$port" = free ]; then port=$(cat "$dir/port" 2>/dev/null) || port=$(free_ports 5); fi
  if alive "$dir/pid" "$dir" >/dev/null; then
    [ "$(cat "$dir/port")" = "$port" ] || die "the RabbitMQ of $dir runs on another port: stop it first"
  else
    if listens 127.0.0.1 "$port"; then die "port $port is taken"; fi
    [ -s "$dir/password" ] || (umask 077 && secret >"$dir/password")
    echo "$port" >"$dir/port"
    rm -f "$dir/tls"
    [ -z "$certificates" ] || echo $((port + 1)) >"$dir/tls"
    write_configuration "$dir" "$port" "$certificates"
    start_epmd "$dir" $((port + 3))
    start_server "$dir" "$port"
  fi
  # AMQP is the last that a broker opens. It takes 5 s, and ten times as long where many others want the cores too.
  wait_for 180 listens 127.0.0.1 "$port" && wait_for 60 listens 127.0.0.1 $((port + 2)) &&
    wait_for 10 alive "$dir/pid" "$dir" || die "RabbitMQ did not start, see $dir/start.log and $dir/rabbitmq.log"
}

stop() {
  local dir=$1
  [ -d "$dir" ] || return 0
  dir=$(cd "$dir" && pwd -P)
  end_process "$dir/pid" "$dir" 30
  end_process "$dir/epmd.pid" "$dir" 5
  rm -f "$dir/pid" "$dir/epmd.pid"
}

addresses() {
  local dir=$1 port user
  port=$(cat "$dir/port")
  user="duckfleet:$(cat "$dir/password")"
  echo "export RABBIT_URL=amqp://$user@127.0.0.1:$port"
  echo "export RABBIT_MANAGEMENT_URL=http://$user@127.0.0.1:$((port + 2))"
  [ ! -e "$dir/tls" ] || echo "export RABBIT_TLS_URL=amqps://$user@localhost:$(cat "$dir/tls")"
}

case "${1:-} $#" in
  'start 3' | 'start 4') start "$2" "$3" "${4:-}" ;;
  'stop 2') stop "$2" ;;
  'pid 2') alive "$2/pid" "$(cd "$2" && pwd -P)" || die "the RabbitMQ of $2 is not running" ;;
  'env 2') addresses "$2" ;;
  'installed 1') installed ;;
  *)
    echo 'usage: rabbitmq.sh start DIR PORT|free [CERTIFICATES] | stop DIR | pid DIR | env DIR | installed' >&2
    exit 2
    ;;
esac
