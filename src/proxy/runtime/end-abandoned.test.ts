import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { startHttpApp } from '../../../test/harness/apps/http-app.ts';
import { startApp } from '../../../test/harness/apps/tcp-app.ts';
import { openTls } from '../../../test/harness/clients/tls.ts';
import { acceptWebSockets } from '../../../test/harness/clients/websocket.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import {
  eventually,
  httpRoutes,
  routesTo,
  startServing,
  type TestProxyOptions,
} from '../../../test/harness/proxy/proxy.ts';
import { systemClock } from '../../clock.ts';
import { endAbandonedRequests } from './end-abandoned.ts';
import { runtimeApi } from './runtime-api.ts';

const policy = { idleMs: 300, intervalMs: 50 };
/** Longer than `policy` waits for a silent client. */
const LONG_MS = 1_500;
const NEVER = { idleMs: 3_600_000, intervalMs: 3_600_000 };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Options = Omit<TestProxyOptions, 'routes' | 'target' | 'names' | 'alpn'>;

/**
 * A proxy with an app, the paths of the requests that the app received, and of those that were
 * closed before it had responded.
 */
async function serve(t: TestContext, handle: Handler, options: Options = {}) {
  const [received, abandoned]: [string[], string[]] = [[], []];
  const app = await startHttpApp(t, async (request, response) => {
    const { url = '' } = request;
    response.on('close', () => {
      if (!response.writableFinished) abandoned.push(url);
    });
    await once(request.resume(), 'end');
    received.push(url);
    handle(request, response);
  });
  return {
    ...(await startServing(t, httpRoutes(app), { abandoned: policy, ...options })),
    received,
    abandoned,
  };
}

/** A client that continues to read after it has closed its side. */
async function openHalf(t: TestContext, port: number) {
  const tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'], socket: tcp });
  return { tcp, socket };
}

async function read(socket: TLSSocket): Promise<string> {
  return Buffer.concat(await socket.toArray()).toString();
}

/** Sends a request, and closes its side once the app has received it. */
async function sendAndClose(socket: TLSSocket, received: readonly string[]): Promise<void> {
  socket.write(requestTo('/'));
  await eventually('the request at the app', () => received.length === 1);
  socket.end();
}

const requestTo = (path: string, method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n`;

const silent: Handler = () => undefined;
const silentInside: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: x\n\n');
};

describe('the request of an HTTP/1.1 client that is gone is closed, although the app is silent', {
  concurrency: true,
}, () => {
  const ends = {
    'with a FIN': (socket: TLSSocket) => socket.destroy(),
    'with a FIN after the end of its TLS': (socket: TLSSocket) => socket.end(),
  };
  const apps = { 'before its answer': silent, 'in the middle of it': silentInside };
  for (const [where, handle] of Object.entries(apps))
    for (const [how, end] of Object.entries(ends))
      for (const method of ['GET', 'POST'])
        test(`${how}, ${where}, to a ${method}`, async (t) => {
          const { port, received, abandoned, lines } = await serve(t, handle);
          const { socket } = await openHalf(t, port);
          socket.resume().write(requestTo('/', method));
          await eventually('the request at the app', () => received.length === 1);
          end(socket);
          await eventually('the close at the app', () => abandoned.includes('/'));
          const failures = () => lines.filter(({ event }) => event === 'connection-failed');
          await eventually('a line', () => failures().length > 0);
          assert.deepEqual(
            failures().map(({ level }) => level),
            [20],
          );
        });

  test('with a RST', async (t) => {
    const { port, received, abandoned } = await serve(t, silent);
    const { socket, tcp } = await openHalf(t, port);
    socket.write(requestTo('/'));
    await eventually('the request at the app', () => received.length === 1);
    tcp.resetAndDestroy();
    await eventually('the close at the app', () => abandoned.includes('/'));
  });
});

describe('the request is not ended of an HTTP/1.1 client', { concurrency: true }, () => {
  test('that waits with both sides open', async (t) => {
    const { port, received, abandoned } = await serve(t, (_request, response) => {
      setTimeout(() => response.end('late'), LONG_MS);
    });
    const { socket } = await openHalf(t, port);
    socket.write(requestTo('/'));
    await eventually('the request at the app', () => received.length === 1);
    await eventually('the end', async () => {
      assert.deepEqual(abandoned, []);
      return socket.read()?.toString().endsWith('late') ?? false;
    });
  });

  test('that has closed its side, if the app is silent for less than the limit', async (t) => {
    const { port, received, abandoned } = await serve(t, (_request, response) => {
      setTimeout(() => response.end('answer'), 150);
    });
    const { socket } = await openHalf(t, port);
    await sendAndClose(socket, received);
    assert.match(await read(socket), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nanswer$/s);
    assert.deepEqual(abandoned, []);
  });

  test('that has closed its side, if the response is slow but makes progress', async (t) => {
    const words = Array.from({ length: 20 }, (_, index) => `word ${index}\n`);
    const { port, received, abandoned } = await serve(t, async (_request, response) => {
      response.writeHead(200, { 'content-length': words.join('').length });
      for (const word of words) {
        response.write(word);
        await wait(100);
      }
      response.end();
    });
    const { socket } = await openHalf(t, port);
    await sendAndClose(socket, received);
    assert.ok((await read(socket)).endsWith(words.join('')));
    assert.deepEqual(abandoned, []);
  });

  test('that has closed its side and slowly reads what HAProxy has already sent', async (t) => {
    const body = 'x'.repeat(20_000_000);
    const { port, received, abandoned, lines } = await serve(
      t,
      (_request, response) => void response.end(body),
    );
    const { socket } = await openHalf(t, port);
    await sendAndClose(socket.pause(), received);
    let bytes = 0;
    while (bytes < 4_000_000 && !socket.destroyed) {
      bytes += socket.read(Math.min(20_000, socket.readableLength))?.length ?? 0;
      await wait(10);
    }
    assert.deepEqual([bytes >= 4_000_000, abandoned], [true, []]);
    assert.ok(!lines.some(({ why }) => why === 'let-go'));
  });

  test('that has closed its side of a WebSocket, which the app sees', async (t) => {
    const app = await startHttpApp(t, silent, (server) =>
      acceptWebSockets(server, ({ stream }) => {
        stream.on('end', () => void setTimeout(() => stream.end('late'), LONG_MS));
      }),
    );
    const { port } = await startServing(t, httpRoutes(app), { abandoned: policy });
    const { socket } = await openHalf(t, port);
    socket.write(
      'GET / HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'readable');
    socket.end();
    assert.match(await read(socket), /^HTTP\/1\.1 101 .*\r\n\r\nlate$/s);
  });

  test('of a TCP target', async (t) => {
    const app = await startApp(t, (socket) => {
      // Otherwise Node closes its side along with the client's.
      socket.allowHalfOpen = true;
      socket.resume().on('end', () => void setTimeout(() => socket.end('late'), LONG_MS));
    });
    const routes = routesTo({ port: app }, ['app.example'], ['http/1.1']);
    const { port } = await startServing(t, routes, { abandoned: policy, evidencePort: 9 });
    const tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = await openTls(t, port, 'app.example', { socket: tcp });
    socket.end('question');
    assert.equal(await read(socket), 'late');
  });
});

describe('without the TCP table of the kernel', () => {
  const tables = {
    'because it cannot be read': () => Promise.reject(new Error('none')),
    'because it does not contain the port': () => Promise.resolve(''),
  };
  for (const [why, readTable] of Object.entries(tables))
    test(`${why}, no request is ended, and one line is logged`, async (t) => {
      const { runtimeDir, received, abandoned, port } = await serve(t, silent, { abandoned: NEVER });
      const { socket } = await openHalf(t, port);
      await sendAndClose(socket, received);
      let polls = 0;
      const { log, lines } = memoryLog();
      const runtime = runtimeApi(join(runtimeDir, 'haproxy.sock'), systemClock);
      const ends = new AbortController();
      const counted = () => {
        polls += 1;
        return readTable();
      };
      const options = { port, clock: systemClock, log, readTable: counted, idleMs: 20, intervalMs: 10 };
      const ending = endAbandonedRequests(options, () => runtime, ends.signal);
      await eventually('some polls', () => polls > 20);
      ends.abort();
      await ending;
      assert.deepEqual([abandoned, lines.map(({ level }) => level)], [[], [20]]);
    });
});
