import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Fault, startFault } from '../harness/apps/faulty-apps.ts';
import { type Client, openHttp1, openHttp2 } from '../harness/clients/http-clients.ts';
import type { LogLine } from '../harness/memory-log.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { eventually, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const PAGES = {
  502: '502 Bad Gateway: the app broke off or gave no valid answer.\n',
  503: '503 Service Unavailable: the app cannot be reached.\n',
  504: '504 Gateway Timeout: the app gave no answer in time.\n',
} as const;

const faults: readonly [fault: Fault, status: keyof typeof PAGES, why: string][] = [
  ['refuses', 503, 'refused'],
  ['has no address', 503, 'no-address'],
  ['takes no connection', 503, 'connect-timeout'],
  ['resets at once', 502, 'broke-off'],
  ['resets when asked', 502, 'broke-off'],
  ['closes at once', 502, 'broke-off'],
  ['closes when asked', 502, 'broke-off'],
  ['answers half a header', 502, haproxyVersion < 300 ? 'broke-off' : 'not-http'],
  ['answers garbage', 502, 'not-http'],
  ['is silent', 504, 'no-answer'],
];

/**
 * Where nothing of an answer was there, HAProxy leaves it to the client to ask again: each version when the app takes no
 * connection, versions before 3.0 also when it broke off. It does so after the first request of a connection, and to HTTP/2 a
 * request is never the first.
 */
const leftToClient = (status: number, why: string) =>
  why === 'connect-timeout' || (haproxyVersion < 300 && status === 502 && why === 'broke-off');

async function serve(t: TestContext, fault: Fault): Promise<{ port: number; lines: LogLine[] }> {
  const { proxy, port, lines } = await startTestProxy(t, {
    target: { ...(await startFault(t, fault)), speaks: 'http/1.1' },
    alpn: ['h2', 'http/1.1'],
    timeouts: { connect: 200, client: 60_000, server: 300 },
  });
  await proxy.install(await testCertificate('app.example'));
  return { port, lines };
}

async function assertPage(client: Client, status: keyof typeof PAGES): Promise<void> {
  const { headers, body, ...answer } = await client.get('/');
  assert.equal(answer.status, status);
  assert.equal(body, PAGES[status]);
  assert.equal(headers['content-type'], 'text/plain');
  assert.equal(headers['content-length'], String(body.length));
  assert.equal(headers['cache-control'], 'no-store');
  assert.notEqual(headers.connection, 'close');
}

async function assertSaid(lines: LogLine[], why: string): Promise<LogLine> {
  const of = () => lines.find(({ event }) => event === 'connection-failed');
  await eventually('the failure in the log', () => of() !== undefined);
  const line = of();
  assert.ok(line);
  assert.deepEqual([line.level, line['domain'], line['why']], [40, 'app.example', why]);
  assert.match(String(line['target']), /^http:(127\.0\.0\.1|nowhere\.invalid):\d+$/);
  return line;
}

describe('an app that', { concurrency: 4 }, () => {
  for (const [fault, status, why] of faults) {
    test(`${fault}: HTTP/1.1 clients read a ${status}, and again on the same connection`, async (t) => {
      const { port, lines } = await serve(t, fault);
      const client = await openHttp1(t, port, 'app.example');
      await assertPage(client, status);
      const { error, ...said } = await assertSaid(lines, why);
      assert.equal(said['status'], status);
      if (haproxyVersion >= 300 && fault.startsWith('resets')) assert.match(String(error), /^ECONNRESET/);
      if (leftToClient(status, why)) await assert.rejects(client.get('/'));
      else await assertPage(client, status);
    });

    test(`${fault}: HTTP/2 clients read a ${status}, and again on the same connection`, async (t) => {
      const { port, lines } = await serve(t, fault);
      const client = await openHttp2(t, port, 'app.example');
      for (const _ of [1, 2]) {
        if (leftToClient(status, why)) await assert.rejects(client.get('/'), /REFUSED_STREAM/);
        else await assertPage(client, status);
      }
      // A version that leaves it to the client says nothing of it either.
      if (haproxyVersion >= 300 || !leftToClient(status, why)) await assertSaid(lines, why);
      assert.equal(client.session.destroyed, false);
    });
  }

  test('breaks off in the middle: the client sees that the answer is not whole', async (t) => {
    const { port, lines } = await serve(t, 'resets in the middle');
    await assert.rejects((await openHttp1(t, port, 'app.example')).get('/'), /aborted/);
    await assertSaid(lines, 'broke-off');
  });

  test('is silent in the middle: the client is not left waiting', async (t) => {
    const { port } = await serve(t, 'is silent in the middle');
    const begun = performance.now();
    await assert.rejects((await openHttp1(t, port, 'app.example')).get('/'), /aborted/);
    assert.ok(performance.now() - begun < 3_000);
    // Versions from 3.0 on log this as the client's doing (CD).
  });
});
