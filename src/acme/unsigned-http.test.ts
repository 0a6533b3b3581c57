import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { afterTest } from '../../test/harness/after-test.ts';
import { startScriptedCa } from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { makeSelfSigned } from '../../test/world/ca/self-signed.ts';
import { openServer } from '../../test/world/open-server.ts';
import { isIngressError } from '../errors.ts';
import { createOutgoing } from '../net/outgoing.ts';
import { createHttpContext, MAX_BODY_BYTES, sendUnsigned } from './http.ts';
import { problemOf } from './problem.ts';

const never = new AbortController().signal;

/** Matches ACME_PROBLEM with this HTTP status. */
function hasStatus(status: number) {
  return (thrown: unknown) => isIngressError(thrown, 'ACME_PROBLEM') && problemOf(thrown)?.status === status;
}

async function setUp(t: TestContext, listener: RequestListener) {
  const base = await startScriptedCa(t, listener);
  const clock = createFakeClock(new Date('2026-11-24T00:00:00Z'));
  const http = createHttpContext('dstack-ingress/test', clock);
  const get = (path = '/', signal = never) => sendUnsigned('GET', `${base}${path}`, http, signal);
  return { base, clock, http, get };
}

test('a JSON body is parsed, any other is text; Retry-After is returned', async (t) => {
  const { get } = await setUp(t, ({ url }, response) => {
    if (url === '/json') response.setHeader('retry-after', '7').end('{"a":[1]}');
    else response.end('plain');
  });
  assert.deepEqual(await get('/json'), { body: { a: [1] }, retryAfterMs: 7000 });
  assert.deepEqual(await get('/text'), { body: 'plain', retryAfterMs: undefined });
});

test('the request has its method and the user agent', async (t) => {
  const requests: IncomingMessage[] = [];
  const { base, http } = await setUp(t, (request, response) => {
    requests.push(request);
    response.end();
  });
  assert.deepEqual(await sendUnsigned('HEAD', base, http, never), { body: '', retryAfterMs: undefined });
  assert.deepEqual(
    requests.map(({ method, headers }) => [method, headers['user-agent']]),
    [['HEAD', 'dstack-ingress/test']],
  );
});

for (const status of [304, 400, 404, 429, 500, 503]) {
  test(`status ${status} is ACME_PROBLEM with its Retry-After`, async (t) => {
    const { get, http } = await setUp(t, (_, response) => {
      response.setHeader('date', 'Tue, 24 Nov 2026 00:05:00 GMT').setHeader('retry-after', '3600');
      response.writeHead(status).end(JSON.stringify({ detail: 'not now' }));
    });
    await assert.rejects(get(), (thrown) => {
      assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
      assert.equal(problemOf(thrown)?.status, status);
      return thrown.retryAfterMs === 3_600_000;
    });
    assert.equal(http.skewMs(), 300_000, 'the skew is measured on errors too');
  });
}

test('at most five redirects are followed', async (t) => {
  let requests = 0;
  const { get } = await setUp(t, ({ url = '' }, response) => {
    requests += 1;
    const left = Number(url.slice(1));
    if (left === 0) response.end('"here"');
    else response.writeHead(307, { location: String(left - 1) }).end();
  });
  assert.equal((await get('/5')).body, 'here');
  assert.equal(requests, 6);
  await assert.rejects(get('/6'), hasStatus(307));
  assert.equal(requests, 12);
});

for (const location of ['ftp://ca.example/', 'https://', undefined]) {
  test(`a redirect to ${location} is not followed`, async (t) => {
    const { get } = await setUp(t, (_, response) =>
      response.writeHead(302, location === undefined ? {} : { location }).end(),
    );
    await assert.rejects(get(), hasStatus(302));
  });
}

/** The URL of a CA with TLS, whose certificate this process trusts from now on. */
async function startTlsCa(t: TestContext, listener: RequestListener): Promise<string> {
  const directory = temporaryDirectory(t);
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

test('a redirect from https to http is not followed', async (t) => {
  const { base, http } = await setUp(t, (_, response) => response.end('"in the open"'));
  const listener: RequestListener = ({ url }, response) => {
    if (url === '/there') response.end('"kept"');
    else response.writeHead(302, { location: url === '/kept' ? '/there' : base }).end();
  };
  const tls = await startTlsCa(t, listener);
  const get = (path: string) => sendUnsigned('GET', `${tls}${path}`, http, never);
  assert.equal((await get('/kept')).body, 'kept');
  await assert.rejects(get('/'), hasStatus(302));
});

test('a body of more than MAX_BODY_BYTES is an error', async (t) => {
  const { get } = await setUp(t, ({ url }, response) =>
    response.end('x'.repeat(MAX_BODY_BYTES + Number(url?.slice(1)))),
  );
  assert.equal(String((await get('/0')).body).length, MAX_BODY_BYTES);
  await assert.rejects(get('/1'), { code: 'ACME_UNREACHABLE' });
});

test('a connection that closes before or within the response is ACME_UNREACHABLE', async (t) => {
  const { get, base } = await setUp(t, ({ url }, response) => {
    if (url === '/start') response.destroy();
    else response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy());
  });
  for (const path of ['/start', '/half'])
    await assert.rejects(get(path), (thrown) => {
      assert.ok(isIngressError(thrown, 'ACME_UNREACHABLE'), String(thrown));
      return thrown.details['url'] === `${base}${path}`;
    });
});

test('a URL of another scheme is ACME_UNREACHABLE', async (t) => {
  const { http } = await setUp(t, () => undefined);
  await assert.rejects(sendUnsigned('GET', 'ftp://ca.example', http, never), { code: 'ACME_UNREACHABLE' });
});

test('an abort ends a request with its reason', async (t) => {
  for (const where of ['before the response', 'within the response']) {
    const abort = new AbortController();
    const { get } = await setUp(t, (_, response) => {
      if (where === 'before the response') abort.abort(new Error('stopped'));
      else response.write('half', () => abort.abort(new Error('stopped')));
    });
    await assert.rejects(get('/', abort.signal), /^Error: stopped$/, where);
  }
});

test('a response that does not end times out', async (t) => {
  t.mock.method(AbortSignal, 'timeout', () => limit.signal);
  const limit = new AbortController();
  const late = new Error('late');
  const { get } = await setUp(t, (_, response) => response.write('half', () => limit.abort(late)));
  await assert.rejects(get(), { code: 'ACME_UNREACHABLE', cause: late });
});

test('a redirect from a host in NO_PROXY to one behind the proxy fails with the proxy’s error', async (t) => {
  const tls = await startTlsCa(t, (_, response) =>
    response.writeHead(302, { location: 'https://ca.test/' }).end(),
  );
  const deadProxy = { url: 'http://127.0.0.1:1/', host: '127.0.0.1:1', noProxy: '127.0.0.1' };
  const outgoing = createOutgoing(deadProxy);
  const http = createHttpContext('dstack-ingress/test', createFakeClock(new Date(0)), outgoing);
  await assert.rejects(sendUnsigned('GET', tls, http, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_UNREACHABLE'), String(thrown));
    assert.deepEqual(thrown.details, { method: 'GET', url: tls });
    const trouble = outgoing.trouble(thrown.cause, 'https://ca.test/');
    assert.ok(trouble && thrown.message.endsWith(trouble.problem), thrown.message);
    assert.equal(thrown.hint, trouble.hint);
    return true;
  });
});

test('an abort does not wait for a proxy that opens no tunnel', async (t) => {
  const requests = Promise.withResolvers<void>();
  const proxy = createTcpServer((socket) => socket.once('data', () => requests.resolve()));
  const opened = await openServer(proxy, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => opened[Symbol.asyncDispose]());
  const host = `127.0.0.1:${opened.port}`;
  const outgoing = createOutgoing({ url: `http://${host}`, host, noProxy: '' });
  const http = createHttpContext('dstack-ingress/test', createFakeClock(new Date(0)), outgoing);
  const end = new AbortController();
  const pending = sendUnsigned('GET', 'https://ca.test/', http, end.signal);
  await requests.promise;
  end.abort(new Error('stopped'));
  const late = new Promise((resolve) => setTimeout(resolve, 4000, 'still waiting').unref());
  assert.match(String(await Promise.race([late, pending.catch(String)])), /stopped/);
});
