import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../e2e/support.ts';
import { afterTest } from '../../harness/after-test.ts';
import { temporaryDirectory } from '../../harness/temporary-directory.ts';
import { claimLoopback } from '../loopback.ts';
import { openServer } from '../open-server.ts';
import { alreadyReplaced, rateLimited } from './acme-fault.ts';
import { type AcmeFront, startAcmeFront } from './acme-front.ts';
import { makeSelfSigned } from './self-signed.ts';

const ORDER = { status: 'valid', finalize: 'https://ca/finalize-order/1', certificate: 'https://ca/certZ/1' };

/** A front before an echo server, which responds with the request that it received. */
async function frontFor(t: TestContext) {
  const directory = temporaryDirectory(t);
  const files = { certificate: join(directory, 'ca.crt'), privateKey: join(directory, 'ca.key') };
  await makeSelfSigned('IP:127.0.0.1', files);
  const [cert, key] = [readFileSync(files.certificate), readFileSync(files.privateKey)];
  const reached: string[] = [];
  const server = createServer({ cert, key }, async (incoming, response) => {
    const { method, url, headers } = incoming;
    reached.push(`${method} ${url}`);
    const sent = (await incoming.setEncoding('utf8').toArray()).join('');
    response.setHeader('replay-nonce', `nonce-${reached.length}`);
    response.setHeader('cache-control', 'no-store');
    response.end(JSON.stringify(url === '/my-order/1' ? ORDER : { host: headers.host, sent }));
  });
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  const loopback = await claimLoopback();
  afterTest(t, () => loopback[Symbol.asyncDispose]());
  const behind = { directoryUrl: `https://127.0.0.1:${open.port}/dir`, apiCaFile: files.certificate };
  const front = await startAcmeFront({ directory, address: loopback.next(), behind });
  afterTest(t, () => front[Symbol.asyncDispose]());
  return { front, reached };
}

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends one request to the front. Rejects if there is no complete response in time. */
async function send(
  { directoryUrl, apiCaFile }: AcmeFront,
  path = '/dir',
  { body = '', timeoutMs = 5000 } = {},
): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  const sent = request(new URL(path, directoryUrl), {
    method: body === '' ? 'GET' : 'POST',
    ca: readFileSync(apiCaFile, 'utf8'),
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    const { statusCode: status = 0, headers } = response;
    const whole = response.setEncoding('utf8').toArray();
    whole.then((pieces) => resolve({ status, headers, text: pieces.join('') }), reject);
  });
  sent.end(body);
  return promise;
}

const CUT = /ECONNRESET|socket hang up/;
const LATE = /abort|timeout/i;

test('forwards unfaulted requests unchanged, including the Host field, and counts them', async (t) => {
  const { front, reached } = await frontFor(t);
  const payload = Buffer.from('{"profile":"classic"}').toString('base64url');
  const body = JSON.stringify({ protected: 'x', payload, signature: 'y' });
  const { status, headers, text } = await send(front, '/order-plz', { body });
  assert.deepEqual([status, headers['replay-nonce']], [200, 'nonce-1']);
  assert.deepEqual(JSON.parse(text), { host: new URL(front.directoryUrl).host, sent: body });
  await send(front, '/authZ/abc?x=1');
  await send(front, '/authZ/def');
  await send(front, '/draft-ietf-acme-ari-03/renewalInfo/a.b');
  assert.deepEqual(
    [...front.requests()],
    [
      ['POST /order-plz', 1],
      ['GET /authZ/', 2],
      ['GET /draft-ietf-acme-ari-03/renewalInfo/', 1],
    ],
  );
  assert.equal(reached[1], 'GET /authZ/abc?x=1');
  assert.deepEqual(front.calls[0]?.payload, { profile: 'classic' });
  assert.equal(front.calls[1]?.path, '/authZ/abc');
});

test('replaces a response by a status, as many times as requested', async (t) => {
  const { front, reached } = await frontFor(t);
  front.failNext('GET /dir', { kind: 'status', status: 503, retryAfter: '7' }, 2);
  for (let time = 0; time < 2; time += 1) {
    const { status, headers, text } = await send(front);
    assert.deepEqual([status, headers['retry-after'], text], [503, '7', '']);
  }
  assert.deepEqual(reached, []);
  front.failWhen(({ kind }) => kind === 'GET /dir', { kind: 'status', status: 500, executed: true });
  assert.equal((await send(front)).status, 500);
  assert.deepEqual(reached, ['GET /dir']);
  assert.equal((await send(front, '/nonce-plz')).status, 200);
  front.clearFaults();
  assert.equal((await send(front)).status, 200);
});

for (const executed of [false, true]) {
  const times = executed ? 1 : 0;
  const when = executed ? 'after it carried out the request' : 'and does not carry out the request';
  test(`resets a connection, ${when}`, async (t) => {
    const { front, reached } = await frontFor(t);
    front.failNext('POST /order-plz', { kind: 'reset', executed });
    await assert.rejects(send(front, '/order-plz', { body: 'x' }), CUT);
    assert.equal(reached.length, times);
  });

  test(`leaves a request hanging, ${when}`, async (t) => {
    const { front, reached } = await frontFor(t);
    front.failNext('GET /dir', { kind: 'hang', executed });
    await assert.rejects(send(front, '/dir', { timeoutMs: 500 }), LATE);
    await eventually(
      'the request arrived',
      () => (reached.length === times && front.calls.length === 1) || undefined,
    );
  });

  test(`delays a response, ${executed ? when : 'and carries out the request after the delay'}`, async (t) => {
    const { front, reached } = await frontFor(t);
    front.failNext('GET /dir', { kind: 'slow', ms: 60_000, executed });
    await assert.rejects(send(front, '/dir', { timeoutMs: 500 }), LATE);
    await eventually(
      'the request arrived',
      () => (reached.length === times && front.calls.length === 1) || undefined,
    );
    front.failNext('GET /dir', { kind: 'slow', ms: 100, executed });
    const started = performance.now();
    assert.equal((await send(front)).status, 200);
    assert.ok(performance.now() - started >= 99);
  });
}

test('rewrites a response', async (t) => {
  const { front } = await frontFor(t);
  front.failNext('GET /dir', {
    kind: 'rewrite',
    status: 203,
    body: (was) => ({ ...Object(was), newOrder: 'https://elsewhere.test/' }),
    headers: { 'cache-control': undefined, 'retry-after': '5' },
  });
  const { status, headers, text } = await send(front);
  assert.deepEqual([status, headers['cache-control'], headers['retry-after']], [203, undefined, '5']);
  const { sent, newOrder } = JSON.parse(text);
  assert.deepEqual([sent, newOrder], ['', 'https://elsewhere.test/']);
  front.failNext('GET /dir', { kind: 'rewrite', body: (was) => JSON.stringify(was).slice(0, 6) });
  assert.equal((await send(front)).text, '{"host');
});

for (const [problem, status, retryAfter] of [
  [rateLimited('60'), 429, '60'],
  [alreadyReplaced, 409, undefined],
] as const) {
  test(`responds ${problem.type} in the CA’s format, with a nonce of its own`, async (t) => {
    const { front, reached } = await frontFor(t);
    front.failNext('POST /order-plz', problem);
    const { headers, text, ...answer } = await send(front, '/order-plz', { body: 'x' });
    const type = `urn:ietf:params:acme:error:${problem.type}`;
    assert.deepEqual(JSON.parse(text), { type, detail: problem.detail, status });
    assert.deepEqual([answer.status, headers['retry-after']], [status, retryAfter]);
    assert.equal(headers['content-type'], 'application/problem+json');
    assert.equal(headers['replay-nonce'], 'nonce-1');
    assert.deepEqual(reached, ['HEAD /nonce-plz']);
  });
}

test('shifts its clock, also in responses that it makes itself', async (t) => {
  const { front } = await frontFor(t);
  front.clockSkewMs = -86_400_000;
  front.failNext('GET /dir', { kind: 'status', status: 500 });
  front.failNext('GET /dir', rateLimited());
  for (const expected of [500, 429, 200]) {
    const { status, headers } = await send(front);
    const behind = Date.now() - Date.parse(String(headers.date));
    assert.equal(status, expected);
    assert.ok(Math.abs(behind - 86_400_000) < 10_000, `${behind} ms`);
  }
});

test('reports a valid order as processing until it is released', async (t) => {
  const { front } = await frontFor(t);
  front.keepOrdersProcessing(9);
  const held = await send(front, '/my-order/1');
  assert.deepEqual(JSON.parse(held.text), { status: 'processing', finalize: ORDER.finalize });
  assert.equal(held.headers['retry-after'], '9');
  assert.match((await send(front)).text, /"host"/);
  front.completeOrders();
  const released = await send(front, '/my-order/1');
  assert.deepEqual(JSON.parse(released.text), ORDER);
  assert.equal(released.headers['retry-after'], undefined);
});

test('refuses connections when stopped, and starts again', async (t) => {
  const { front } = await frontFor(t);
  await front.stop();
  await assert.rejects(send(front), /ECONNREFUSED/);
  await front.start();
  assert.equal((await send(front)).status, 200);
});

test('cuts the connection if the CA is down', async (t) => {
  const directory = temporaryDirectory(t);
  const loopback = await claimLoopback();
  afterTest(t, () => loopback[Symbol.asyncDispose]());
  const [address, down] = [loopback.next(), loopback.next()];
  const behind = {
    directoryUrl: `https://${down}:14000/dir`,
    apiCaFile: join(directory, 'acme-front.crt'),
  };
  const front = await startAcmeFront({ directory, address, behind });
  afterTest(t, () => front[Symbol.asyncDispose]());
  await assert.rejects(send(front), CUT);
});
