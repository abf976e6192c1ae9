#!/usr/bin/env bash
# Engines for an image, beside those that come with duckfleet:
#   engines.sh FOLDER [ENGINE…]   installs them into FOLDER, such as native:0.8.1 (compiled, if need be: g++, make,
#                                 python3), and removes what was only needed to build them
set -euo pipefail
[ $# -ge 1 ] || { echo 'usage: engines.sh FOLDER [ENGINE…]' >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd -P)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ $# -eq 0 ] || DUCKFLEET_ENGINES=$folder node dist/src/cli/main.js engines install "$@"

for engine in "$folder"/*/node_modules/duckdb; do
  [ -d "$engine" ] || continue
  # Its source, and the objects of the compiler: most of what there is.
  rm -rf "$engine"/{build,src,test,configure,configure.py,Makefile,binding.gyp,binding.gyp.in,tsconfig.json}
  strip --strip-unneeded "$engine/lib/binding/duckdb.node" 2>/dev/null || true
done
find "$folder" -depth \( -name '*.map' -o -name '*.ts' -o -name '*.md' -o -name '*.lock' \) -type f -delete
find "$folder" -depth -type d -name .bin -exec rm -rf {} +
chmod -R u=rwX,go=rX "$folder"
# Still whole?
DUCKFLEET_ENGINES=$folder node dist/src/cli/main.js engines list
