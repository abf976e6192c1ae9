#!/usr/bin/env bash
# RabbitMQ, PostgreSQL and an S3 server, for tests and for a first try:
#   eval "$(tests/services/services.sh start)"   start what is missing; the variables of all of them go to stdout
#   tests/services/services.sh env               the variables again
#   tests/services/services.sh stop              stop what `start` started; without Docker, data stay for the next start
# `--only rabbitmq,postgres,s3` names some of them. What the variables of the environment name and what answers there is
# used as it is (RABBIT_URL with RABBIT_MANAGEMENT_URL, DATABASE_URL, S3_ENDPOINT with AWS_*). For the rest, Docker
# Compose is used where a Docker engine answers, else Debian's packages, which are installed if need be (as root). All
# listen on 127.0.0.1 only, on ports that were free. Their state is in DUCKFLEET_SERVICES.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
state=${DUCKFLEET_SERVICES:-${TMPDIR:-/tmp}/duckfleet-services}
ALL=(rabbitmq postgres s3)

usage() {
  echo 'usage: services.sh start|stop|env [--only rabbitmq,postgres,s3]' >&2
  exit 2
}

variables_of() {
  case $1 in
    rabbitmq) echo RABBIT_URL RABBIT_MANAGEMENT_URL RABBIT_TLS_URL ;;
    postgres) echo DATABASE_URL DATABASE_TLS_URL ;;
    s3) echo S3_ENDPOINT S3_TLS_ENDPOINT AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION ;;
  esac
}

required_of() {
  case $1 in
    rabbitmq) echo RABBIT_URL RABBIT_MANAGEMENT_URL ;;
    postgres) echo DATABASE_URL ;;
    s3) echo S3_ENDPOINT AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION ;;
  esac
}

packages_of() {
  case $1 in
    rabbitmq) echo rabbitmq-server ;;
    postgres) echo postgresql ;;
    s3) echo ceph-mon ceph-osd radosgw ;;
  esac
}

# Prints host and port of a URL.
address_of() {
  local rest=${1#*://} scheme=${1%%://*} port
  rest=${rest%%[/?]*}
  rest=${rest##*@}
  case $scheme in
    amqp) port=5672 ;; amqps) port=5671 ;; postgres | postgresql) port=5432 ;; https) port=443 ;; *) port=80 ;;
  esac
  case $rest in *:*) port=${rest##*:} rest=${rest%:*} ;; esac
  echo "$rest $port"
}

# True if the variables of a service are set and something answers at each of their addresses.
reachable() {
  local name address host port
  for name in $(required_of "$1"); do
    [ -n "${!name:-}" ] || return 1
    case ${!name} in *://*) ;; *) continue ;; esac
    address=$(address_of "${!name}")
    read -r host port <<<"$address"
    listens "$host" "$port" && continue
    say "$name is set, but nothing answers at $host:$port"
    return 1
  done
}

# The variables of the environment, as exports.
given() {
  local name
  for name in $(variables_of "$1"); do
    if [ -n "${!name:-}" ]; then printf 'export %s=%q\n' "$name" "${!name}"; fi
  done
}

# Our own one answers already: also when its variables are in the environment, it stays ours, to be stopped.
ours_runs() { [ -e "$state/$1.env" ] && (eval "$(cat "$state/$1.env")" && reachable "$1") 2>/dev/null; }

# start_packaged SERVICE PORT: PORT and the 24 after it are free.
start_packaged() {
  local service=$1 port=$2 last
  # What an earlier start may have left half done.
  "$here/$service.sh" stop "$state/$service"
  # The port of the last start, so that variables in a shell stay right.
  last=$(cat "$state/$service/port" 2>/dev/null) && ! listens 127.0.0.1 "$last" && port=$last
  say "starting $service on 127.0.0.1:$port, in $state/$service"
  "$here/$service.sh" start "$state/$service" "$port" "$state/tls"
  (umask 077 && "$here/$service.sh" env "$state/$service" >"$state/$service.env")
}

docker_answers() { docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# Starts the services that are named, all at a time.
start_missing() {
  local service packages=() pids=() pid port failed=''
  [ $# -gt 0 ] || return 0
  command -v openssl >/dev/null || packages=(openssl)
  if docker_answers; then
    [ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
    "$here/certificates.sh" "$state/tls"
    "$here/compose.sh" start "$state" "$@"
    return
  fi
  for service in "$@"; do
    # shellcheck disable=SC2207 # words
    "$here/$service.sh" installed || packages+=($(packages_of "$service"))
  done
  [ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
  "$here/certificates.sh" "$state/tls"
  port=$(free_ports $((25 * $#)))
  for service in "$@"; do
    start_packaged "$service" "$port" &
    pids+=($!)
    port=$((port + 25))
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=yes; done
  [ -z "$failed" ] || die 'not every service started'
}

start() {
  local service missing=()
  mkdir -p "$state"
  # PostgreSQL runs as another user, and has to get to its folder.
  chmod 711 "$state"
  exec 9>"$state/lock"
  flock 9
  for service in "$@"; do
    if ours_runs "$service"; then
      say "$service runs already"
    elif reachable "$service"; then
      say "$service is the one that $(required_of "$service" | cut -d' ' -f1) names"
      rm -f "$state/$service.env"
    else
      missing+=("$service")
    fi
  done
  start_missing ${missing[@]+"${missing[@]}"}
  print_env "$@"
}

print_env() {
  local service ours=''
  for service in "$@"; do
    if [ -e "$state/$service.env" ]; then
      cat "$state/$service.env"
      ours=yes
    elif reachable "$service"; then
      given "$service"
    else
      die "$service is not running: run $here/services.sh start"
    fi
  done
  if [ -n "$ours" ]; then
    printf 'export TLS_CA=%q\n' "$state/tls/ca.pem"
  elif [ -n "${TLS_CA:-}" ]; then
    printf 'export TLS_CA=%q\n' "$TLS_CA"
  fi
}

stop() {
  local service
  for service in "$@"; do
    [ -e "$state/$service.env" ] || [ -d "$state/$service" ] || continue
    say "stopping $service"
    if [ -d "$state/$service" ]; then
      "$here/$service.sh" stop "$state/$service"
    else
      "$here/compose.sh" stop "$state" "$service"
    fi
    rm -f "$state/$service.env"
  done
}

[ $# -ge 1 ] || usage
command=$1
shift
services=("${ALL[@]}")
if [ "${1:-}" = --only ] && [ $# -eq 2 ]; then
  IFS=, read -r -a services <<<"$2"
  shift 2
fi
[ $# -eq 0 ] || usage
for service in "${services[@]}"; do [ -n "$(packages_of "$service")" ] || usage; done
case $command in
  start) start "${services[@]}" ;;
  stop) stop "${services[@]}" ;;
  env) print_env "${services[@]}" ;;
  *) usage ;;
esac
