#!/bin/sh
# acme-client 5.4.0 (npm): every error without an HTTP response is lost, after half a minute or more.
#
# Its axios instance has an interceptor that retries. When the retries are used up it settles the error by `response.config`,
# also where there is no response: a refused connection, a name that is not found, a certificate that is not trusted and a time-out
# all become one TypeError that names no URL and has neither `code` nor `cause`. Retries are five by default, after 5, 10, 15, 20 and 25
# seconds; setting `axios.defaults.acmeSettings.retryMaxAttempts` to 0, as here, only brings the TypeError at once. An error handler that is
# added with `axios.interceptors.response.use` comes after it and sees the TypeError too. What helps: `axios.interceptors.request.clear()` and
# `axios.interceptors.response.clear()`, then the error has its code; the client sets `validateStatus` for each request itself.
#
# Seen with acme-client 5.4.0 and axios 1.21.1, a local port that nobody listens on:
#   as it comes:          TypeError undefined | Cannot read properties of undefined (reading 'config')
#   interceptors cleared: Error ECONNREFUSED | connect ECONNREFUSED 127.0.0.1:<port>
#
# Exits 0 while this is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts acme-client@5.4.0 axios@1.21.1 >/dev/null
cat >try.cjs <<'JS'
const { createServer } = require('node:net');
const acme = require('acme-client');

async function closedPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function failure(port) {
  const accountKey = await acme.crypto.createPrivateEcdsaKey();
  const client = new acme.Client({ directoryUrl: `http://127.0.0.1:${port}/directory`, accountKey });
  try {
    await client.createAccount({ termsOfServiceAgreed: true });
  } catch (thrown) {
    return thrown;
  }
}

const describe = ({ constructor, name, code, message }) => `${constructor === TypeError ? 'TypeError' : name} ${code} | ${message}`;

(async () => {
  const port = await closedPort();
  acme.axios.defaults.acmeSettings.retryMaxAttempts = 0;
  const lost = await failure(port);
  console.log('as it comes:         ', describe(lost));
  acme.axios.interceptors.request.clear();
  acme.axios.interceptors.response.clear();
  const kept = await failure(port);
  console.log('interceptors cleared:', describe(kept));
  const isSo = lost instanceof TypeError && lost.code === undefined && /reading 'config'/.test(lost.message);
  process.exitCode = isSo && kept.code === 'ECONNREFUSED' ? 0 : 1;
})();
JS
node try.cjs
