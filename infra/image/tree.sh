#!/usr/bin/env bash
# What an image holds of duckfleet, from a checkout after `npm ci` and `npm run build`:
#   tree.sh FOLDER   FOLDER gets package.json, the compiled code, and the packages it runs on, without what never runs
set -euo pipefail
[ $# -eq 1 ] || { echo 'usage: tree.sh FOLDER' >&2; exit 2; }
mkdir -p "$1"
tree=$(cd "$1" && pwd -P)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
checkout=$(pwd -P)
if [ -n "$(ls -A "$tree")" ]; then
  echo "tree.sh: $tree is not empty" >&2
  exit 1
fi

cp package.json LICENSE "$tree/"
mkdir "$tree/dist"
for part in src publishers consumers; do
  if [ -e "dist/$part" ]; then cp -r "dist/$part" "$tree/dist/"; fi
done

# Packages below others' node_modules come with them. Other platforms' bindings were not installed.
mapfile -t packages < <(npm ls --omit=dev --all --parseable |
  sed -nE "s#^$checkout/(node_modules/(@[^/]+/)?[^/]+)\$#\1#p")
[ ${#packages[@]} -gt 10 ] || { echo 'tree.sh: npm ls named no packages: run npm ci' >&2; exit 1; }
cp -r --parents "${packages[@]}" "$tree/"

cd "$tree"
# Maps, types and documents; Node's own type definitions are a dependency of apache-arrow.
find . -depth \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' -o -name '*.flow' \) \
  -type f -delete
find node_modules -depth -type d \( -path '*/node_modules/@types' -o -name .bin -o -name dist-types \) -exec rm -rf {} +
# The same code once more, for bundlers: Node loads dist-cjs.
rm -rf node_modules/@aws-sdk/*/dist-es node_modules/@smithy/*/dist-es
# Of the variants of an old engine, src/engine/drivers/wasm.ts loads one.
for engine in node_modules/duckdb-wasm-*; do
  find "$engine/dist" -mindepth 1 -maxdepth 1 ! -name duckdb-node-blocking.cjs ! -name duckdb-eh.wasm -exec rm -rf {} +
  [ -s "$engine/dist/duckdb-eh.wasm" ]
done
find . -depth -type d -empty -delete
# Nobody but root may change it, and everybody may run it.
chmod -R u=rwX,go=rX .
