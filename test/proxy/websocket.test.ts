import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import { mirror, mirrored, startH2App, startHttpApp } from '../harness/apps/http-app.ts';
import { openH2, sendRequest } from '../harness/clients/h2.ts';
import { openTls } from '../harness/clients/tls.ts';
import { acceptWebSockets, echoTexts, over, WebSocketEnd } from '../harness/clients/websocket.ts';
import { eventually, httpRoutes, routesTo, startServing } from '../harness/proxy/proxy.ts';

/** An app that accepts WebSockets and counts the open ones. */
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

/** Requests a WebSocket as browsers do. */
async function askToUpgrade(t: TestContext, port: number, path: string): Promise<ClientRequest> {
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
  return sent;
}

async function upgrade(t: TestContext, port: number, path: string): Promise<[IncomingMessage, WebSocketEnd]> {
  const [response, stream, head] = await once(await askToUpgrade(t, port, path), 'upgrade');
  return [response, new WebSocketEnd(stream, 'client', head)];
}

/** Exchanges frames of every size that WebSocketEnd supports, and closes. */
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
  test('works by Upgrade over HTTP/1.1', async (t) => {
    const chat = await startChat(t);
    const { port, lines } = await startServing(t, httpRoutes(chat.port));
    const [response, end] = await upgrade(t, port, '/chat?room=1');
    assert.equal(response.statusCode, 101);
    assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    await converse(end, 'this is /chat?room=1');
    await eventually('the end of the connection to the app', () => chat.open() === 0);
    assert.deepEqual(
      lines.filter(({ event, level }) => event === 'connection-failed' && level >= 40),
      [],
    );
  });

  test('is not offered over HTTP/2 (RFC 8441): clients open an additional connection for it', async (t) => {
    const chat = await startChat(t);
    const { port, lines } = await startServing(t, httpRoutes(chat.port));
    const session = await openH2(t, port);
    assert.equal(mirrored((await sendRequest(session, { ':path': '/before' })).body).url, '/before');
    assert.equal(session.remoteSettings?.enableConnectProtocol, false);
    const ends = await Promise.all(['/1', '/2', '/3'].map((path) => upgrade(t, port, path)));
    assert.equal(chat.open(), 3);
    assert.equal(mirrored((await sendRequest(session, { ':path': '/between' })).body).url, '/between');
    await Promise.all(ends.map(([, end], index) => converse(end, `this is /${index + 1}`)));
    await eventually('the end of the connections to the app', () => chat.open() === 0);
    assert.equal(mirrored((await sendRequest(session, { ':path': '/after' })).body).url, '/after');
    assert.deepEqual(
      lines.filter(({ event, level }) => event === 'connection-failed' && level >= 40),
      [],
    );
  });

  test('ends at the app when the client is gone', async (t) => {
    const chat = await startChat(t);
    const { port } = await startServing(t, httpRoutes(chat.port));
    const [, end] = await upgrade(t, port, '/');
    assert.equal(chat.open(), 1);
    end.stream.destroy();
    await eventually('the end of the connection to the app', () => chat.open() === 0);
  });

  test('can be refused by the app', async (t) => {
    const chat = await startChat(t);
    const { port } = await startServing(t, httpRoutes(chat.port));
    const [response] = await once(await askToUpgrade(t, port, '/refused'), 'response');
    assert.equal(response.statusCode, 403);
  });

  test('reaches an HTTP/2 app by extended CONNECT', async (t) => {
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
    // The ALPN of grpc://. A browser that uses HTTP/1.1 is served too.
    const { port } = await startServing(t, routesTo({ port: app, speaks: 'h2' }, ['app.example'], ['h2']));
    const [, end] = await upgrade(t, port, '/');
    await converse(end, 'this is websocket');
  });
});
