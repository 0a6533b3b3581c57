#!/bin/sh
# tinyproxy 1.11.1 (Debian bookworm): on CONNECT, missing credentials get 407 and wrong ones get
# 401.
#
# RFC 9110 §15.5.8 and §11.7 give a proxy 407 for both, and clients use 407 to tell "the proxy
# requires other credentials" from a response of the server behind it. On CONNECT, tinyproxy 1.11.1
# sends 407 only to a request without Proxy-Authorization; a wrong password gets 401. A client that
# takes 401 for the server's response makes the user check the wrong password.
#
# Seen with tinyproxy-bin 1.11.1-2.1+deb12u1, `BasicAuth somebody right`:
#   none:  HTTP/1.0 407 Proxy Authentication Required
#   wrong: HTTP/1.0 401 Unauthorized
#
# Exits 0 while this is so, and 1 once it has changed.
set -eu
folder=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 "$folder"
apt-get download -qq tinyproxy-bin=1.11.1-2.1+deb12u1 2>/dev/null
dpkg -x tinyproxy-bin_*.deb unpacked
port=$((20000 + $$ % 10000))
cat >tinyproxy.conf <<TEXT
Port $port
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 30
BasicAuth somebody right
TEXT
unpacked/usr/bin/tinyproxy -d -c tinyproxy.conf >log 2>&1 &
pid=$!
ask() {
  curl --silent --max-time 5 --noproxy '' --include --proxy "http://${1}127.0.0.1:$port" https://127.0.0.1:9/ | head -1 | tr -d '\r'
}
tries=0
until [ -n "$(ask '')" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { cat log; exit 1; }
  kill -0 "$pid" || { cat log; exit 1; }
  sleep 0.1
done
{
  echo "none:  $(ask '')"
  echo "wrong: $(ask somebody:wrong@)"
} | tee seen
grep -q '^none:  HTTP/1.0 407 ' seen && grep -q '^wrong: HTTP/1.0 401 ' seen
