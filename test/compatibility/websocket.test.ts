import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import { type TestContext, test } from 'node:test';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { WebSocket, WebSocketServer } from 'ws';
import { afterTest } from '../harness/after-test.ts';
import { eventually, httpRoutes, startServing } from '../harness/proxy/proxy.ts';
import { openServer } from '../world/open-server.ts';

const LARGE = 'x'.repeat(1_000_000);
/** Every name resolves to this host, and its certificate is not verified. */
function localAgent(t: TestContext): Agent {
  const here = [{ address: '127.0.0.1', family: 4 }];
  const agent = new Agent({ rejectUnauthorized: false, lookup: (_name, _options, done) => done(null, here) });
  afterTest(t, () => agent.destroy());
  return agent;
}

type HttpServer = ReturnType<typeof createServer>;

async function serve(t: TestContext, prepare: (server: HttpServer) => void): Promise<number> {
  const server = createServer();
  prepare(server);
  const app = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => app[Symbol.asyncDispose]());
  return (await startServing(t, httpRoutes(app.port))).port;
}

test('ws: texts, bytes, compression, pings, and a close with its code', async (t) => {
  let closedWith = 0;
  const port = await serve(t, (server) => {
    new WebSocketServer({ server, perMessageDeflate: true }).on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('close', (code) => {
        closedWith = code;
      });
    });
  });
  const socket = new WebSocket(`wss://app.example:${port}/`, { agent: localAgent(t) });
  afterTest(t, () => socket.terminate());
  await once(socket, 'open');
  assert.match(socket.extensions, /permessage-deflate/);
  for (const text of ['hello', LARGE]) {
    socket.send(text);
    const [data, isBinary] = await once(socket, 'message');
    assert.deepEqual([isBinary, String(data)], [false, text]);
  }
  socket.send(Buffer.from([0, 255]));
  assert.deepEqual(await once(socket, 'message'), [Buffer.from([0, 255]), true]);
  socket.ping('there?');
  assert.equal(String((await once(socket, 'pong'))[0]), 'there?');
  socket.close(4_001);
  assert.equal((await once(socket, 'close'))[0], 4_001);
  await eventually('the app sees the close', () => closedWith === 4_001);
});

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  test(`socket.io: by ${transports.join(', then ')}`, async (t) => {
    const port = await serve(t, (server) => {
      const app = new Server(server, { maxHttpBufferSize: 2 * LARGE.length });
      app.on('connection', (socket) => {
        socket.on('echo', (words, answer) => answer(words));
        socket.on('push me', () => socket.emit('pushed', 'words'));
      });
      // Otherwise its long polls outlive the test.
      afterTest(t, () => app.close());
    });
    // Its types are those of browsers, which have no option for the connection.
    const agent = localAgent(t) as unknown as string;
    const socket = io(`https://app.example:${port}`, {
      ...{ transports, agent, rejectUnauthorized: false, reconnection: false, forceNew: true },
    });
    afterTest(t, () => socket.disconnect());
    const { promise: connected, resolve, reject } = Promise.withResolvers<void>();
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
    await connected;
    for (const words of ['hello', LARGE]) assert.equal(await socket.emitWithAck('echo', words), words);
    const pushed = new Promise((hear) => socket.once('pushed', hear));
    socket.emit('push me');
    assert.equal(await pushed, 'words');
    const transport = transports.at(-1);
    await eventually(transport ?? '', () => socket.io.engine.transport.name === transport);
    assert.equal(await socket.emitWithAck('echo', 'still there'), 'still there');
  });
}
