import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { startHttpApp } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2 } from '../harness/clients/h2.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { httpRoutes, startServing } from '../harness/proxy/http-proxy.ts';
import { echo, eventually, openTls, routesTo, startApp } from '../harness/proxy/proxy.ts';

interface Served {
  readonly port: number;
  /** What the app was asked for and then heard the end of, before it had answered. */
  readonly abandoned: string[];
  /** What it was asked for. */
  readonly asked: string[];
  /** Has the app answer what waits. */
  readonly answer: () => void;
}

/** An app that answers when it is told; /events speaks at once, and again and again. */
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

describe('a client of HTTP/1.1 that closes its side once it has asked', { concurrency: true }, () => {
  for (const method of ['GET', 'POST'])
    test(`reads the answer to a ${method}`, async (t) => {
      const { port, asked, answer, abandoned } = await serve(t);
      const { socket, ...client } = await openHalf(t, port);
      socket.write(`${method} / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n`);
      await eventually('the app is asked', () => asked.length === 1);
      socket.end();
      await client.ended;
      answer();
      assert.match(await client.answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nanswer$/s);
      assert.deepEqual(abandoned, []);
    });
});

describe('a client that closes its side along with the end of its handshake reads the answer', () => {
  // From 3.2 on HAProxy closes a connection whose end it has read before it switches to HTTP.
  test('in HTTP', { skip: haproxyVersion >= 302 }, async (t) => {
    const { port, asked, answer } = await serve(t);
    const { socket, ...client } = await openHalf(t, await startHolding(t, port));
    socket.end('GET / HTTP/1.1\r\nHost: app.example\r\n\r\n');
    await eventually('the app is asked', () => asked.length === 1);
    answer();
    assert.match(await client.answer, /\r\n\r\nanswer$/);
  });

  test('as bytes', async (t) => {
    const { port } = await startServing(t, routesTo({ port: await startApp(t, echo) }));
    const { socket, answer } = await openHalf(t, await startHolding(t, port), []);
    socket.end('question');
    assert.equal(await answer, 'question');
  });
});

/** Stands before the proxy; forwards the first bytes of a client (its ClientHello), and all others together with its FIN. */
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

/** A client that reads on after it has closed its side. */
async function openHalf(t: TestContext, port: number, alpn = ['http/1.1']) {
  const tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const options = { ALPNProtocols: alpn, socket: tcp };
  const socket = await openTls(t, port, 'app.example', options);
  const answer = socket.toArray().then((chunks) => Buffer.concat(chunks).toString());
  return { socket, answer, ended: once(socket, 'finish') };
}

describe('an app hears of a client that is gone', { concurrency: true }, () => {
  test('when it says something, over HTTP/1.1', async (t) => {
    const { port, abandoned } = await serve(t);
    const h1 = await openH1(t, port);
    h1.head('GET /events HTTP/1.1', 'Host: app.example');
    await h1.until('data: x');
    h1.socket.destroy();
    await eventually('the app hears of it', () => abandoned.includes('/events'));
  });

  test('at once, over HTTP/2, although it is silent', async (t) => {
    const { port, asked, abandoned } = await serve(t);
    const session = await openH2(t, port);
    session.request({ ':path': '/' }).on('error', () => undefined);
    await eventually('the app is asked', () => asked.length === 1);
    session.destroy();
    await eventually('the app hears of it', () => abandoned.includes('/'));
  });

  test('at once, over HTTP/2, of a request that is taken back', async (t) => {
    const { port, asked, abandoned } = await serve(t);
    const session = await openH2(t, port);
    const stream = session.request({ ':path': '/' });
    await eventually('the app is asked', () => asked.length === 1);
    stream.close();
    await eventually('the app hears of it', () => abandoned.includes('/'));
  });
});
