import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { afterTest } from '../../test/harness/after-test.ts';
import { startScriptedCa } from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { makeSelfSigned } from '../../test/world/ca/self-signed.ts';
import { openServer } from '../../test/world/open-server.ts';
import { isIngressError } from '../errors.ts';
import { createOutgoing } from '../net/outgoing.ts';
import { createHttpContext, MAX_BODY_BYTES } from './http.ts';
import { request } from './plain-http.ts';
import { problemOf } from './problem.ts';

const never = new AbortController().signal;

async function setUp(t: TestContext, listener: RequestListener) {
  const base = await startScriptedCa(t, listener);
  const clock = createFakeClock(new Date('2026-11-24T00:00:00Z'));
  const wire = createHttpContext('dstack-ingress/test', clock);
  const ask = (path = '/', signal = never) => request('GET', `${base}${path}`, wire, signal);
  return { base, clock, wire, ask };
}

test('JSON is read, with the pause; anything else is text', async (t) => {
  const { ask } = await setUp(t, ({ url }, response) => {
    if (url === '/json') response.setHeader('retry-after', '7').end('{"a":[1]}');
    else response.end('plain');
  });
  assert.deepEqual(await ask('/json'), { body: { a: [1] }, retryAfterMs: 7000 });
  assert.deepEqual(await ask('/text'), { body: 'plain', retryAfterMs: undefined });
});

test('who asks is said, by which method', async (t) => {
  const asked: IncomingMessage[] = [];
  const { base, wire } = await setUp(t, (request, response) => {
    asked.push(request);
    response.end();
  });
  assert.deepEqual(await request('HEAD', base, wire, never), { body: '', retryAfterMs: undefined });
  assert.deepEqual(
    asked.map(({ method, headers }) => [method, headers['user-agent']]),
    [['HEAD', 'dstack-ingress/test']],
  );
});

for (const status of [304, 400, 404, 429, 500, 503]) {
  test(`an answer of ${status} is a problem, with its pause`, async (t) => {
    const { ask, wire } = await setUp(t, (_, response) => {
      response.setHeader('date', 'Tue, 24 Nov 2026 00:05:00 GMT').setHeader('retry-after', '3600');
      response.writeHead(status).end(JSON.stringify({ detail: 'not now' }));
    });
    await assert.rejects(ask(), (thrown) => {
      assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
      assert.equal(problemOf(thrown)?.status, status);
      return thrown.retryAfterMs === 3_600_000;
    });
    assert.equal(wire.skewMs(), 300_000, 'a refusal tells the time too');
  });
}

test('redirections are followed, but not for ever', async (t) => {
  let asked = 0;
  const { ask } = await setUp(t, ({ url = '' }, response) => {
    asked += 1;
    const left = Number(url.slice(1));
    if (left === 0) response.end('"here"');
    else response.writeHead(307, { location: String(left - 1) }).end();
  });
  assert.equal((await ask('/5')).body, 'here');
  assert.equal(asked, 6);
  await assert.rejects(ask('/6'), { code: 'ACME_PROBLEM', message: /HTTP status 307/ });
  assert.equal(asked, 12);
});

for (const location of ['ftp://ca.example/', 'https://', undefined]) {
  test(`a redirection to ${location} is not followed`, async (t) => {
    const { ask } = await setUp(t, (_, response) =>
      response.writeHead(302, location === undefined ? {} : { location }).end(),
    );
    await assert.rejects(ask(), { code: 'ACME_PROBLEM', message: /HTTP status 302/ });
  });
}

/** A CA that is trusted from now on. Gives its URL. */
async function startTlsCa(t: TestContext, listener: RequestListener): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'plain-http-'));
  afterTest(t, () => rmSync(directory, { recursive: true }));
  const files = { certificate: join(directory, 'crt'), privateKey: join(directory, 'key') };
  await makeSelfSigned('IP:127.0.0.1', files);
  const cert = readFileSync(files.certificate, 'utf8');
  setDefaultCACertificates([cert]);
  const tls = await openServer(createTlsServer({ cert, key: readFileSync(files.privateKey) }, listener), {
    host: '127.0.0.1',
    port: 0,
  });
  afterTest(t, () => tls[Symbol.asyncDispose]());
  return `https://127.0.0.1:${tls.port}`;
}

test('a redirection does not give up TLS', async (t) => {
  const { base, wire } = await setUp(t, (_, response) => response.end('"in the open"'));
  const listener: RequestListener = ({ url }, response) => {
    if (url === '/there') response.end('"kept"');
    else response.writeHead(302, { location: url === '/kept' ? '/there' : base }).end();
  };
  const tls = await startTlsCa(t, listener);
  const ask = (path: string) => request('GET', `${tls}${path}`, wire, never);
  assert.equal((await ask('/kept')).body, 'kept');
  await assert.rejects(ask('/'), { code: 'ACME_PROBLEM', message: /HTTP status 302/ });
});

test('an answer may be large, but not larger', async (t) => {
  const { ask } = await setUp(t, ({ url }, response) =>
    response.end('x'.repeat(MAX_BODY_BYTES + Number(url?.slice(1)))),
  );
  assert.equal(String((await ask('/0')).body).length, MAX_BODY_BYTES);
  await assert.rejects(ask('/1'), { code: 'ACME_UNREACHABLE', message: /more than \d+ bytes/ });
});

test('a CA that hangs up is unreachable, at the start and half way', async (t) => {
  const { ask, base } = await setUp(t, ({ url }, response) => {
    if (url === '/start') response.destroy();
    else response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy());
  });
  for (const path of ['/start', '/half'])
    await assert.rejects(ask(path), (thrown) => {
      assert.ok(isIngressError(thrown, 'ACME_UNREACHABLE'), String(thrown));
      return thrown.message.includes(`${base}${path}`);
    });
});

test('what is no URL is unreachable', async (t) => {
  const { wire } = await setUp(t, () => undefined);
  await assert.rejects(request('GET', 'ftp://ca.example', wire, never), { code: 'ACME_UNREACHABLE' });
});

test('an abort ends a question, with its reason', async (t) => {
  for (const where of ['before the answer', 'within the answer']) {
    const abort = new AbortController();
    const { ask } = await setUp(t, (_, response) => {
      if (where === 'before the answer') abort.abort(new Error('stopped'));
      else response.write('half', () => abort.abort(new Error('stopped')));
    });
    await assert.rejects(ask('/', abort.signal), /^Error: stopped$/, where);
  }
});

test('a CA that does not end its answer is given up', async (t) => {
  t.mock.method(AbortSignal, 'timeout', () => limit.signal);
  const limit = new AbortController();
  const { ask } = await setUp(t, (_, response) =>
    response.write('half', () => limit.abort(new Error('the time is over'))),
  );
  await assert.rejects(ask(), { code: 'ACME_UNREACHABLE', message: /the time is over/ });
});

test('a redirection may lead from a host of NO_PROXY to the proxy, whose fault it is then', async (t) => {
  const tls = await startTlsCa(t, (_, response) =>
    response.writeHead(302, { location: 'https://ca.test/' }).end(),
  );
  const nobody = { url: 'http://127.0.0.1:1/', host: '127.0.0.1:1', noProxy: '127.0.0.1' };
  const wire = createHttpContext('dstack-ingress/test', createFakeClock(new Date(0)), createOutgoing(nobody));
  await assert.rejects(request('GET', tls, wire, never), {
    code: 'ACME_UNREACHABLE',
    message:
      /^no answer to GET https:\/\/127[^ ]*: the proxy 127\.0\.0\.1:1 \(HTTPS_PROXY\) cannot be reached: /,
  });
});

test('who ends it is not kept waiting by a proxy that says nothing', async (t) => {
  const asked = Promise.withResolvers<void>();
  const proxy = createTcpServer((socket) => socket.once('data', () => asked.resolve()));
  const opened = await openServer(proxy, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => opened[Symbol.asyncDispose]());
  const host = `127.0.0.1:${opened.port}`;
  const outgoing = createOutgoing({ url: `http://${host}`, host, noProxy: '' });
  const wire = createHttpContext('dstack-ingress/test', createFakeClock(new Date(0)), outgoing);
  const end = new AbortController();
  const asking = request('GET', 'https://ca.test/', wire, end.signal);
  await asked.promise;
  end.abort(new Error('stopped'));
  const late = new Promise((resolve) => setTimeout(resolve, 4000, 'it waits').unref());
  assert.match(String(await Promise.race([late, asking.catch(String)])), /stopped/);
});
