import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Fault, startFault } from '../harness/apps/faulty-apps.ts';
import { type Client, openHttp1, openHttp2 } from '../harness/clients/http-clients.ts';
import type { LogLine } from '../harness/memory-log.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { eventually, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const PAGES = {
  502: '502 Bad Gateway: the app closed the connection or sent no valid response.\n',
  503: '503 Service Unavailable: the app cannot be reached.\n',
  504: '504 Gateway Timeout: the app did not respond in time.\n',
} as const;

const faults: readonly [fault: Fault, status: keyof typeof PAGES, why: string][] = [
  ['refuses', 503, 'refused'],
  ['has no address', 503, 'no-address'],
  ['accepts no connection', 503, 'connect-timeout'],
  ['resets at once', 502, 'broke-off'],
  ['resets on request', 502, 'broke-off'],
  ['closes at once', 502, 'broke-off'],
  ['closes on request', 502, 'broke-off'],
  ['sends half a header', 502, haproxyVersion < 300 ? 'broke-off' : 'not-http'],
  ['answers garbage', 502, 'not-http'],
  ['is silent', 504, 'no-answer'],
];

/**
 * Whether HAProxy closes the connection without a response, so that the client sends the request
 * again: every version if the app accepts no connection, versions before 3.0 also if it closed the
 * connection. HAProxy does this from the second request of an HTTP/1.1 connection on, and for every
 * request over HTTP/2.
 */
const isLeftToClient = (status: number, why: string) =>
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

async function assertLogged(lines: LogLine[], why: string): Promise<LogLine> {
  const failure = () => lines.find(({ event }) => event === 'connection-failed');
  await eventually('the failure in the log', () => failure() !== undefined);
  const line = failure();
  assert.ok(line);
  assert.deepEqual([line.level, line['domain'], line['why']], [40, 'app.example', why]);
  assert.match(String(line['target']), /^http:(127\.0\.0\.1|nowhere\.invalid):\d+$/);
  return line;
}

describe('an app that', { concurrency: 4 }, () => {
  for (const [fault, status, why] of faults) {
    test(`${fault}: HTTP/1.1 clients get ${status}, twice on one connection`, async (t) => {
      const { port, lines } = await serve(t, fault);
      const client = await openHttp1(t, port, 'app.example');
      await assertPage(client, status);
      const { error, ...line } = await assertLogged(lines, why);
      assert.equal(line['status'], status);
      if (haproxyVersion >= 300 && fault.startsWith('resets')) assert.match(String(error), /^ECONNRESET/);
      if (isLeftToClient(status, why)) await assert.rejects(client.get('/'));
      else await assertPage(client, status);
    });

    test(`${fault}: HTTP/2 clients get ${status}, twice on one connection`, async (t) => {
      const { port, lines } = await serve(t, fault);
      const client = await openHttp2(t, port, 'app.example');
      for (const _ of [1, 2]) {
        if (isLeftToClient(status, why)) await assert.rejects(client.get('/'), /REFUSED_STREAM/);
        else await assertPage(client, status);
      }
      // A version that leaves the retry to the client does not log the failure either.
      if (haproxyVersion >= 300 || !isLeftToClient(status, why)) await assertLogged(lines, why);
      assert.equal(client.session.destroyed, false);
    });
  }

  test('resets in the middle of a response: the client sees that it is incomplete', async (t) => {
    const { port, lines } = await serve(t, 'resets in the middle');
    await assert.rejects((await openHttp1(t, port, 'app.example')).get('/'), /aborted/);
    await assertLogged(lines, 'broke-off');
  });

  test('is silent in the middle of a response: the client is not left waiting', async (t) => {
    const { port } = await serve(t, 'is silent in the middle');
    const begun = performance.now();
    await assert.rejects((await openHttp1(t, port, 'app.example')).get('/'), /aborted/);
    assert.ok(performance.now() - begun < 3_000);
    // Versions from 3.0 on log this as closed by the client (CD).
  });
});
