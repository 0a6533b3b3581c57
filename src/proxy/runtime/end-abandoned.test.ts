import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { startHttpApp } from '../../../test/harness/apps/http-app.ts';
import { acceptWebSockets } from '../../../test/harness/clients/websocket.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { httpRoutes, startServing } from '../../../test/harness/proxy/http-proxy.ts';
import {
  eventually,
  openTls,
  routesTo,
  startApp,
  type TestProxyOptions,
} from '../../../test/harness/proxy/proxy.ts';
import { systemClock } from '../../clock.ts';
import { endAbandonedRequests } from './end-abandoned.ts';
import { runtimeApi } from './runtime-api.ts';

const patience = { afterMs: 300, everyMs: 50 };
/** Longer than a client that is silent is waited for. */
const LONG_MS = 1_500;
const NEVER = { afterMs: 3_600_000, everyMs: 3_600_000 };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Options = Omit<TestProxyOptions, 'routes' | 'target' | 'names' | 'alpn'>;

/** An app behind the proxy, and what it was asked for and then heard the end of, before it had answered. */
async function serve(t: TestContext, handle: Handler, options: Options = {}) {
  const [asked, abandoned]: [string[], string[]] = [[], []];
  const app = await startHttpApp(t, async (request, response) => {
    const { url = '' } = request;
    response.on('close', () => {
      if (!response.writableFinished) abandoned.push(url);
    });
    await once(request.resume(), 'end');
    asked.push(url);
    handle(request, response);
  });
  return { ...(await startServing(t, httpRoutes(app), { abandoned: patience, ...options })), asked, abandoned };
}

/** A client that reads on after it has closed its side. */
async function openHalf(t: TestContext, port: number) {
  const tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'], socket: tcp });
  return { tcp, socket };
}

async function read(socket: TLSSocket): Promise<string> {
  return Buffer.concat(await socket.toArray()).toString();
}

/** Asks, and closes its side once the app is asked. */
async function ask(socket: TLSSocket, asked: readonly string[]): Promise<void> {
  socket.write(asks('/'));
  await eventually('the app is asked', () => asked.length === 1);
  socket.end();
}

const asks = (path: string, method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n`;

const silent: Handler = () => undefined;
const silentInside: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: x\n\n');
};

describe('an app hears of a client of HTTP/1.1 that is gone, although it is silent', {
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
          const { port, asked, abandoned, lines } = await serve(t, handle);
          const { socket } = await openHalf(t, port);
          socket.resume().write(asks('/', method));
          await eventually('the app is asked', () => asked.length === 1);
          end(socket);
          await eventually('the app hears of it', () => abandoned.includes('/'));
          const failures = () => lines.filter(({ event }) => event === 'connection-failed');
          await eventually('a line', () => failures().length > 0);
          assert.deepEqual(
            failures().map(({ level }) => level),
            [20],
          );
        });

  test('with a RST', async (t) => {
    const { port, asked, abandoned } = await serve(t, silent);
    const { socket, tcp } = await openHalf(t, port);
    socket.write(asks('/'));
    await eventually('the app is asked', () => asked.length === 1);
    tcp.resetAndDestroy();
    await eventually('the app hears of it', () => abandoned.includes('/'));
  });
});

describe('a client of HTTP/1.1 is not let go', { concurrency: true }, () => {
  test('that waits with both sides open', async (t) => {
    const { port, asked, abandoned } = await serve(t, (_request, response) => {
      setTimeout(() => response.end('late'), LONG_MS);
    });
    const { socket } = await openHalf(t, port);
    socket.write(asks('/'));
    await eventually('the app is asked', () => asked.length === 1);
    await eventually('the end', async () => {
      assert.deepEqual(abandoned, []);
      return socket.read()?.toString().endsWith('late') ?? false;
    });
  });

  test('that has closed its side and whose app is silent for less', async (t) => {
    const { port, asked, abandoned } = await serve(t, (_request, response) => {
      setTimeout(() => response.end('answer'), 150);
    });
    const { socket } = await openHalf(t, port);
    await ask(socket, asked);
    assert.match(await read(socket), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nanswer$/s);
    assert.deepEqual(abandoned, []);
  });

  test('that has closed its side and whose answer is slow but moves', async (t) => {
    const words = Array.from({ length: 20 }, (_, index) => `word ${index}\n`);
    const { port, asked, abandoned } = await serve(t, async (_request, response) => {
      response.writeHead(200, { 'content-length': words.join('').length });
      for (const word of words) {
        response.write(word);
        await wait(100);
      }
      response.end();
    });
    const { socket } = await openHalf(t, port);
    await ask(socket, asked);
    assert.ok((await read(socket)).endsWith(words.join('')));
    assert.deepEqual(abandoned, []);
  });

  test('that has closed its side and reads slowly what has left HAProxy already', async (t) => {
    const body = 'x'.repeat(20_000_000);
    const { port, asked, abandoned, lines } = await serve(t, (_request, response) => void response.end(body));
    const { socket } = await openHalf(t, port);
    await ask(socket.pause(), asked);
    let bytes = 0;
    while (bytes < 4_000_000 && !socket.destroyed) {
      bytes += socket.read(Math.min(20_000, socket.readableLength))?.length ?? 0;
      await wait(10);
    }
    assert.deepEqual([bytes >= 4_000_000, abandoned], [true, []]);
    assert.ok(!lines.some(({ why }) => why === 'let-go'));
  });

  test('that has closed its side of a WebSocket, of which the app is told', async (t) => {
    const app = await startHttpApp(t, silent, (server) =>
      acceptWebSockets(server, ({ stream }) => {
        stream.on('end', () => void setTimeout(() => stream.end('late'), LONG_MS));
      }),
    );
    const { port } = await startServing(t, httpRoutes(app), { abandoned: patience });
    const { socket } = await openHalf(t, port);
    socket.write(
      'GET / HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'readable');
    socket.end();
    assert.match(await read(socket), /^HTTP\/1\.1 101 .*\r\n\r\nlate$/s);
  });

  test('whose bytes are forwarded as they come', async (t) => {
    const app = await startApp(t, (socket) => {
      // Else Node closes its side along with the client's.
      socket.allowHalfOpen = true;
      socket.resume().on('end', () => void setTimeout(() => socket.end('late'), LONG_MS));
    });
    const routes = routesTo({ port: app }, ['app.example'], ['http/1.1']);
    const { port } = await startServing(t, routes, { abandoned: patience, evidencePort: 9 });
    const tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = await openTls(t, port, 'app.example', { socket: tcp });
    socket.end('question');
    assert.equal(await read(socket), 'late');
  });
});

describe('where the kernel does not say', () => {
  const tables = {
    'because its table cannot be read': () => Promise.reject(new Error('none')),
    'because its table does not show the port': () => Promise.resolve(''),
  };
  for (const [why, kernelTable] of Object.entries(tables))
    test(`${why}, nobody is let go, and one line says so`, async (t) => {
      const { runtimeDir, asked, abandoned, port } = await serve(t, silent, { abandoned: NEVER });
      const { socket } = await openHalf(t, port);
      await ask(socket, asked);
      let looks = 0;
      const { log, lines } = memoryLog();
      const runtime = runtimeApi(join(runtimeDir, 'haproxy.sock'), systemClock);
      const ends = new AbortController();
      const counted = () => {
        looks += 1;
        return kernelTable();
      };
      const options = { port, clock: systemClock, log, kernelTable: counted, afterMs: 20, everyMs: 10 };
      const letting = endAbandonedRequests(options, () => runtime, ends.signal);
      await eventually('some looks', () => looks > 20);
      ends.abort();
      await letting;
      assert.deepEqual([abandoned, lines.map(({ level }) => level)], [[], [20]]);
    });
});
