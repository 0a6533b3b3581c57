#!/bin/sh
# acme-client 5.4.0 (npm): every error without an HTTP response is lost, after half a minute or
# more.
#
# Its axios instance has an interceptor that retries. After the last retry it settles the error by
# `response.config`, even if there is no response. So a refused connection, an unknown host, an
# untrusted certificate and a timeout all become the same TypeError without a URL, `code` or
# `cause`. By default it retries five times, after 5, 10, 15, 20 and 25 seconds;
# `axios.defaults.acmeSettings.retryMaxAttempts = 0`, as here, only makes the TypeError appear at
# once. A handler added with `axios.interceptors.response.use` runs later and gets the TypeError,
# too. Workaround: `axios.interceptors.request.clear()` and `axios.interceptors.response.clear()`.
# Then the error has its code, and the client sets `validateStatus` for each request itself.
#
# Seen with acme-client 5.4.0 and axios 1.21.1, a local port that nothing listens on:
#   as shipped:           TypeError undefined | Cannot read properties of undefined (reading 'config')
#   interceptors cleared: Error ECONNREFUSED | connect ECONNREFUSED 127.0.0.1:<port>
#
# Exits 0 while this is so, and 1 once it has changed.
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
  console.log('as shipped:          ', describe(lost));
  acme.axios.interceptors.request.clear();
  acme.axios.interceptors.response.clear();
  const reported = await failure(port);
  console.log('interceptors cleared:', describe(reported));
  const isSo = lost instanceof TypeError && lost.code === undefined && /reading 'config'/.test(lost.message);
  process.exitCode = isSo && reported.code === 'ECONNREFUSED' ? 0 : 1;
})();
JS
node try.cjs
