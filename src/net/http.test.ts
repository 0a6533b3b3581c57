import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { afterTest } from '../../test/harness/after-test.ts';
import { openServer } from '../../test/world/open-server.ts';
import { BodyError, type HttpRequest, send } from './http.ts';
import { createOutgoing } from './outgoing.ts';
import { whyUnanswered } from './unanswered.ts';

const never = new AbortController().signal;

/** Opens a server, and returns a function that sends a request to it. */
async function open(t: TestContext, server: Server) {
  const { port, ...opened } = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => opened[Symbol.asyncDispose]());
  const url = `http://127.0.0.1:${port}/`;
  return (options: Partial<HttpRequest> = {}) =>
    send({ method: 'GET', url, maxBytes: 100, signal: never, ...options });
}

const listen = (t: TestContext, listener: RequestListener) => open(t, createServer(listener));

test('method, headers and body are sent, and a response of any status is returned whole', async (t) => {
  const ask = await listen(t, async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const { 'x-ask': asked, 'content-length': length } = request.headers;
    response.writeHead(418, { 'x-said': 'tea' }).end([request.method, asked, length, body].join(' '));
  });
  for (const outgoing of [undefined, createOutgoing()]) {
    const { status, headers, text } = await ask({
      ...{ method: 'POST', headers: { 'X-Ask': 'coffee' }, body: 'ü', family: 4 },
      ...(outgoing && { outgoing }),
    });
    assert.deepEqual([status, headers['x-said'], text], [418, 'tea', 'POST coffee 2 ü']);
    outgoing?.httpAgent.destroy();
  }
});

test('over a Unix socket, the request has the path of the URL', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'http-'));
  afterTest(t, () => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, 'socket');
  const server = createServer(({ url, headers }, response) => response.end(`${headers.host} ${url}`));
  const opened = await openServer(server, { path: socketPath });
  afterTest(t, () => opened[Symbol.asyncDispose]());
  const request = { method: 'GET', url: 'http://localhost/Info', maxBytes: 100, signal: never };
  assert.equal((await send({ ...request, socketPath })).text, 'localhost /Info');
});

test('a redirect is returned, not followed', async (t) => {
  const ask = await listen(t, (_, response) => response.writeHead(302, { location: '/there' }).end());
  assert.equal((await ask()).status, 302);
});

test('a body may be as long as the limit, but not longer', async (t) => {
  const ask = await listen(t, (_, response) => response.end('x'.repeat(100)));
  assert.equal((await ask()).text.length, 100);
  await assert.rejects(ask({ maxBytes: 99 }), { name: 'BodyError', code: 'BODY_TOO_LONG', bytes: 99 });
});

test('a connection that closes within the body is an error with its cause', async (t) => {
  const ask = await listen(t, (_, response) =>
    response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy()),
  );
  const failure: unknown = await ask().catch((thrown: unknown) => thrown);
  assert.ok(failure instanceof BodyError, String(failure));
  assert.deepEqual([failure.code, failure.bytes], ['BODY_INCOMPLETE', 4]);
  assert.equal(whyUnanswered(failure, 'https://ca.example', 'it').kind, 'connection-closed');
});

test('a response that is not HTTP and repeats a secret appears nowhere in the error', async (t) => {
  const ask = await open(
    t,
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('no HTTP, but hush-hush\r\n\r\n');
    }),
  );
  const failure: unknown = await ask().catch((thrown: unknown) => thrown);
  assert.equal(Reflect.get(Object(failure), 'code'), 'HPE_INVALID_CONSTANT');
  assert.doesNotMatch(inspect(failure, { depth: 20, showHidden: true }), /hush/);
});

for (const where of ['before the request', 'before the response', 'within the body'])
  test(`an abort ${where} rejects with the signal’s reason`, async (t) => {
    const abort = new AbortController();
    const reason = new Error('stopped');
    if (where === 'before the request') abort.abort(reason);
    const ask = await listen(t, (_, response) => {
      if (where === 'before the response') abort.abort(reason);
      else response.write('half', () => abort.abort(reason));
    });
    await assert.rejects(ask({ signal: abort.signal }), (thrown) => thrown === reason);
  });
