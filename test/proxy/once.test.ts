import assert from 'node:assert/strict';
import { type EventEmitter, once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import type { Target } from '../../src/proxy/config/routes.ts';
import { startH2App, startHttpApp } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2, sendRequest } from '../harness/clients/h2.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { eventually, HTTP_ALPN, type RunningTest, routesTo, startServing } from '../harness/proxy/proxy.ts';

interface Served extends RunningTest {
  /** The method of each request after which the app closed the connection. */
  readonly broken: string[];
  /** The number of connections to the app. */
  readonly connections: () => number;
}

/** How the app closes the connection after a request for /break. */
type End = 'destroy' | 'resetAndDestroy' | 'destroySoon';
const ENDS: readonly End[] = ['destroy', 'resetAndDestroy', 'destroySoon'];

/**
 * A proxy with an app that responds to every request and keeps the connection, but closes it after
 * a request for /break.
 */
async function serve(t: TestContext, speaks: Target['speaks'], end: End, asked = speaks): Promise<Served> {
  const broken: string[] = [];
  let connections = 0;
  const counts = (server: EventEmitter) => {
    server.on('connection', () => {
      connections += 1;
    });
  };
  const app = asked === 'h2' ? await breaksH2(t, broken, counts) : await breaksH1(t, broken, end, counts);
  const routes = routesTo({ port: app, speaks }, ['app.example'], HTTP_ALPN);
  // Nothing listens on the evidence port or is sent there; but with one, HTTP clients of a TCP
  // target are recognized.
  const running = await startServing(t, routes, { evidencePort: 9 });
  return { ...running, broken, connections: () => connections };
}

type Counts = (server: EventEmitter) => void;

async function breaksH1(t: TestContext, broken: string[], end: End, counts: Counts): Promise<number> {
  const answer: RequestListener = async (request, response) => {
    await once(request.resume(), 'end');
    if (request.url !== '/break') {
      response.writeHead(204).end();
      return;
    }
    broken.push(request.method ?? '');
    request.socket[end]();
  };
  return await startHttpApp(t, answer, counts);
}

async function breaksH2(t: TestContext, broken: string[], counts: Counts): Promise<number> {
  return await startH2App(t, (server) => {
    counts(server);
    server.on('stream', async (stream: ServerHttp2Stream, headers) => {
      stream.on('error', () => undefined);
      await once(stream.resume(), 'end');
      if (headers[':path'] !== '/break') {
        stream.respond({ ':status': 204 }, { endStream: true });
        return;
      }
      broken.push(String(headers[':method']));
      stream.session?.destroy();
    });
  });
}

/** Sends a request over the connection of a client; resolves with the status. */
type Asks = (method: string, path: string) => Promise<number | undefined>;

const clients: Readonly<Record<'http/1.1' | 'h2', (t: TestContext, port: number) => Promise<Asks>>> = {
  'http/1.1': async (t, port) => {
    const client = await openH1(t, port);
    return async (method, path) => {
      client.head(`${method} ${path} HTTP/1.1`, 'Host: app.example', 'Content-Length: 4');
      client.socket.write('body');
      return (await client.answer()).status;
    };
  },
  h2: async (t, port) => {
    const session = await openH2(t, port);
    return async (method, path) => {
      // Node.js sends no body with these.
      const body = ['GET', 'DELETE'].includes(method) ? undefined : 'body';
      return (await sendRequest(session, { ':method': method, ':path': path }, body)).status;
    };
  },
};

/** Sends requests, so that there are used connections to the app. */
async function warmUp(asks: Asks): Promise<void> {
  for (const method of ['GET', 'POST', 'GET', 'POST']) assert.equal(await asks(method, '/'), 204);
}

async function assertLogged(lines: RunningTest['lines'], count: number): Promise<void> {
  const failures = () => lines.filter(({ event }) => event === 'connection-failed');
  await eventually('a line in the log', () => failures().length > 0);
  assert.deepEqual(
    failures().map(({ level, why }) => [level, why]),
    Array.from({ length: count }, () => [40, 'broke-off']),
  );
}

/**
 * Before 3.0, HAProxy lets the client retry every request but the first of a connection, whatever
 * connection to the app it used.
 */
const skip = haproxyVersion < 300 && 'HAProxy before 3.0 cannot';

for (const speaks of ['http/1.1', 'h2'] as const) {
  const open = clients[speaks];
  const what = `a request over ${speaks} after which the app closes the connection, following others`;
  describe(what, { concurrency: 4, skip }, () => {
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE', 'PROPPATCH'])
      for (const end of ENDS)
        test(`${method}, ${end}: is 502, is logged, and reaches the app once`, async (t) => {
          const { port, broken, lines } = await serve(t, 'http/1.1', end);
          const asks = await open(t, port);
          await warmUp(asks);
          assert.equal(await asks(method, '/break'), 502);
          assert.deepEqual(broken, [method]);
          await assertLogged(lines, 1);
          assert.equal(await asks('GET', '/'), 204);
        });

    test('is treated in the same way if the app speaks HTTP/2', async (t) => {
      const { port, broken, lines } = await serve(t, 'h2', 'destroy');
      const asks = await open(t, port);
      await warmUp(asks);
      assert.equal(await asks('POST', '/break'), 502);
      assert.deepEqual(broken, ['POST']);
      await assertLogged(lines, 1);
      assert.equal(await asks('GET', '/'), 204);
    });

    test('is treated in the same way for a TCP target if HTTP was negotiated', async (t) => {
      const { port, broken, lines } = await serve(t, 'tcp', 'destroy', speaks);
      const asks = await open(t, port);
      await warmUp(asks);
      assert.equal(await asks('POST', '/break'), 502);
      assert.deepEqual(broken, ['POST']);
      await assertLogged(lines, 1);
    });

    test('requests with safe methods share connections to the app', async (t) => {
      const { port, connections } = await serve(t, 'http/1.1', 'destroy');
      const asks = await open(t, port);
      await warmUp(asks);
      const before = connections();
      for (const method of ['GET', 'OPTIONS', 'GET']) assert.equal(await asks(method, '/'), 204);
      assert.equal(connections(), before);
    });
  });
}
