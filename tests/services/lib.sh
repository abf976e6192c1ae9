# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.

say() { printf 'services: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

secret() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

# True if something accepts connections at HOST PORT.
listens() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Prints the first port of COUNT neighbours on 127.0.0.1 that are free, below the ports that systems give to clients.
free_ports() {
  local count=$1 port offset
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 11000))
    for ((offset = 0; offset < count; offset++)); do
      listens 127.0.0.1 $((port + offset)) && continue 2
    done
    echo "$port"
    return
  done
  die 'no free ports between 20000 and 31000'
}

# ours PID MARK: true if that process lives and MARK is in its arguments or environment: a process id alone may have
# been given to somebody else since.
ours() {
  tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$2" ||
    tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qF -- "$2"
} 2>/dev/null

# alive PID_FILE MARK: prints the process id in PID_FILE if it is that of a process of ours.
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && ours "$pid" "$2" && echo "$pid"
}

# wait_for SECONDS COMMAND…: true as soon as COMMAND is.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# end_process PID_FILE MARK SECONDS: ends a process of ours, politely, and after SECONDS with force.
end_process() {
  local mark=$2 pid
  pid=$(alive "$1" "$mark") || return 0
  gone() { ! ours "$pid" "$mark"; }
  # A stopped process hears SIGTERM only when it goes on.
  kill -TERM "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null
  wait_for "$3" gone && return
  kill -KILL "$pid" 2>/dev/null
  wait_for 10 gone
}

# install PACKAGE…: Debian's packages, without the system services that they bring.
install_packages() {
  [ "$(id -u)" -eq 0 ] || die "the Debian packages $* are needed: install them, or run this as root"
  command -v apt-get >/dev/null || die "this system has no apt-get: start the services yourself and set their variables"
  say "installing the Debian packages $*"
  local policy=/usr/sbin/policy-rc.d log status=0 ours='' epmd=''
  log=$(mktemp)
  if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  listens 127.0.0.1 4369 || epmd=ours
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
    </dev/null >"$log" 2>&1 || status=1
  [ -z "$ours" ] || rm -f "$policy"
  # Installing RabbitMQ leaves Erlang's port mapper behind.
  if [ "$epmd" = ours ] && command -v epmd >/dev/null; then epmd -kill >/dev/null 2>&1 || true; fi
  [ "$status" -eq 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  [ "$status" -eq 0 ] || die "installing $* failed"
}
