#!/bin/sh
# PowerDNS 4.7.3 (Debian bookworm; the same in 5.1.5): a key that may transfer a zone also signs the
# zone's NOTIFY.
#
# TSIG-ALLOW-AXFR reads like a list of keys that may transfer, as in BIND's allow-transfer. But once
# a zone has such a key, PowerDNS also signs its own NOTIFY with the first key of the list, whatever
# that key is for. A secondary that is authorized by its address and does not know the key responds
# NOTAUTH and keeps serving the old zone until its refresh interval ends; only PowerDNS's log says
# so. So a key for an ACME client or a backup cuts off secondaries that were notified before.
# `send-signed-notify=no` sends NOTIFY unsigned.
#
# Seen at a UDP port that ALSO-NOTIFY names:
#   no key:                                     NOTIFY, unsigned
#   TSIG-ALLOW-AXFR backup:                     NOTIFY, signed by backup
#   TSIG-ALLOW-AXFR backup, send-signed-notify=no: NOTIFY, unsigned
#
# Needs Debian bookworm in the host's apt sources, and python3. Exits 0 while this is so, and 1 once
# it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
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
apt-get -c apt.conf -qq -y --no-install-recommends --download-only install \
  pdns-server=4.7.3-2 pdns-backend-sqlite3=4.7.3-2 >/dev/null
for archive in archives/*.deb; do dpkg -x "$archive" root; done
cat >try.py <<'PY'
import glob, os, socket, sqlite3, subprocess, sys

root = sys.argv[1]
[loader] = glob.glob(root + '/lib/*-linux-gnu*/ld-linux-*.so.*')
usr = glob.glob(root + '/usr/lib/*-linux-gnu*')[0]
paths = usr + ':' + os.path.dirname(loader)
schema = open(root + '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql').read()

def free(kind):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]

def key_of(message):
    """The owner of the last record of the additional section, when it is TSIG: the name of the key."""
    def name(at):
        labels = []
        while message[at]:
            if message[at] >= 0xC0:
                return labels, at + 2
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        return labels, at + 1
    at = 12
    for _ in range(int.from_bytes(message[4:6], 'big')):
        at = name(at)[1] + 4
    for _ in range(sum(int.from_bytes(message[i:i + 2], 'big') for i in (6, 8, 10))):
        labels, at = name(at)
        if int.from_bytes(message[at:at + 2], 'big') == 250:
            return '.'.join(labels)
        at += 10 + int.from_bytes(message[at + 8:at + 10], 'big')
    return None

def notify(case, key, settings):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(('127.0.0.1', 0))
    listener.settimeout(60)
    home = os.path.join(os.path.dirname(root), case)
    os.mkdir(home)
    database = sqlite3.connect(home + '/db')
    database.executescript(schema)
    database.execute("INSERT INTO domains (id, name, type) VALUES (1, 'example.com', 'MASTER')")
    row = 'INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (1, ?, ?, ?, 60, 1)'
    database.execute(row, ('example.com', 'SOA', 'ns1.example.com hostmaster.example.com 1 3600 600 86400 1'))
    meta = 'INSERT INTO domainmetadata (domain_id, kind, content) VALUES (1, ?, ?)'
    database.execute(meta, ('ALSO-NOTIFY', '127.0.0.1:%d' % listener.getsockname()[1]))
    if key:
        database.execute("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, 'hmac-sha256', 'c2VjcmV0c2VjcmV0')", (key,))
        database.execute(meta, ('TSIG-ALLOW-AXFR', key))
    database.commit()
    database.close()
    lines = ['launch=gsqlite3', 'gsqlite3-database=' + home + '/db', 'primary=yes', 'local-address=127.0.0.1',
             'local-port=%d' % free(socket.SOCK_STREAM), 'socket-dir=' + home, 'module-dir=' + usr + '/pdns',
             'security-poll-suffix=', 'disable-syslog=yes'] + settings
    open(home + '/pdns.conf', 'w').write('\n'.join(lines) + '\n')
    command = [loader, '--library-path', paths, root + '/usr/sbin/pdns_server', '--config-dir=' + home]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        message = listener.recv(4096)
    finally:
        server.kill()
        server.wait()
    assert (message[2] >> 3) % 16 == 4, 'no NOTIFY'
    return key_of(message)

seen = [notify('a', None, []), notify('b', 'backup', []), notify('c', 'backup', ['send-signed-notify=no'])]
titles = ['no key', 'TSIG-ALLOW-AXFR backup', 'TSIG-ALLOW-AXFR backup, send-signed-notify=no']
for title, key in zip(titles, seen):
    print('%s: NOTIFY, %s' % (title, 'signed by ' + key if key else 'unsigned'))
sys.exit(0 if seen == [None, 'backup', None] else 1)
PY
python3 try.py "$folder/root"
