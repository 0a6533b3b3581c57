import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import { test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { openServer } from '../../test/world/open-server.ts';
import { bypassesProxy } from './no-proxy.ts';
import { createOutgoing } from './outgoing.ts';

/** Nothing listens on port 1, so a direct connection to an address is refused at once. */
const asked: [noProxy: string, url: string, isDirect: boolean][] = [
  ['', 'https://ca.test/', false],
  ['ca.test', 'https://ca.test/dir', true],
  ['CA.Test', 'https://cA.tEST/', true],
  ['ca.test', 'https://www.ca.test/', false],
  ['ca.test', 'https://notca.test/', false],
  ['other.test, ca.test', 'https://ca.test:1/', true],
  ['ca.test:443', 'https://ca.test/', true],
  ['ca.test:1', 'https://ca.test/', false],
  ['ca.test:1', 'https://ca.test:1/', true],
  ['.ca.test', 'https://ca.test/', true],
  ['.ca.test', 'https://www.ca.test/', true],
  ['.ca.test', 'https://notca.test/', false],
  ['*.ca.test', 'https://a.b.ca.test/', true],
  ['*.ca.test', 'https://ca.test/', false],
  ['*', 'https://ca.test/', true],
  ['127.0.0.9', 'https://127.0.0.9:1/', true],
  ['127.0.0.9', 'https://127.0.0.8:1/', false],
  ['127.0.0.2-127.0.1.1', 'https://127.0.0.255:1/', true],
  ['127.0.0.2 - 127.0.1.1', 'https://127.0.1.1:1/', true],
  ['127.0.0.2-127.0.1.1', 'https://127.0.1.2:1/', false],
  ['127.0.0.2-127.0.1.1', 'https://ca.test/', false],
  ['127.0.0.0/8', 'https://127.0.0.9:1/', false],
  ['my-ca.test', 'https://my-ca.test/', true],
  ['::1', 'https://[::1]:1/', true],
  ['::1:1', 'https://[::1]:1/', true],
  ['[::1]', 'https://[::1]:1/', false],
];

const noLookup: LookupFunction = (hostname, _, found) => found(new Error(`${hostname} is looked up`), '');

for (const [noProxy, url, isDirect] of asked) {
  test(`NO_PROXY=${noProxy}: ${url} ${isDirect ? 'bypasses' : 'goes through'} the proxy, as in Node.js`, async (t) => {
    const connects: unknown[] = [];
    const proxy = createServer().on('connect', ({ url: target }, socket: Socket) => {
      connects.push(target);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    const opened = await openServer(proxy, { host: '127.0.0.1', port: 0 });
    afterTest(t, () => opened[Symbol.asyncDispose]());
    const host = `127.0.0.1:${opened.port}`;
    const { httpsAgent: agent } = createOutgoing({ url: `http://${host}/`, host, noProxy });
    const failed = Promise.withResolvers<unknown>();
    request(url, { agent, lookup: noLookup }).on('error', failed.resolve).end();
    await failed.promise;
    assert.deepEqual([connects.length === 0, bypassesProxy(url, noProxy)], [isDirect, isDirect]);
  });
}

test('only https:// goes through the proxy', () => {
  assert.equal(bypassesProxy('http://ca.test/', ''), true);
  assert.equal(bypassesProxy('the certificate authority', ''), true);
});
