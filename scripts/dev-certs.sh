#!/bin/sh
# Makes a private authority with certificates for trying TLS and mtls (docs/security.md). Not for production: the key of
# the authority lies beside the others, without a passphrase.
#
#   scripts/dev-certs.sh [-d DAYS] DIR [HOST...]
#
# Writes ca.crt, ca.key, server.crt, server.key, client.crt and client.key into DIR. HOST are the names and addresses
# under which the daemons are reached, beside localhost, 127.0.0.1 and ::1. An authority that is there already is used
# again, so that clients that trust it need no change.
set -eu

days=365
while getopts d: option; do
  case $option in
    d) days=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
if [ $# -lt 1 ]; then
  echo "usage: $0 [-d DAYS] DIR [HOST...]" >&2
  exit 2
fi
command -v openssl >/dev/null || { echo "$0: openssl is not installed" >&2; exit 1; }

directory=$1
shift
umask 077
mkdir -p "$directory"
cd "$directory"

names="DNS:localhost,IP:127.0.0.1,IP:::1"
for host in "$@"; do
  case $host in
    *:*) names="$names,IP:$host" ;;
    *[!0-9.]*) names="$names,DNS:$host" ;;
    *) names="$names,IP:$host" ;;
  esac
done

# One command's chatter is shown only when it fails.
quietly() {
  log=$("$@" 2>&1) || { echo "$log" >&2; exit 1; }
}

new_key() {
  quietly openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# certificate NAME SUBJECT EXTENSIONS
certificate() {
  new_key "$1.key"
  quietly openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "$3" >"$1.ext"
  quietly openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -sha256 \
    -extfile "$1.ext" -out "$1.crt"
  rm -f "$1.csr" "$1.ext"
}

if [ ! -f ca.key ]; then
  new_key ca.key
  quietly openssl req -x509 -new -key ca.key -days "$days" -sha256 -subj "/O=Flame development/CN=Flame development CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
fi
# The daemons are each other's clients, and show the same certificate there.
certificate server "/O=Flame development/CN=flame-server" "extendedKeyUsage=serverAuth,clientAuth
subjectAltName=$names"
certificate client "/O=Flame development/CN=flame-client" "extendedKeyUsage=clientAuth"
chmod 644 ca.crt server.crt client.crt
echo "certificates for $names are in $(pwd)"
