import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import { startH2App } from '../harness/apps/http-app.ts';
import { call, message, messages, type SeenCall, serveCall, trailersOf } from '../harness/clients/grpc.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { headersOf, openH2, sendRequest } from '../harness/clients/h2.ts';
import { freePort, httpRoutes, startServing } from '../harness/proxy/proxy.ts';

const CANCEL = 8;

interface Served {
  readonly port: number;
  readonly calls: SeenCall[];
}

/** A proxy with a gRPC app, with or without TLS. */
async function serve(t: TestContext, scheme: 'grpc' | 'grpcs'): Promise<Served> {
  const calls: SeenCall[] = [];
  const tls = scheme === 'grpcs';
  const app = await startH2App(
    t,
    (server) => {
      server.on('stream', (stream: ServerHttp2Stream, headers) => calls.push(serveCall(stream, headers)));
    },
    { tls },
  );
  const routes = httpRoutes(app, ['app.example'], { speaks: 'h2', tls });
  const { port } = await startServing(t, routes, { upstreamTls: { verify: false } });
  return { port, calls };
}

for (const scheme of ['grpc', 'grpcs'] as const) {
  describe(scheme, { concurrency: true }, () => {
    test('messages stream in both directions, each before the next one, then trailers', async (t) => {
      const { port, calls } = await serve(t, scheme);
      const stream = call(await openH2(t, port), '/echo', '7S');
      const trailers = trailersOf(stream);
      assert.equal((await headersOf(stream))['content-type'], 'application/grpc');
      const echoed = messages(stream);
      for (const text of ['one', 'two', '', 'x'.repeat(1_000_000)]) {
        stream.write(message(text));
        assert.equal((await echoed.next()).value, text);
      }
      stream.end();
      assert.equal((await echoed.next()).done, true);
      const { 'grpc-status': status, 'grpc-message': words } = await trailers;
      assert.deepEqual([status, words], ['0', 'done']);
      const { headers } = calls[0] ?? assert.fail('no call');
      assert.deepEqual([headers['te'], headers['grpc-timeout']], ['trailers', '7S']);
      assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    });

    test('a hundred concurrent calls on one connection, and further ones afterwards', async (t) => {
      const { port, calls } = await serve(t, scheme);
      const session = await openH2(t, port);
      const open = Array.from({ length: 100 }, () => call(session, '/echo'));
      await Promise.all(open.map(headersOf));
      assert.equal(calls.length, 100);
      const further = Array.from({ length: 100 }, () => call(session, '/echo'));
      await Promise.all(
        [...open, ...further].map(async (stream, index) => {
          const trailers = trailersOf(stream);
          stream.write(message(`call ${index}`));
          const { value } = await messages(stream).next();
          stream.end();
          assert.equal(value, `call ${index}`);
          assert.equal((await trailers)['grpc-status'], '0');
        }),
      );
    });

    test('an error before the first message is forwarded unchanged, with headers and trailers in one', async (t) => {
      const { port } = await serve(t, scheme);
      const stream = call(await openH2(t, port), '/refuse');
      stream.end(message('let me'));
      const headers = await headersOf(stream);
      assert.deepEqual([headers['grpc-status'], headers['grpc-message']], ['7', 'not you']);
      stream.resume();
      await once(stream, 'close');
      assert.equal(stream.rstCode, 0);
    });

    test('the app sees that a client cancels a call', async (t) => {
      const { port, calls } = await serve(t, scheme);
      const session = await openH2(t, port);
      const stream = call(session, '/hang');
      await headersOf(stream);
      stream.close(CANCEL);
      // Its connection, which is exclusive, ends with it. Whether the app sees the code before that
      // end is random.
      assert.notEqual(await calls[0]?.ended, 0);
      const other = call(session, '/echo');
      other.end(message('still there'));
      assert.equal((await messages(other).next()).value, 'still there');
    });

    test('the client sees that an app resets a call, and other calls are not affected', async (t) => {
      const { port } = await serve(t, scheme);
      const session = await openH2(t, port);
      const [broken, whole] = [call(session, '/break'), call(session, '/echo')];
      await Promise.all([headersOf(broken), headersOf(whole)]);
      broken.on('error', () => undefined).resume();
      broken.write(message('go'));
      await new Promise((resolve) => broken.once('close', resolve));
      // HAProxy forwards the reset, but not the app's code.
      assert.equal(broken.rstCode, CANCEL);
      whole.write(message('unharmed'));
      assert.equal((await messages(whole).next()).value, 'unharmed');
    });

    test('requests of an HTTP/1.1 client are forwarded in HTTP/2', async (t) => {
      const { port } = await serve(t, scheme);
      const h1 = await openH1(t, port);
      h1.head(
        ...['POST /echo HTTP/1.1', 'Host: app.example', 'Content-Type: application/grpc', 'TE: trailers'],
        'Content-Length: 7',
      );
      h1.socket.write(message('h1'));
      const answer = await h1.answer();
      assert.deepEqual([answer.status, answer.body], [200, message('h1').toString('latin1')]);
      assert.deepEqual(answer.trailers, [
        ['grpc-status', '0'],
        ['grpc-message', 'done'],
      ]);
    });
  });
}

describe('the response for a gRPC target that cannot be reached', { concurrency: true }, () => {
  for (const [type, isGrpc] of [
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc-web+proto', false],
    ['text/html', false],
  ] as const) {
    test(`is ${isGrpc ? 'UNAVAILABLE without a body' : 'a page'} for ${type}`, async (t) => {
      const { port } = await startServing(
        t,
        httpRoutes(await freePort(), ['app.example'], { speaks: 'h2' }),
        {
          timeouts: { connect: 100, client: 60_000, server: 60_000 },
        },
      );
      const session = await openH2(t, port);
      const answer = await sendRequest(
        session,
        { ':method': 'POST', ':path': '/', 'content-type': type },
        'words',
      );
      // HAProxy 3.2 and newer treat a refused connection as one that was closed.
      assert.ok(answer.status === 503 || answer.status === 502, `${answer.status}`);
      const { 'grpc-status': status, 'grpc-message': words, 'content-type': given } = answer.headers;
      assert.match(`${isGrpc ? words : answer.body}`, /^50[23] .*: the app .*\.$/);
      if (isGrpc) assert.deepEqual([status, answer.body, given], ['14', '', undefined]);
      else assert.deepEqual([status, words, given], [undefined, undefined, 'text/plain']);
      assert.equal(answer.headers['cache-control'], 'no-store');
    });
  }
});
