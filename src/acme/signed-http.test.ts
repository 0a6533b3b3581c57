import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import {
  createMemoryAccountStore,
  createScriptedClient,
  signedResponses,
} from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { makeSelfSigned } from '../../test/world/ca/self-signed.ts';
import { openServer } from '../../test/world/open-server.ts';
import { isIngressError } from '../errors.ts';
import { asObject } from '../json.ts';
import { createAcmeClient } from './client.ts';
import { unreachable } from './http.ts';

const never = new AbortController().signal;

/** A port of 127.0.0.1 without a listener. */
async function closedPort(): Promise<number> {
  const server = await openServer(createTcpServer(), { host: '127.0.0.1', port: 0 });
  await server[Symbol.asyncDispose]();
  return server.port;
}

/** A client whose new orders go to this URL. */
function orderingAt(t: TestContext, url: string) {
  const { listener } = signedResponses([], () => ({ newOrder: url }));
  return createScriptedClient(t, listener);
}

/**
 * The failures of both kinds of request at a URL: an unsigned directory request, and a signed
 * newOrder.
 */
async function failures(t: TestContext, url: string): Promise<Record<'unsigned' | 'signed', unknown>> {
  const clock = createFakeClock();
  const options = { email: undefined, userAgent: 'test', accounts: createMemoryAccountStore(url), clock };
  const lost = createAcmeClient({ ...options, directoryUrl: url });
  const ordering = await orderingAt(t, url);
  const thrown = (work: Promise<unknown>) =>
    work.then(
      () => assert.fail('there was a response'),
      (reason: unknown) => reason,
    );
  return {
    unsigned: await thrown(lost.refreshClockSkew(never)),
    signed: await thrown(ordering.createOrder({ names: ['app.example.test'] }, never)),
  };
}

/**
 * Asserts that both kinds of request fail with one of these causes, and with its message and hint.
 */
async function assertUnreachable(
  t: TestContext,
  url: string,
  causes: readonly Partial<Error & { code: string }>[],
) {
  const { unsigned, signed } = await failures(t, url);
  for (const [thrown, method] of [
    [unsigned, 'GET'],
    [signed, 'POST'],
  ] as const) {
    assert.ok(isIngressError(thrown, 'ACME_UNREACHABLE'), String(thrown));
    assert.deepEqual(thrown.details, { method, url });
    const { name, code } = asObject(thrown.cause);
    const known = causes.some((cause) =>
      Object.entries(cause).every(([key, value]) => asObject(thrown.cause)[key] === value),
    );
    assert.ok(known, `${name} ${code}`);
    const expected = unreachable({ method, url }, thrown.cause);
    assert.deepEqual([thrown.message, thrown.hint], [expected.message, expected.hint]);
  }
}

test('a refused connection is ACME_UNREACHABLE', async (t) => {
  await assertUnreachable(t, `http://127.0.0.1:${await closedPort()}/new`, [{ code: 'ECONNREFUSED' }]);
});

test('a name without addresses is ACME_UNREACHABLE', async (t) => {
  // On a host without network, no DNS server can deny the name.
  const causes = [{ code: 'ENOTFOUND' }, { code: 'EAI_AGAIN' }];
  await assertUnreachable(t, 'https://ca.invalid/new', causes);
});

test('an untrusted TLS certificate is ACME_UNREACHABLE', async (t) => {
  const directory = temporaryDirectory(t);
  const files = { certificate: join(directory, 'crt'), privateKey: join(directory, 'key') };
  await makeSelfSigned('IP:127.0.0.1', files);
  const [cert, key] = [readFileSync(files.certificate), readFileSync(files.privateKey)];
  const server = await openServer(createTlsServer({ cert, key }), { host: '127.0.0.1', port: 0 });
  afterTest(t, () => server[Symbol.asyncDispose]());
  const url = `https://127.0.0.1:${server.port}/new`;
  await assertUnreachable(t, url, [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }]);
});

test('a port without TLS, and one that closes every connection, are ACME_UNREACHABLE', async (t) => {
  const server = await openServer(
    createTcpServer((socket) =>
      socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 400 no\r\n\r\n')),
    ),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => server[Symbol.asyncDispose]());
  const noTls = ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'];
  await assertUnreachable(
    t,
    `https://127.0.0.1:${server.port}/`,
    noTls.map((code) => ({ code })),
  );
  const closing = await openServer(
    createTcpServer((socket) => socket.destroy()),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => closing[Symbol.asyncDispose]());
  await assertUnreachable(t, `http://127.0.0.1:${closing.port}/`, [{ code: 'ECONNRESET' }]);
});

test('a response that does not come in time is ACME_UNREACHABLE', async (t) => {
  const silent = await openServer(
    createTcpServer(() => undefined),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => silent[Symbol.asyncDispose]());
  const { timeout } = AbortSignal;
  const url = `http://127.0.0.1:${silent.port}/new`;
  t.mock.method(AbortSignal, 'timeout', () => AbortSignal.any([timeout.call(AbortSignal, 200)]));
  await assertUnreachable(t, url, [{ name: 'TimeoutError' }]);
});

const unusable: [title: string, body: string, headers: Record<string, string>][] = [
  ['an HTML page', '<html>Please log in</html>', { 'content-type': 'text/html' }],
  ['an empty body', '', {}],
  ['an order without a Location', '{"status":"pending"}', { 'content-type': 'application/json' }],
];
for (const [title, body, headers] of unusable) {
  test(`${title} in response to a signed request is ACME_BAD_ANSWER`, async (t) => {
    const { listener } = signedResponses([]);
    const answering: RequestListener = (request, response) => {
      if (request.method !== 'POST') return listener(request, response);
      response.writeHead(200, headers).end(body);
    };
    const client = await createScriptedClient(t, answering);
    await assert.rejects(client.createOrder({ names: ['app.example.test'] }, never), (thrown) => {
      assert.ok(isIngressError(thrown, 'ACME_BAD_ANSWER'), String(thrown));
      const { method, url, status } = thrown.details;
      assert.deepEqual([method, status], ['POST', 200]);
      return String(url).endsWith('/newOrder');
    });
  });
}
