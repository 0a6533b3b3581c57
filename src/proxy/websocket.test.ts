import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import { ask, headersOf, openH2 } from '../../test/doubles/h2.ts';
import { mirror, mirrored, startH2App, startHttpApp } from '../../test/doubles/http-app.ts';
import { httpRoutes, startServing } from '../../test/doubles/http-proxy.ts';
import { eventually, openTls } from '../../test/doubles/proxy.ts';
import { acceptWebSockets, echoTexts, over, WebSocketEnd } from '../../test/doubles/websocket.ts';

/** An app that takes WebSockets and counts those that are open. */
async function startChat(t: TestContext): Promise<{ port: number; open: () => number }> {
  let open = 0;
  const port = await startHttpApp(t, mirror('app'), (server) =>
    acceptWebSockets(server, (end, { url }) => {
      open += 1;
      end.stream.on('close', () => {
        open -= 1;
      });
      void echoTexts(end, { url });
    }),
  );
  return { port, open: () => open };
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

async function upgrade(t: TestContext, port: number, path: string): Promise<[IncomingMessage, WebSocketEnd]> {
  const socket = await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'] });
  const sent = request({
    ...{ createConnection: () => socket, path, host: 'app.example' },
    headers: {
      ...{
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': KEY,
        'sec-websocket-version': '13',
      },
    },
  });
  sent.end();
  const [response, stream, head] = await once(sent, 'upgrade');
  return [response, new WebSocketEnd(stream, 'client', head)];
}

function extendedConnect(
  session: ClientHttp2Session,
  path: string,
  authority = 'app.example',
): ClientHttp2Stream {
  return session.request(
    {
      ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': path },
      ...{ ':authority': authority, 'sec-websocket-version': '13' },
    },
    { endStream: false },
  );
}

/** Frames both ways, of every size a frame can have here, and the end. */
async function converse(end: WebSocketEnd, greeting: string): Promise<void> {
  assert.deepEqual(await end.next(), { kind: 'text', text: greeting });
  for (const text of ['a', 'b'.repeat(125), 'c'.repeat(60_000), '']) {
    end.send('text', text);
    assert.deepEqual(await end.next(), { kind: 'text', text });
  }
  end.send('ping', 'still there?');
  assert.deepEqual(await end.next(), { kind: 'pong', text: 'still there?' });
  end.send('close', '');
  assert.deepEqual(await end.next(), { kind: 'close', text: '' });
  assert.equal(await end.next(), undefined);
  end.stream.end();
  await over(end.stream);
}

describe('WebSocket', { concurrency: true }, () => {
  test('by Upgrade over HTTP/1.1', async (t) => {
    const chat = await startChat(t);
    const { port, lines } = await startServing(t, httpRoutes(chat.port));
    const [response, end] = await upgrade(t, port, '/chat?room=1');
    assert.equal(response.statusCode, 101);
    assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    await converse(end, 'this is /chat?room=1');
    await eventually('the end of the connection to the app', () => chat.open() === 0);
    assert.deepEqual(
      lines.filter(({ level }) => level >= 40),
      [],
    );
  });

  test('by extended CONNECT over HTTP/2 (RFC 8441), many on a connection and requests between', async (t) => {
    const chat = await startChat(t);
    const { port, lines } = await startServing(t, httpRoutes(chat.port));
    const session = await openH2(t, port);
    await eventually('the setting', () => session.remoteSettings?.enableConnectProtocol === true);
    const streams = ['/1', '/2', '/3'].map((path) => extendedConnect(session, path));
    for (const stream of streams) assert.equal((await headersOf(stream))[':status'], 200);
    assert.equal(chat.open(), 3);
    assert.equal(mirrored((await ask(session, { ':path': '/between' })).body).url, '/between');
    await Promise.all(
      streams.map((stream, index) => converse(new WebSocketEnd(stream, 'client'), `this is /${index + 1}`)),
    );
    await eventually('the end of the connections to the app', () => chat.open() === 0);
    assert.equal(mirrored((await ask(session, { ':path': '/after' })).body).url, '/after');
    assert.deepEqual(
      lines.filter(({ level }) => level >= 40),
      [],
    );
  });

  test('a client that goes away ends it for the app, over HTTP/1.1 and HTTP/2', async (t) => {
    const chat = await startChat(t);
    const { port } = await startServing(t, httpRoutes(chat.port));
    const [, end] = await upgrade(t, port, '/');
    const session = await openH2(t, port);
    await eventually('the setting', () => session.remoteSettings?.enableConnectProtocol === true);
    const stream = extendedConnect(session, '/');
    await headersOf(stream);
    await eventually('both are open', () => chat.open() === 2);
    end.stream.destroy();
    await eventually('one has ended', () => chat.open() === 1);
    stream.close();
    await eventually('both have ended', () => chat.open() === 0);
  });

  test('an app that refuses is heard', async (t) => {
    const chat = await startChat(t);
    const { port } = await startServing(t, httpRoutes(chat.port));
    const session = await openH2(t, port);
    await eventually('the setting', () => session.remoteSettings?.enableConnectProtocol === true);
    assert.equal((await headersOf(extendedConnect(session, '/refused')))[':status'], 403);
  });

  test('an app that speaks HTTP/2 is asked by extended CONNECT', async (t) => {
    const app = await startH2App(
      t,
      (server) => {
        server.on('stream', (stream: ServerHttp2Stream, headers) => {
          stream.respond({ ':status': 200 }, { endStream: false });
          void echoTexts(new WebSocketEnd(stream, 'server'), { url: `${headers[':protocol']}` });
        });
      },
      { settings: { enableConnectProtocol: true } },
    );
    const { port } = await startServing(t, httpRoutes(app, ['app.example'], { speaks: 'h2' }));
    const session = await openH2(t, port);
    await eventually('the setting', () => session.remoteSettings?.enableConnectProtocol === true);
    const stream = extendedConnect(session, '/');
    assert.equal((await headersOf(stream))[':status'], 200);
    await converse(new WebSocketEnd(stream, 'client'), 'this is websocket');
  });
});
