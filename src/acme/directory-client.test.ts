import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { startScriptedCa } from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { createDirectoryClient } from './directory.ts';
import { createHttpContext } from './http.ts';

const never = new AbortController().signal;
const HOUR = 3_600_000;
const START = new Date('2026-11-24T00:00:00Z');

/** A CA with this directory at `/dir`; any other response is the path. */
function caWith(directory: (base: string) => object) {
  const requests: string[] = [];
  const listener: RequestListener = ({ url = '', method, headers }, response) => {
    requests.push(`${method} ${url}`);
    const body = url === '/dir' ? directory(`http://${headers.host}`) : { path: url };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  };
  return { requests, listener };
}

async function setUp(t: TestContext, listener: RequestListener) {
  const base = await startScriptedCa(t, listener);
  const clock = createFakeClock(START);
  const directory = createDirectoryClient(`${base}/dir`, createHttpContext('dstack-ingress/test', clock));
  return { base, clock, directory };
}

test('the directory is cached for six hours, and is fetched again when the clock is set back', async (t) => {
  const { requests, listener } = caWith(() => ({ meta: { caaIdentities: ['ca.example'] } }));
  const { clock, directory } = await setUp(t, listener);
  const steps: [hours: number, requests: number][] = [
    [0, 1],
    [5.9, 1],
    [6, 2],
    [11.9, 2],
    [-1, 3],
    [4.9, 3],
  ];
  for (const [hours, times] of steps) {
    clock.set(new Date(START.getTime() + hours * HOUR));
    assert.deepEqual((await directory.get(never)).caaIdentities, ['ca.example']);
    assert.equal(requests.length, times, `after ${hours} hours`);
  }
});

test('a response that is not a directory is not cached', async (t) => {
  let requests = 0;
  const { directory } = await setUp(t, (_, response) => {
    requests += 1;
    response.end(requests === 1 ? '<html>Please log in</html>' : '{}');
  });
  await assert.rejects(directory.get(never), { code: 'ACME_BAD_ANSWER' });
  assert.deepEqual((await directory.get(never)).caaIdentities, []);
});

for (const slash of ['', '/']) {
  test(`renewal information is requested below renewalInfo${slash}`, async (t) => {
    const { requests, listener } = caWith((base) => ({ renewalInfo: `${base}/ari${slash}` }));
    const { directory } = await setUp(t, listener);
    for (const id of ['aYhb.AIdlQyE', '-_.x'])
      assert.deepEqual((await directory.renewalInfo(id, never))?.body, { path: `/ari/${id}` });
    assert.deepEqual(requests, ['GET /dir', 'GET /ari/aYhb.AIdlQyE', 'GET /ari/-_.x']);
  });
}

test('a CA without renewalInfo gives no renewal information', async (t) => {
  const { requests, listener } = caWith(() => ({}));
  const { directory } = await setUp(t, listener);
  assert.equal(await directory.renewalInfo('aYhb.AIdlQyE', never), undefined);
  assert.deepEqual(requests, ['GET /dir']);
});

test('a renewal information request is retried after a short Retry-After; a long one is thrown', async (t) => {
  const answers = [
    { status: 503, pause: '2' },
    { status: 200, pause: '21600' },
    { status: 503, pause: '600' },
  ];
  const { clock, directory } = await setUp(t, ({ url, headers }, response) => {
    if (url === '/dir') response.end(JSON.stringify({ renewalInfo: `http://${headers.host}/ari` }));
    else {
      const { status = 500, pause = '' } = answers.shift() ?? {};
      response.writeHead(status, { 'retry-after': pause }).end('{}');
    }
  });
  assert.equal((await directory.renewalInfo('a.b', never))?.retryAfterMs, 21_600_000);
  assert.deepEqual(clock.waits, [2000]);
  await assert.rejects(directory.renewalInfo('a.b', never), { code: 'ACME_PROBLEM', retryAfterMs: 600_000 });
  assert.deepEqual(clock.waits, [2000]);
});

test('requestNonce requests a nonce each time, and the cached directory once', async (t) => {
  const { requests, listener } = caWith((base) => ({ newNonce: `${base}/nonce` }));
  const { directory } = await setUp(t, listener);
  await directory.requestNonce(never);
  await directory.requestNonce(never);
  assert.deepEqual(requests, ['GET /dir', 'HEAD /nonce', 'HEAD /nonce']);
});

test('requestNonce without newNonce in the directory is ACME_BAD_ANSWER', async (t) => {
  const { directory } = await setUp(t, caWith(() => ({})).listener);
  await assert.rejects(directory.requestNonce(never), { code: 'ACME_BAD_ANSWER' });
});

test('acme-client is loaded for orders only', async (t) => {
  const { listener } = caWith((base) => ({ newNonce: `${base}/nonce`, renewalInfo: `${base}/ari` }));
  const base = await startScriptedCa(t, listener);
  const script = `
    const { createAcmeClient } = await import(${JSON.stringify(import.meta.resolve('./client.ts'))});
    const { createRequire } = await import('node:module');
    const { systemClock: clock } = await import(${JSON.stringify(import.meta.resolve('../clock.ts'))});
    const accounts = { load: () => Promise.reject(new Error('no account')) };
    const options = { directoryUrl: process.argv[1], email: undefined, userAgent: 'test', accounts, clock };
    const client = createAcmeClient(options);
    const loaded = () => Object.keys(createRequire(process.cwd() + '/x').cache).some((path) => /acme-client/.test(path));
    const { signal } = new AbortController();
    await client.refreshClockSkew(signal);
    await client.renewalInfo('a.b', signal);
    await client.caaIdentities(signal);
    const before = loaded();
    await client.createOrder({ names: ['app.example.test'] }, signal).catch(() => undefined);
    process.stdout.write(JSON.stringify([before, loaded()]));
  `;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script, `${base}/dir`]);
  assert.deepEqual(JSON.parse(stdout), [false, true]);
});
