import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { request as overTls } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { openServer } from '../../test/world/open-server.ts';
import { createOutgoing, type Outgoing } from './outgoing.ts';

async function open(t: TestContext, server: Server): Promise<number> {
  const opened = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => opened[Symbol.asyncDispose]());
  return opened.port;
}

function through(host: string, scheme = 'http', credentials = '', noProxy = ''): Outgoing {
  return createOutgoing({ url: `${scheme}://${credentials}${host}/`, host, noProxy });
}

/** No resolver knows it. */
const CA = 'https://ca.test/';

/** The error of a request. */
async function failure({ httpsAgent }: Outgoing, timeoutMs = 10_000, url = CA): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = overTls(url, { agent: httpsAgent, signal });
  sent.on('response', () => reject(new Error('it was answered')));
  sent.on('error', resolve).end();
  signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  return promise;
}

/** What the failure of a request says about the proxy, without the sentences. */
async function trouble(outgoing: Outgoing, timeoutMs?: number) {
  const found = outgoing.trouble(await failure(outgoing, timeoutMs), CA);
  assert.ok(found);
  const { problem, hint, ...fields } = found;
  return { fields, sentences: `${problem} ${hint}` };
}

/** A proxy that gives every CONNECT this answer, and records its target and credentials. */
async function answering(t: TestContext, answer: string) {
  const asked: string[] = [];
  const server = createServer().on('connect', ({ url, headers }, socket: Socket) => {
    asked.push(`${url} ${headers['proxy-authorization'] ?? ''}`.trim());
    socket.on('error', () => undefined);
    socket.end(answer);
  });
  return { host: `127.0.0.1:${await open(t, server)}`, asked };
}

test('the proxy gets the name to resolve, and the decoded credentials', async (t) => {
  const { host, asked } = await answering(t, 'HTTP/1.1 403 Forbidden\r\n\r\n');
  const { fields, sentences } = await trouble(through(host, 'http', 'us%40er:p%2Fw%3A@'));
  assert.deepEqual(asked, [`ca.test:443 Basic ${btoa('us@er:p/w:')}`]);
  assert.deepEqual(fields, { kind: 'proxy-forbids-host', proxy: host, status: 403 });
  assert.ok(sentences.includes('403 Forbidden'), 'the response of the proxy is missing');
  assert.doesNotMatch(sentences, /p%2Fw|p\/w|us%40er/);
});

for (const status of ['407 Proxy Authentication Required', '401 Unauthorized']) {
  test(`a proxy rejects the credentials: ${status}`, async (t) => {
    const { host } = await answering(t, `HTTP/1.1 ${status}\r\n\r\n`);
    const { fields, sentences } = await trouble(through(host, 'http', 'user:hush@'));
    const kind = 'proxy-credentials-rejected';
    assert.deepEqual(fields, { kind, proxy: host, status: Number.parseInt(status, 10) });
    assert.doesNotMatch(sentences, /hush/);
  });
}

for (const status of [
  '500 Unable to connect',
  '502 Bad Gateway',
  '503 Service Unavailable',
  '504 Gateway Timeout',
]) {
  test(`a proxy cannot resolve or reach the host: ${status}`, async (t) => {
    const { host } = await answering(t, `HTTP/1.1 ${status}\r\n\r\n`);
    const { fields, sentences } = await trouble(through(host));
    const kind = 'proxy-cannot-reach-host';
    assert.deepEqual(fields, { kind, proxy: host, status: Number.parseInt(status, 10) });
    assert.ok(sentences.includes(status), 'the response of the proxy is missing');
  });
}

test('HTTPS_PROXY names a server that is not a proxy', async (t) => {
  const web = createServer((_, response) => response.end('a web server'));
  const host = `127.0.0.1:${await open(t, web)}`;
  assert.deepEqual((await trouble(through(host))).fields, { kind: 'not-a-proxy', proxy: host });
});

test('the proxy cannot be reached, by its address and by its name', async () => {
  const server = createTcpServer();
  const opened = await openServer(server, { host: '127.0.0.1', port: 0 });
  await opened[Symbol.asyncDispose]();
  for (const host of [`127.0.0.1:${opened.port}`, `localhost:${opened.port}`, 'nobody.invalid:3128']) {
    assert.deepEqual((await trouble(through(host))).fields, { kind: 'proxy-unreachable', proxy: host });
  }
});

test('the proxy does not answer', async (t) => {
  const host = `127.0.0.1:${await open(t, createTcpServer())}`;
  assert.deepEqual((await trouble(through(host), 200)).fields, { kind: 'proxy-timeout', proxy: host });
});

test('TLS to a proxy that does not speak TLS', async (t) => {
  const { host } = await answering(t, 'HTTP/1.1 200 OK\r\n\r\n');
  const { fields } = await trouble(through(host, 'https'));
  assert.deepEqual(fields, { kind: 'proxy-without-tls', proxy: host });
});

for (const [what, server] of [
  ['says nothing', () => createTcpServer()],
  ['hangs up', () => createTcpServer((socket) => socket.once('data', () => socket.end()))],
] as const) {
  test(`TLS to a proxy that ${what}`, async (t) => {
    const host = `127.0.0.1:${await open(t, server())}`;
    const outgoing = through(host, 'https');
    outgoing.httpsAgent.options.timeout = 200;
    const { fields } = await trouble(outgoing);
    assert.deepEqual(fields, { kind: 'proxy-silent-over-tls', proxy: host });
  });
}

test('a host in NO_PROXY is reached directly, and its failure is not attributed to the proxy', async (t) => {
  const { host, asked } = await answering(t, 'HTTP/1.1 403 Forbidden\r\n\r\n');
  const outgoing = through(host, 'http', '', 'ca.test');
  assert.equal(outgoing.trouble(await failure(outgoing), CA), undefined);
  assert.deepEqual(asked, []);
});

test('a failed direct connection is not attributed to the proxy, even to the proxy’s port at another address, or by a timeout', async (t) => {
  const silent = await open(t, createTcpServer());
  const outgoing = through('127.0.0.1:1', 'http', '', '127.0.0.9,localhost');
  const refused = 'https://127.0.0.9:1/';
  assert.equal(outgoing.trouble(await failure(outgoing, undefined, refused), refused), undefined);
  const late = `https://localhost:${silent}/`;
  assert.equal(outgoing.trouble(await failure(outgoing, 200, late), late), undefined);
});

test('a failure of plain HTTP is not attributed to the proxy', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', port: 3128 });
  assert.equal(through('proxy.test:3128').trouble(refused, 'http://ca.test:3128/'), undefined);
});

test('requests over plain HTTP and Unix sockets bypass the proxy', async (t) => {
  const { host, asked } = await answering(t, 'HTTP/1.1 403 Forbidden\r\n\r\n');
  const folder = mkdtempSync(join(tmpdir(), 'outgoing-'));
  afterTest(t, () => rmSync(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'socket');
  const server = createServer((_, response) => response.end('direct'));
  const onSocket = await openServer(
    createServer((_, response) => response.end('direct')),
    { path: socketPath },
  );
  afterTest(t, () => onSocket[Symbol.asyncDispose]());
  const port = await open(t, server);
  const { httpAgent: agent } = through(host);
  for (const where of [{ host: '127.0.0.1', port }, { socketPath }]) {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    request({ ...where, agent, path: '/' }, async (response) =>
      resolve((await response.setEncoding('utf8').toArray()).join('')),
    )
      .on('error', reject)
      .end();
    assert.equal(await promise, 'direct');
  }
  assert.deepEqual(asked, []);
  agent.destroy();
});

test('without a proxy no failure is attributed to one', async () => {
  const outgoing = createOutgoing();
  assert.equal(outgoing.trouble(await failure(outgoing), CA), undefined);
});
