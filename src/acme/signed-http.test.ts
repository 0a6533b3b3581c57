import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import {
  createMemoryAccountStore,
  createScriptedClient,
  signedResponses,
} from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { makeSelfSigned } from '../../test/world/ca/self-signed.ts';
import { openServer } from '../../test/world/open-server.ts';
import { isIngressError } from '../errors.ts';
import { asObject } from '../json.ts';
import { createAcmeClient } from './client.ts';

const never = new AbortController().signal;

/** A port of 127.0.0.1 that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = await openServer(createTcpServer(), { host: '127.0.0.1', port: 0 });
  await server[Symbol.asyncDispose]();
  return server.port;
}

/** An authority whose new orders go to this URL. */
function orderingAt(t: TestContext, url: string) {
  const { listener } = signedResponses([], () => ({ newOrder: url }));
  return createScriptedClient(t, listener);
}

/** How both kinds of request fail at a URL: a directory that is read plainly, an order that is signed. */
async function failures(t: TestContext, url: string): Promise<Record<'unsigned' | 'signed', unknown>> {
  const clock = createFakeClock();
  const options = { email: undefined, userAgent: 'test', accounts: createMemoryAccountStore(url), clock };
  const lost = createAcmeClient({ ...options, directoryUrl: url });
  const ordering = await orderingAt(t, url);
  const thrown = (work: Promise<unknown>) =>
    work.then(
      () => assert.fail('it was answered'),
      (reason: unknown) => reason,
    );
  return {
    unsigned: await thrown(lost.refreshClockSkew(never)),
    signed: await thrown(ordering.createOrder({ names: ['app.example.test'] }, never)),
  };
}

async function assertFails(t: TestContext, url: string, said: RegExp, cause: object, hint: RegExp) {
  const { unsigned, signed } = await failures(t, url);
  for (const [thrown, method] of [
    [unsigned, 'GET'],
    [signed, 'POST'],
  ] as const) {
    assert.ok(isIngressError(thrown, 'ACME_UNREACHABLE'), String(thrown));
    assert.ok(thrown.message.startsWith(`no answer to ${method} ${url}: `), thrown.message);
    assert.match(thrown.message, said);
    assert.match(thrown.hint, hint);
    for (const [key, value] of Object.entries(cause)) assert.equal(asObject(thrown.cause)[key], value, key);
  }
}

test('a refused connection is said, with URL and address, for every request', async (t) => {
  const port = await closedPort();
  const said = new RegExp(`refused the connection \\(connect ECONNREFUSED 127\\.0\\.0\\.1:${port}\\)`);
  await assertFails(t, `http://127.0.0.1:${port}/new`, said, { code: 'ECONNREFUSED' }, /firewall/);
});

test('a name that is not found is said for every request', async (t) => {
  // A host without network has no DNS that could deny it.
  const said = /(the name ca\.invalid was not found|the DNS gave no answer for ca\.invalid) \(getaddrinfo/;
  await assertFails(t, 'https://ca.invalid/new', said, { syscall: 'getaddrinfo' }, /DNS/);
});

test('a TLS certificate that is not trusted is said, with NODE_EXTRA_CA_CERTS, for every request', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'transport-'));
  afterTest(t, () => rmSync(directory, { recursive: true }));
  const files = { certificate: join(directory, 'crt'), privateKey: join(directory, 'key') };
  await makeSelfSigned('IP:127.0.0.1', files);
  const [cert, key] = [readFileSync(files.certificate), readFileSync(files.privateKey)];
  const server = await openServer(createTlsServer({ cert, key }), { host: '127.0.0.1', port: 0 });
  afterTest(t, () => server[Symbol.asyncDispose]());
  const cause = { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' };
  const url = `https://127.0.0.1:${server.port}/new`;
  await assertFails(t, url, /TLS certificate of .* is not trusted/, cause, /NODE_EXTRA_CA_CERTS/);
});

test('a port that speaks no TLS, and one that hangs up', async (t) => {
  const server = await openServer(
    createTcpServer((socket) =>
      socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 400 no\r\n\r\n')),
    ),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => server[Symbol.asyncDispose]());
  await assertFails(t, `https://127.0.0.1:${server.port}/`, /does not speak TLS/, {}, /scheme and port/);
  const closing = await openServer(
    createTcpServer((socket) => socket.destroy()),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => closing[Symbol.asyncDispose]());
  await assertFails(t, `http://127.0.0.1:${closing.port}/`, /was closed/, { code: 'ECONNRESET' }, /network/);
});

test('an answer that does not come is a time-out for every request', async (t) => {
  const silent = await openServer(
    createTcpServer(() => undefined),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => silent[Symbol.asyncDispose]());
  const late = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  const { timeout } = AbortSignal;
  const url = `http://127.0.0.1:${silent.port}/new`;
  t.mock.method(AbortSignal, 'timeout', () => AbortSignal.any([timeout.call(AbortSignal, 200)]));
  await assertFails(t, url, /did not answer in time/, { name: late.name }, /firewall may drop/);
});

const pages: [title: string, page: string, headers: Record<string, string>][] = [
  ['a page of somebody between', '<html>Please log in</html>', { 'content-type': 'text/html' }],
  ['nothing at all', '', {}],
  ['an order without its URL', '{"status":"pending"}', { 'content-type': 'application/json' }],
];
for (const [title, page, headers] of pages) {
  test(`${title} in place of a signed answer is said, with its URL and status`, async (t) => {
    const { listener } = signedResponses([]);
    const answering: RequestListener = (request, response) => {
      if (request.method !== 'POST') return listener(request, response);
      response.writeHead(200, headers).end(page);
    };
    const authority = await createScriptedClient(t, answering);
    await assert.rejects(authority.createOrder({ names: ['app.example.test'] }, never), {
      code: 'ACME_BAD_ANSWER',
      message: /^POST http:\/\/127\.0\.0\.1:\d+\/newOrder was answered with 200/,
    });
  });
}
