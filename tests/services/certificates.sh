#!/usr/bin/env bash
# A throw-away certificate authority, and a certificate for localhost and 127.0.0.1, for tests of TLS.
#   certificates.sh DIR   makes DIR/ca.pem, DIR/server.pem and DIR/server.key, once
set -euo pipefail
[ $# -eq 1 ] || { echo 'usage: certificates.sh DIR' >&2; exit 2; }
# The last one that is made.
[ ! -s "$1/server.pem" ] || exit 0
mkdir -p "$1"
cd "$1"

quiet() { "$@" 2>last.log || { cat last.log >&2; exit 1; }; }

quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
  -subj '/CN=duckfleet test authority' -keyout ca.key -out ca.pem \
  -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' \
  -keyout server.key -out server.csr
quiet openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out server.new \
  -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n')
mv server.new server.pem
rm -f server.csr last.log ca.srl
