#!/bin/sh
# certbot 2.1.0 (Debian bookworm; the same in 4.0.0 and 5.5.0): a certificate without its
# renewal/<name>.conf costs an order, and then every renewal fails.
#
# An operator restores live/ and archive/ from a backup without renewal/, or another program has
# written a certificate in certbot's layout. `certbot certonly` should then take over the
# directories, or refuse before it contacts the CA. Instead it orders, has the certificate
# issued, and only then finds that it cannot store it: "archive directory exists for <name>". The
# certificate and its key are lost (the CA counts them anyway), and an empty renewal/<name>.conf
# remains. From then on `certbot renew` exits with 1 for all other names, too, because a file that
# cannot be parsed counts as a failure. The next `certonly` silently uses <name>-0001, so a server
# that reads live/<name>/ keeps the old certificate until it expires.
#
# Seen:
#   certonly without the conf: exit 1, "archive directory exists for app.example.test", one more certificate issued
#   renewal/app.example.test.conf: 0 bytes
#   renew: exit 1, "0 renew failure(s), 1 parse failure(s)"
#   certonly once more: exit 0, into live/app.example.test-0001
#
# Needs Debian bookworm in the host's apt sources, and openssl. Exits 0 while this is so, and 1 once
# it has changed.
set -eu
folder=$(mktemp -d)
pebble=''
trap '[ -z "$pebble" ] || kill "$pebble"; rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p state/lists/partial archives/partial root
: >status
cat >apt.conf <<END
Dir::State "$folder/state";
Dir::State::status "$folder/status";
Dir::Cache::archives "$folder/archives";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
apt-get -c apt.conf -qq update
# With an empty list of installed packages, apt also downloads Python and the libraries.
apt-get -c apt.conf -qq -y --no-install-recommends --download-only install \
  certbot=2.1.0-4 pebble=2.4.0+ds1-2+b4 >/dev/null
for archive in archives/*.deb; do dpkg -x "$archive" root; done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -addext subjectAltName=IP:127.0.0.1 \
  -keyout api.key -out api.crt 2>/dev/null
cat >pebble.json <<END
{"pebble": {"listenAddress": "127.0.0.1:24000", "managementListenAddress": "127.0.0.1:25000", "certificate": "$folder/api.crt",
 "privateKey": "$folder/api.key", "httpPort": 5002, "tlsPort": 5001}}
END
PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 root/usr/bin/pebble -config pebble.json >pebble.log 2>&1 &
pebble=$!

loader=$(echo root/lib/*-linux-gnu*/ld-linux-*.so.*)
libraries=$folder/root/usr/lib/${loader#root/lib/}
certbot() {
  verb=$1
  shift
  REQUESTS_CA_BUNDLE=$folder/api.crt PYTHONHOME=$folder/root/usr "$loader" \
    --library-path "${libraries%/*}:$folder/${loader%/*}" root/usr/bin/python3.11 root/usr/bin/certbot "$verb" --config-dir volume --work-dir work --logs-dir logs \
    --server https://127.0.0.1:24000/dir --non-interactive "$@" >said 2>&1
}
certonly() {
  certbot certonly --manual --preferred-challenges dns --manual-auth-hook true --agree-tos --register-unsafely-without-email \
    -d app.example.test
}
issued() { grep -c 'Issued certificate serial' pebble.log || true; }
expect() { # WHAT SEEN EXPECTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "changed: expected $3"; cat said; exit 1; }
}

tries=0
until grep -q 'ACME directory available' pebble.log; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { cat pebble.log; exit 1; }
  sleep 0.1
done
certonly || { cat said; exit 1; }
before=$(issued)
rm volume/renewal/app.example.test.conf

code=0
certonly || code=$?
expect 'certonly without the conf' "$code, $(grep -o 'archive directory exists for app.example.test' said | head -1)" \
  '1, archive directory exists for app.example.test'
expect 'certificates issued for it' "$(($(issued) - before))" 1
expect 'bytes of the conf' "$(wc -c <volume/renewal/app.example.test.conf)" 0
code=0
certbot renew --no-random-sleep-on-renew || code=$?
expect 'renew' "$code, $(grep -o '0 renew failure(s), 1 parse failure(s)' said)" '1, 0 renew failure(s), 1 parse failure(s)'
code=0
certonly || code=$?
expect 'certonly once more' "$code, $(cd volume/live && echo app*)" '0, app.example.test app.example.test-0001'
