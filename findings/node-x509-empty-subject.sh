#!/bin/sh
# Node.js 26.10.0 (npm package node): X509Certificate has no subject and no issuer if the
# name is empty.
#
# According to documentation and types both are strings, so an empty one is expected; both are
# undefined. Certificates of ACME profiles without a common name have an empty subject (the names
# are in the subject alternative name, RFC 5280 section 4.1.2.6). So code that formats any
# certificate's subject, or searches its issuer, works for years and throws a TypeError at the first
# such certificate. `toLegacyObject()` has an object without properties instead.
#
# Seen, a certificate with the subject CN=x, then one without a subject:
#   CN=x: subject "CN=x", issuer "CN=x"
#   none: subject undefined, issuer undefined
#
# Needs openssl and npm. Exits 0 while this is so, and 1 once it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 >/dev/null
make() { # NAME SUBJECT
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "$2" -addext subjectAltName=DNS:app.example.test \
    -keyout "$1.key" -out "$1.crt" 2>/dev/null
}
make named /CN=x
make nameless /
cat >try.cjs <<'JS'
const { X509Certificate } = require('node:crypto');
const { readFileSync } = require('node:fs');

const parts = (file) => {
  const { subject, issuer } = new X509Certificate(readFileSync(file));
  return [subject, issuer];
};
const show = (what, [subject, issuer]) =>
  console.log(`${what}: subject ${JSON.stringify(subject)}, issuer ${JSON.stringify(issuer)}`);
const [named, nameless] = [parts('named.crt'), parts('nameless.crt')];
show('CN=x', named);
show('none', nameless);
process.exitCode = named.every((one) => one === 'CN=x') && nameless.every((one) => one === undefined) ? 0 : 1;
JS
node_modules/.bin/node try.cjs
