#!/usr/bin/env bash
# Everything that has to hold, as `npm test` runs it on a fresh clone after `npm ci`. The first run fetches engines and
# a second Node with npm, and compiles one of the engines (about 10 minutes); later ones find them in the cache folder.
# RabbitMQ, PostgreSQL and S3 are those that the environment names, else this run's own, and end with it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

NODE_24=24.21.0
ENGINES=(native:0.8.1 neo:1.4.4 neo:1.1.3)
passed=0
failed=0
results=$(mktemp -d)
# PostgreSQL may run as another user, and has to get through.
chmod 711 "$results"
export DUCKFLEET_SERVICES=$results/services
services_job=
trap end_all EXIT

end_all() {
  # One that is still starting would be missed.
  [ -z "$services_job" ] || wait "$services_job"
  tests/services/services.sh stop
  rm -rf "$results"
}

section() { printf '\n=== %s\n' "$*"; }

close() {
  printf '\n%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}

# A step that has to succeed, and counts only when it does not.
step() {
  local name=$1
  shift
  section "$name"
  "$@" && return
  failed=$((failed + 1))
  printf '%s: failed\n' "$name"
  return 1
}

# Tests: `tests NAME NODE VITEST-ARGUMENTS…`; a test that was skipped is a failure.
tests() {
  local name=$1 node=$2 counts status=0
  shift 2
  section "$name ($("$node" --version))"
  "$node" node_modules/vitest/vitest.mjs run --reporter=default --reporter=json \
    --outputFile.json="$results/last.json" "$@" || status=1
  counts=$(node tests/count-results.mjs "$results/last.json") || counts='0 1'
  rm -f "$results/last.json"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  # Such as an error outside of every test.
  if [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then failed=$((failed + 1)); fi
}

# A compiler for the native engine, where this is a bare Debian.
compiler() {
  if command -v g++ >/dev/null && command -v make >/dev/null && command -v python3 >/dev/null; then return; fi
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends g++ make python3
  else
    echo 'the native engine 0.8.1 is compiled where there is none for this Node: install g++, make and python3'
  fi
}

engines() {
  if [ ! -f "$cache/native-0.8.1/node_modules/duckdb/lib/binding/duckdb.node" ]; then compiler || return; fi
  node dist/src/cli/main.js engines install "${ENGINES[@]}"
}

services() {
  wait "$services_job"
  local status=$?
  services_job=
  cat "$results/services.log"
  [ "$status" -eq 0 ] || return
  eval "$(cat "$results/services.env")"
}

# A package of its own: what it needs is nothing that the fleet runs with.
infrastructure() {
  step 'Infrastructure: build' npm run --prefix infra --silent build || return
  step 'Infrastructure: types' npm run --prefix infra --silent typecheck
  tests 'Infrastructure' node --root infra
  step 'Infrastructure: synth' npm run --prefix infra --silent synth -- -c env=prod
}

# npm carries Node itself; its package is nothing but the program.
second_node() {
  local package
  package="node-$(node -p '`${process.platform}-${process.arch}`')"
  node_24="$(dirname "$cache")/node-$NODE_24/node_modules/$package/bin/node"
  [ -x "$node_24" ] && return
  npm install --prefix "$(dirname "$cache")/node-$NODE_24" --ignore-scripts --no-audit --no-fund --no-package-lock \
    "$package@$NODE_24"
}

step 'Build' npm run --silent build || close
(umask 077 && exec tests/services/services.sh start >"$results/services.env" 2>"$results/services.log") &
services_job=$!
step 'Infrastructure: install' npm ci --prefix infra --no-audit --no-fund --loglevel=error
step 'Types' npm run --silent typecheck
step 'Lint' npm run --silent lint
tests 'Unit tests' node --project unit
infrastructure

cache=$(node -e 'import("./dist/src/config.js").then(({ readConfig }) => console.log(readConfig().enginesFolder))')
step 'Services for the tests' services
if step 'Engines for the tests' engines; then tests 'Integration tests' node --project integration; fi

if step "Node $NODE_24" second_node; then
  tests 'Unit tests' "$node_24" --project unit
  tests 'Conformance' "$node_24" --project integration tests/integration/conformance.test.ts
fi
close
