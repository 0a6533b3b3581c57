import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { startH2App, startHttpApp } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { answerOf, openH2, sendRequest } from '../harness/clients/h2.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { eventually, HTTP_ALPN, httpRoutes, routesTo, startServing } from '../harness/proxy/proxy.ts';

const MB = 1_000_000;
const OTHERS = Array.from({ length: 5 });

interface Upload {
  readonly port: number;
  /** The client that uploads. */
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Makes the app read the body. */
  readonly read: () => void;
}

/**
 * An upload whose request has reached an app that does not read the body; it responds to every
 * other request at once.
 */
async function begin(t: TestContext, bytes: number): Promise<Upload> {
  const held = Promise.withResolvers<void>();
  let begun = false;
  const app = await startHttpApp(t, async (request, response) => {
    if (request.method === 'POST') {
      begun = true;
      await held.promise;
      await once(request.resume(), 'end');
    }
    response.end('here');
  });
  const { port } = await startServing(t, httpRoutes(app));
  const session = await openH2(t, port);
  const stream = session.request({ ':method': 'POST', ':path': '/upload' });
  stream.end(Buffer.alloc(bytes));
  await eventually('the upload has begun', () => begun);
  return { port, session, stream, read: held.resolve };
}

async function assertArrives({ stream, read }: Upload): Promise<void> {
  const answer = answerOf(stream);
  read();
  assert.equal((await answer).body, 'here');
}

/** Earlier versions do not have enough buffers for a connection; see docs/traffic.md. */
if (haproxyVersion >= 301)
  test('an unread body of 8 MB does not block other requests of its connection', async (t) => {
    const upload = await begin(t, 8 * MB);
    for (const _ of OTHERS) assert.equal((await sendRequest(upload.session, { ':path': '/' })).body, 'here');
    await assertArrives(upload);
  });

test('an unread body does not block other connections, and arrives once the app reads it', async (t) => {
  const upload = await begin(t, 64 * MB);
  const other = await openH1(t, upload.port);
  for (const _ of OTHERS) assert.equal((await other.get('/', 'app.example')).body, 'here');
  await assertArrives(upload);
});

test('through a TCP target an HTTP/2 request can carry 20 MB in both directions at once, unlike through an HTTP target', async (t) => {
  const app = await startH2App(t, (server) => {
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
  });
  const { port } = await startServing(t, routesTo({ port: app }, ['app.example'], HTTP_ALPN));
  const stream = (await openH2(t, port)).request({ ':method': 'PUT', ':path': '/' });
  let received = 0;
  stream.on('data', (piece: Buffer) => {
    received += piece.length;
  });
  const ended = once(stream, 'end', { signal: AbortSignal.timeout(30_000) });
  Readable.from(Array.from({ length: 20 * 64 }, () => Buffer.alloc(MB / 64))).pipe(stream);
  await ended;
  assert.equal(received, 20 * MB);
});
