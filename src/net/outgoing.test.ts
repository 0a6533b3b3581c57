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

/** What is thrown by a request. */
async function failure({ httpsAgent }: Outgoing, timeoutMs = 10_000, url = CA): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = overTls(url, { agent: httpsAgent, signal });
  sent.on('response', () => reject(new Error('it was answered')));
  sent.on('error', resolve).end();
  signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  return promise;
}

async function trouble(outgoing: Outgoing, timeoutMs?: number) {
  const found = outgoing.trouble(await failure(outgoing, timeoutMs), CA);
  assert.ok(found);
  return found;
}

/** A proxy that answers every CONNECT with this, and notes what it was asked. */
async function answering(t: TestContext, answer: string) {
  const asked: string[] = [];
  const server = createServer().on('connect', ({ url, headers }, socket: Socket) => {
    asked.push(`${url} ${headers['proxy-authorization'] ?? ''}`.trim());
    socket.on('error', () => undefined);
    socket.end(answer);
  });
  return { host: `127.0.0.1:${await open(t, server)}`, asked };
}

test('the proxy resolves the name, and gets the decoded credentials', async (t) => {
  const { host, asked } = await answering(t, 'HTTP/1.1 403 Forbidden\r\n\r\n');
  const { problem, hint } = await trouble(through(host, 'http', 'us%40er:p%2Fw%3A@'));
  assert.deepEqual(asked, [`ca.test:443 Basic ${btoa('us@er:p/w:')}`]);
  assert.match(problem, new RegExp(`^the proxy ${host} \\(HTTPS_PROXY\\) opens no tunnel: .*403 Forbidden$`));
  assert.match(hint, /allow CONNECT.*NO_PROXY/);
  assert.doesNotMatch(problem + hint, /p%2Fw|p\/w|us%40er/);
});

for (const status of ['407 Proxy Authentication Required', '401 Unauthorized']) {
  test(`a proxy that does not accept the credentials: ${status}`, async (t) => {
    const { host } = await answering(t, `HTTP/1.1 ${status}\r\n\r\n`);
    const { problem, hint } = await trouble(through(host, 'http', 'user:hush@'));
    assert.match(problem, /\(HTTPS_PROXY\) does not accept the credentials, or wants some/);
    assert.match(hint, /http:\/\/user:password@127/);
    assert.doesNotMatch(problem + hint, /hush/);
  });
}

for (const status of [
  '500 Unable to connect',
  '502 Bad Gateway',
  '503 Service Unavailable',
  '504 Gateway Timeout',
]) {
  test(`a proxy that does not find or reach the host: ${status}`, async (t) => {
    const { host } = await answering(t, `HTTP/1.1 ${status}\r\n\r\n`);
    const { problem, hint } = await trouble(through(host));
    assert.match(problem, new RegExp(`opens no tunnel: .*${status}$`));
    assert.match(hint, /own network and DNS.*NO_PROXY/);
    assert.doesNotMatch(hint, /CONNECT/);
  });
}

test('a server that is not a proxy', async (t) => {
  const web = createServer((_, response) => response.end('a web server'));
  const { problem, hint } = await trouble(through(`127.0.0.1:${await open(t, web)}`));
  assert.match(problem, /\(HTTPS_PROXY\) opens no tunnel/);
  assert.match(hint, /names an HTTP proxy that allows CONNECT/);
});

test('a proxy that is not there, by its address and by its name', async () => {
  const server = createTcpServer();
  const opened = await openServer(server, { host: '127.0.0.1', port: 0 });
  await opened[Symbol.asyncDispose]();
  for (const host of [`127.0.0.1:${opened.port}`, `localhost:${opened.port}`, 'nobody.invalid:3128']) {
    const { problem, hint } = await trouble(through(host));
    assert.match(problem, new RegExp(`^the proxy ${host} \\(HTTPS_PROXY\\) cannot be reached: `));
    assert.match(hint, /Check HTTPS_PROXY/);
  }
});

test('a proxy that does not answer', async (t) => {
  const host = `127.0.0.1:${await open(t, createTcpServer())}`;
  const { problem, hint } = await trouble(through(host), 200);
  assert.match(problem, new RegExp(`; HTTPS_PROXY is ${host}$`));
  assert.match(hint, /NO_PROXY/);
});

test('TLS to a proxy that does not speak TLS', async (t) => {
  const { host } = await answering(t, 'HTTP/1.1 200 OK\r\n\r\n');
  const { hint } = await trouble(through(host, 'https'));
  assert.match(hint, /^Set HTTPS_PROXY to http:/);
});

for (const [what, server] of [
  ['says nothing', () => createTcpServer()],
  ['hangs up', () => createTcpServer((socket) => socket.once('data', () => socket.end()))],
] as const) {
  test(`TLS to a proxy that ${what}`, async (t) => {
    const outgoing = through(`127.0.0.1:${await open(t, server())}`, 'https');
    outgoing.httpsAgent.options.timeout = 200;
    const { problem, hint } = await trouble(outgoing);
    assert.match(problem, /\(HTTPS_PROXY\)/);
    assert.match(hint, /HTTPS_PROXY to http:.*check that it runs/);
  });
}

test('a host in NO_PROXY is reached directly, and its failure is not attributed to the proxy', async (t) => {
  const { host, asked } = await answering(t, 'HTTP/1.1 403 Forbidden\r\n\r\n');
  const outgoing = through(host, 'http', '', 'ca.test');
  assert.equal(outgoing.trouble(await failure(outgoing), CA), undefined);
  assert.deepEqual(asked, []);
});

test('a failure of a direct connection is not attributed to the proxy: the same port at another address, and a timeout', async (t) => {
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

test('plain HTTP and Unix sockets go directly', async (t) => {
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
