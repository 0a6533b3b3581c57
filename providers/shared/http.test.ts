import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { Secret } from '../../src/config/secret.ts';
import { IngressError } from '../../src/errors.ts';
import { afterTest } from '../../test/harness/after-test.ts';
import { createTestContext } from '../../test/harness/dns/provider-context.ts';
import { createFetch, createHttp } from './http.ts';

const never = new AbortController().signal;

/** A server, and two ways to call it: by a path of the base URL, and by a whole URL without one. */
async function open(t: TestContext, server: Server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(t, () => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  const { clock, outgoing } = createTestContext();
  const held: number[] = [];
  const host = `127.0.0.1:${address.port}`;
  const ask = (baseUrl: string, path: string) =>
    createHttp({
      title: 'An API',
      baseUrl,
      timeoutMs: 5000,
      secrets: [new Secret('hush-hush')],
      budget: { spend: async () => undefined, hold: async (ms) => void held.push(ms) },
      clock,
      outgoing,
    })({ doing: 'ask', method: 'GET', path }, never);
  return {
    held,
    host,
    ask: () => ask(`http://${host}`, '/'),
    askWholeUrl: () => ask('', `http://${host}/`),
  };
}

for (const [status, delays] of [
  [200, false],
  [404, false],
  [400, false],
  [405, true],
  [429, true],
  [503, true],
] as const) {
  test(`Retry-After with ${status} ${delays ? 'makes the next calls wait' : 'is no request to wait'}`, async (t) => {
    const server = createServer((_, response) =>
      response.writeHead(status, { 'retry-after': '7' }).end('{}'),
    );
    const { held, ask } = await open(t, server);
    const answer = await ask();
    assert.equal(answer.status, status);
    assert.equal(answer.retryAfterMs, status >= 400 ? 7000 : undefined);
    assert.deepEqual(held, delays ? [7000] : []);
  });
}

test('the error for a closed connection names the host, also of a whole URL', async (t) => {
  const { ask, askWholeUrl, host } = await open(
    t,
    createTcpServer((socket) => void socket.once('data', () => socket.destroy())),
  );
  for (const call of [ask, askWholeUrl]) {
    await assert.rejects(call(), {
      code: 'PROVIDER_UNREACHABLE',
      details: { reason: 'connection-closed', host },
    });
  }
});

test('a response that is not HTTP and repeats a secret appears nowhere in the error', async (t) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('no HTTP, but the key hush-hush\r\n\r\n');
  });
  const { ask } = await open(t, server);
  const error = await ask().catch((thrown: unknown) => thrown);
  assert.ok(error instanceof IngressError);
  assert.equal(error.code, 'PROVIDER_UNREACHABLE');
  const { cause } = error;
  assert.ok(cause instanceof Error);
  assert.deepEqual(Object.keys(cause), ['code']);
  assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /hush/);
});

test('an aborted fetch ends even if half of the body is missing', { timeout: 10_000 }, async (t) => {
  const abort = new AbortController();
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => abort.abort(new Error('too long')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(t, () => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  const fetch = createFetch(createTestContext().outgoing);
  const fetched = fetch(`http://127.0.0.1:${address.port}/`, { signal: abort.signal });
  await assert.rejects(fetched, { message: 'too long' });
});
