import assert from 'node:assert/strict';
import { EventEmitter, on, once } from 'node:events';
import type { RequestListener } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { startHttpApp } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { headersOf, openH2, sendRequest } from '../harness/clients/h2.ts';
import { httpRoutes, startServing } from '../harness/proxy/proxy.ts';

const EVENTS = 10;
const PIECES = Array.from({ length: EVENTS }, (_, index) => `piece ${index}`);
/**
 * Milliseconds for all pieces. If HAProxy told the kernel that more will follow, each would be
 * delayed by 200 ms.
 */
const SOON_MS = 1_000;

/**
 * An app that waits for events, never for timers: `/events` sends the next event when the last one
 * was confirmed through `/confirm`, and `/received` responds when the next piece of the body of
 * `/upload` has arrived.
 */
function slowly(): RequestListener {
  const said = new EventEmitter();
  const pieces: string[] = [];
  return async (request, response) => {
    switch (request.url) {
      case '/events': {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const confirmed = on(said, 'confirmed');
        for (let n = 1; n <= EVENTS; n += 1) {
          response.write(`data: ${n}\n\n`);
          await confirmed.next();
        }
        response.end();
        return;
      }
      case '/confirm':
        said.emit('confirmed');
        response.end('ok');
        return;
      case '/upload':
        for await (const piece of request) {
          pieces.push(String(piece));
          said.emit('received');
        }
        response.end('done');
        return;
      default:
        if (pieces.length === 0) await once(said, 'received');
        response.end(pieces.shift());
    }
  };
}

/** Returns a function that fails when it is called too late. */
function soon(): () => void {
  const begun = performance.now();
  return () => {
    const ms = performance.now() - begun;
    assert.ok(ms < SOON_MS, `${ms} ms`);
  };
}

async function serve(t: TestContext): Promise<number> {
  const { port } = await startServing(t, httpRoutes(await startHttpApp(t, slowly())));
  return port;
}

describe('streaming', { concurrency: true }, () => {
  test('each server-sent event arrives before the next one is sent, over HTTP/1.1', async (t) => {
    const port = await serve(t);
    const [events, other] = [await openH1(t, port), await openH1(t, port)];
    events.head('GET /events HTTP/1.1', 'Host: app.example', 'Accept: text/event-stream');
    assert.match(await events.until('\r\n\r\n'), /^HTTP\/1\.1 200 /);
    const inTime = soon();
    for (let n = 1; n <= EVENTS; n += 1) {
      assert.match(await events.until('\n\n'), new RegExp(`data: ${n}$`));
      assert.equal((await other.get('/confirm', 'app.example')).body, 'ok');
    }
    inTime();
    assert.match(await events.until('0\r\n\r\n'), /^\s*$/);
  });

  test('each server-sent event arrives before the next one is sent, over HTTP/2 on one connection', async (t) => {
    const session = await openH2(t, await serve(t));
    const events = session.request({ ':path': '/events' });
    await headersOf(events);
    const inTime = soon();
    let n = 0;
    for await (const chunk of events) {
      n += 1;
      assert.equal(String(chunk), `data: ${n}\n\n`);
      assert.equal((await sendRequest(session, { ':path': '/confirm' })).body, 'ok');
    }
    inTime();
    assert.equal(n, EVENTS);
  });

  test('each piece of a body reaches the app before the next one is sent, over HTTP/1.1', async (t) => {
    const port = await serve(t);
    const [upload, other] = [await openH1(t, port), await openH1(t, port)];
    upload.head('POST /upload HTTP/1.1', 'Host: app.example', 'Transfer-Encoding: chunked');
    const inTime = soon();
    for (const piece of PIECES) {
      upload.chunk(piece);
      assert.equal((await other.get('/received', 'app.example')).body, piece);
    }
    inTime();
    upload.chunk();
    assert.equal((await upload.answer()).body, 'done');
    upload.head('POST /upload HTTP/1.1', 'Host: app.example', `Content-Length: ${PIECES.join('').length}`);
    const againInTime = soon();
    for (const piece of PIECES) {
      upload.socket.write(piece);
      assert.equal((await other.get('/received', 'app.example')).body, piece);
    }
    againInTime();
    assert.equal((await upload.answer()).body, 'done');
  });

  test('each piece of a body reaches the app before the next one is sent, over HTTP/2 on one connection', async (t) => {
    const session = await openH2(t, await serve(t));
    const upload = session.request({ ':method': 'POST', ':path': '/upload' }, { endStream: false });
    const inTime = soon();
    for (const piece of PIECES) {
      upload.write(piece);
      assert.equal((await sendRequest(session, { ':path': '/received' })).body, piece);
    }
    inTime();
    upload.end();
    await headersOf(upload);
  });

  test('a long poll gets its response as soon as there is one', async (t) => {
    const session = await openH2(t, await serve(t));
    const poll = sendRequest(session, { ':path': '/received' });
    const upload = await sendRequest(session, { ':method': 'POST', ':path': '/upload' }, 'news');
    assert.deepEqual([upload.body, (await poll).body], ['done', 'news']);
  });
});
