#!/bin/sh
# HAProxy 2.6.12 (Debian bookworm; 3.0, 3.2 and 3.4 on reused server connections): a request that
# the server has read before it closes is reported to HTTP/2 clients as REFUSED_STREAM, and a POST
# runs several times.
#
# RFC 9113 §8.7 defines REFUSED_STREAM as "closed before any processing", so clients may resend the
# request whatever its method, and curl does. HAProxy uses it whenever it has no response yet to a
# request that is not the first of its connection (over HTTP/2 none is): it mistakes the server's
# close for the end of an idle connection. `retry-on none` changes nothing. From 3.0, only requests
# on reused server connections are affected, and `option http-server-close` avoids it. No failure is
# logged.
#
# Seen with haproxy 2.6.12 and curl 7.88.1, a server that reads each POST whole and closes the
# connection:
#   HTTP/1.1, the first request: 502, read once
#   HTTP/2, the first request:   000, read 6 times
#
# Needs Debian bookworm in the host's apt sources, curl and python3. Exits 0 while this is so, and 1
# once it has changed.
set -eu
folder=$(mktemp -d)
pids=
trap 'test -z "$pids" || kill $pids 2>/dev/null; rm -rf "$folder"' EXIT
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
# With an empty list of installed packages, apt also downloads the libraries.
apt-get -c apt.conf -qq -y --no-install-recommends --download-only install 'haproxy=2.6.12-1+deb12u4' >/dev/null
for archive in archives/*.deb; do dpkg -x "$archive" root; done
cat >server.py <<'PY'
import socket, sys, threading

server = socket.create_server(('127.0.0.1', 0))
open('server.port', 'w').write(str(server.getsockname()[1]))

def serve(connection):
    read = b''
    while b'\r\n\r\nbody' not in read:
        more = connection.recv(65536)
        if not more:
            return
        read += more
    with open('reads', 'a') as log:
        log.write(read.split(b' ')[1].decode() + '\n')
    connection.close()

while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
PY
python3 server.py &
pids="$pids $!"
until [ -s server.port ]; do sleep 0.1; done
port=$((20000 + $$ % 10000))
cat >haproxy.cfg <<TEXT
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend either
  bind 127.0.0.1:$port
  default_backend server
backend server
  retry-on none
  server one 127.0.0.1:$(cat server.port)
TEXT
loader=$(find root -name 'ld-linux-*.so.*' | head -1)
libraries=$(find "$folder/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
"$loader" --library-path "$libraries" root/usr/sbin/haproxy -db -f haproxy.cfg >log 2>&1 &
pids="$pids $!"
: >reads
post() {
  status=$(curl --silent --noproxy '*' --max-time 10 --output answer --write-out '%{http_code}' "$1" --data body "http://127.0.0.1:$port$2" || true)
  echo "$status, read $(grep -c "^$2\$" reads) times"
}
tries=0
until curl --silent --noproxy '*' --max-time 1 --output answer "http://127.0.0.1:$port/up" --data body; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { cat log; exit 1; }
  sleep 0.1
done
{
  echo "HTTP/1.1, the first request: $(post --http1.1 /h1)"
  echo "HTTP/2, the first request:   $(post --http2-prior-knowledge /h2)"
} | tee seen
grep -q '^HTTP/1.1, the first request: 502, read 1 times$' seen
grep -Eq '^HTTP/2, the first request:   000, read ([2-9]|[1-9][0-9]+) times$' seen
