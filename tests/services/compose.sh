#!/usr/bin/env bash
# The servers of docker-compose.yml for services.sh, on free ports of 127.0.0.1, with a password of their own and TLS:
#   compose.sh start STATE SERVICE…   STATE/tls holds certificates; writes STATE/SERVICE.env
#   compose.sh stop STATE SERVICE…    their containers go, and their data with the last of them
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

compose() {
  # A project for each folder: two of them do not share data.
  local project
  project=duckfleet-$(printf '%s' "$state" | cksum | cut -d' ' -f1)
  docker compose --project-name "$project" --env-file "$state/compose" \
    --file "$here/../../docker-compose.yml" --file "$here/compose.yml" "$@"
}

settings() {
  local port
  port=$(free_ports 6)
  cat <<SETTINGS
DUCKFLEET_PASSWORD=$(secret)
RABBIT_PORT=$port
RABBIT_MANAGEMENT_PORT=$((port + 1))
RABBIT_TLS_PORT=$((port + 2))
POSTGRES_PORT=$((port + 3))
S3_PORT=$((port + 4))
S3_TLS_PORT=$((port + 5))
TLS_DIR=$state/tls
SETTINGS
}

addresses() {
  local user=duckfleet:$DUCKFLEET_PASSWORD
  case $1 in
    rabbitmq)
      echo "export RABBIT_URL=amqp://$user@127.0.0.1:$RABBIT_PORT"
      echo "export RABBIT_MANAGEMENT_URL=http://$user@127.0.0.1:$RABBIT_MANAGEMENT_PORT"
      echo "export RABBIT_TLS_URL=amqps://$user@localhost:$RABBIT_TLS_PORT"
      ;;
    postgres)
      echo "export DATABASE_URL=postgresql://$user@127.0.0.1:$POSTGRES_PORT/duckfleet"
      echo "export DATABASE_TLS_URL='postgresql://$user@localhost:$POSTGRES_PORT/duckfleet?sslmode=verify-full'"
      ;;
    s3)
      echo "export S3_ENDPOINT=http://127.0.0.1:$S3_PORT S3_TLS_ENDPOINT=https://localhost:$S3_TLS_PORT"
      echo "export AWS_ACCESS_KEY_ID=duckfleet AWS_SECRET_ACCESS_KEY=$DUCKFLEET_PASSWORD AWS_REGION=us-east-1"
      ;;
  esac
}

# The names that Compose knows.
containers() {
  local service
  for service in "$@"; do
    echo "$service"
    if [ "$service" = s3 ]; then echo s3-tls; fi
  done
}

start() {
  local service names
  [ -e "$state/compose" ] || (umask 077 && settings >"$state/compose")
  mapfile -t names < <(containers "$@")
  say "starting $* with Docker Compose"
  compose up --detach --wait --wait-timeout 180 "${names[@]}" </dev/null >"$state/compose.log" 2>&1 9>&- || {
    tail -n 20 "$state/compose.log" >&2
    die 'Docker Compose did not start the services'
  }
  set -a
  . "$state/compose"
  set +a
  for service in "$@"; do (umask 077 && addresses "$service" >"$state/$service.env"); done
}

stop() {
  local names
  mapfile -t names < <(containers "$@")
  {
    compose rm --stop --force "${names[@]}"
    [ -n "$(compose ps --all --quiet)" ] || compose down --volumes
  } </dev/null >>"$state/compose.log" 2>&1 || die "Docker Compose did not stop them, see $state/compose.log"
}

case "${1:-}" in
  start | stop) [ $# -ge 3 ] ;;
  *) false ;;
esac || {
  echo 'usage: compose.sh start|stop STATE SERVICE…' >&2
  exit 2
}
command=$1
state=$(cd "$2" && pwd -P)
shift 2
"$command" "$@"
