import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { startHttpApp } from '../harness/apps/http-app.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2 } from '../harness/clients/h2.ts';
import { openTls } from '../harness/clients/tls.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { eventually, httpRoutes, routesTo, startServing } from '../harness/proxy/proxy.ts';

interface Served {
  readonly port: number;
  /** The paths of requests that were closed before the app had responded. */
  readonly abandoned: string[];
  /** The paths of all requests. */
  readonly asked: string[];
  /** Makes the app respond to all pending requests. */
  readonly answer: () => void;
}

/** A proxy with an app that responds on demand. /events is a stream with an event every 20 ms. */
async function serve(t: TestContext): Promise<Served> {
  const [abandoned, asked, waiting]: [string[], string[], (() => void)[]] = [[], [], []];
  const listener: RequestListener = async (request, response) => {
    const { url = '' } = request;
    response.on('close', () => {
      if (!response.writableFinished) abandoned.push(url);
    });
    await once(request.resume(), 'end');
    asked.push(url);
    if (url !== '/events') {
      waiting.push(() => response.end('answer'));
      return;
    }
    const speaking = setInterval(() => response.write('data: x\n\n'), 20);
    response.on('close', () => clearInterval(speaking));
  };
  const { port } = await startServing(t, httpRoutes(await startHttpApp(t, listener)));
  const answer = () => {
    for (const each of waiting.splice(0)) each();
  };
  return { port, abandoned, asked, answer };
}

describe('an HTTP/1.1 client that closes its side after its request', { concurrency: true }, () => {
  for (const method of ['GET', 'POST'])
    test(`gets the response to a ${method}`, async (t) => {
      const { port, asked, answer, abandoned } = await serve(t);
      const { socket, ...client } = await openHalf(t, port);
      socket.write(`${method} / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n`);
      await eventually('the request at the app', () => asked.length === 1);
      socket.end();
      await client.ended;
      answer();
      assert.match(await client.answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nanswer$/s);
      assert.deepEqual(abandoned, []);
    });
});

describe('a client that closes its side together with the end of its handshake gets the response', () => {
  // From 3.2 on HAProxy closes a connection if it has read the client's FIN before it switches to
  // HTTP.
  test('of an HTTP target', { skip: haproxyVersion >= 302 }, async (t) => {
    const { port, asked, answer } = await serve(t);
    const { socket, ...client } = await openHalf(t, await startHolding(t, port));
    socket.end('GET / HTTP/1.1\r\nHost: app.example\r\n\r\n');
    await eventually('the request at the app', () => asked.length === 1);
    answer();
    assert.match(await client.answer, /\r\n\r\nanswer$/);
  });

  test('of a TCP target', async (t) => {
    const { port } = await startServing(t, routesTo({ port: await startApp(t, echo) }));
    const { socket, answer } = await openHalf(t, await startHolding(t, port), []);
    socket.end('question');
    assert.equal(await answer, 'question');
  });
});

/**
 * A relay in front of the proxy: forwards the first bytes of a client (its ClientHello), and all
 * others together with its FIN.
 */
async function startHolding(t: TestContext, proxyPort: number): Promise<number> {
  return await startApp(t, (client) => {
    client.allowHalfOpen = true;
    const proxy = connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true });
    afterTest(t, () => proxy.destroy());
    proxy.on('error', () => client.destroy()).pipe(client);
    client.once('data', (hello: Buffer) => {
      proxy.write(hello);
      const held: Buffer[] = [];
      client.on('data', (chunk: Buffer) => held.push(chunk));
      client.on('end', () => proxy.end(Buffer.concat(held)));
    });
  });
}

/** A client that continues to read after it has closed its side. */
async function openHalf(t: TestContext, port: number, alpn = ['http/1.1']) {
  const tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const options = { ALPNProtocols: alpn, socket: tcp };
  const socket = await openTls(t, port, 'app.example', options);
  const answer = socket.toArray().then((chunks) => Buffer.concat(chunks).toString());
  return { socket, answer, ended: once(socket, 'finish') };
}

describe('the request of a client that is gone is closed at the app', { concurrency: true }, () => {
  test('over HTTP/1.1, when the app sends something', async (t) => {
    const { port, abandoned } = await serve(t);
    const h1 = await openH1(t, port);
    h1.head('GET /events HTTP/1.1', 'Host: app.example');
    await h1.until('data: x');
    h1.socket.destroy();
    await eventually('the close at the app', () => abandoned.includes('/events'));
  });

  test('over HTTP/2, at once', async (t) => {
    const { port, asked, abandoned } = await serve(t);
    const session = await openH2(t, port);
    session.request({ ':path': '/' }).on('error', () => undefined);
    await eventually('the request at the app', () => asked.length === 1);
    session.destroy();
    await eventually('the close at the app', () => abandoned.includes('/'));
  });

  test('over HTTP/2, at once, if the client cancels the request', async (t) => {
    const { port, asked, abandoned } = await serve(t);
    const session = await openH2(t, port);
    const stream = session.request({ ':path': '/' });
    await eventually('the request at the app', () => asked.length === 1);
    stream.close();
    await eventually('the close at the app', () => abandoned.includes('/'));
  });
});
