import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { faultyApps } from '../harness/apps/faulty-apps.ts';
import { startTextApp } from '../harness/apps/http-app.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { openHttp1, openHttp2 } from '../harness/clients/http-clients.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import type { LogLine } from '../harness/memory-log.ts';
import { eventually, type RunningTest, startTestProxy, statistic } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const timeouts = { connect: 1_000, client: 500, server: 60_000 };
/** Warnings and errors, except the warning about an old HAProxy at the start. */
const loud = (lines: LogLine[]) => lines.filter((line) => line.level >= 40 && line['version'] === undefined);
const ended = (lines: LogLine[]) => lines.filter(({ event }) => event === 'connection-failed');

/** Sends bytes without a handshake, and ends the connection in one of three ways. */
async function knock(port: number, bytes: string, end: 'FIN' | 'RST' | 'wait'): Promise<void> {
  const socket = connect(port, '127.0.0.1').resume();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (bytes !== '') await new Promise((written) => socket.write(bytes, 'latin1', written));
  const closed = socket.destroyed ? undefined : once(socket, 'close');
  if (end === 'FIN') socket.end();
  if (end === 'RST') socket.resetAndDestroy();
  await closed;
}

/**
 * Waits until every connection has ended and its line, if any, is logged. Lines keep their order.
 */
async function settled({ port, runtimeDir, lines }: Omit<RunningTest, 'proxy'>): Promise<void> {
  await eventually(
    'the end of all connections',
    async () => (await statistic(runtimeDir, 'FRONTEND', 'scur')) === 0,
  );
  const before = lines.length;
  await knock(port, '', 'FIN');
  const isLast = ({ error }: LogLine) => error === 'Connection closed during SSL handshake';
  await eventually('the last line', () => lines.slice(before).some(isLast));
}

test('clients that do not complete a handshake are closed and cause no warning', async (t) => {
  const { proxy, port, runtimeDir, lines } = await startTestProxy(t, { timeouts });
  await proxy.install(await testCertificate('app.example'));
  await knock(port, '', 'FIN');
  await knock(port, '', 'RST');
  await knock(port, '', 'wait');
  await knock(port, 'GET / HTTP/1.1\r\n\r\n', 'wait');
  await knock(port, '\x16\x03\x01\x02', 'FIN');
  await knock(port, '\x16\x03\x01\x02', 'RST');
  await knock(port, '\x16\x03\x01\x02', 'wait');
  await knock(port, '\x16\x03\x01\x00\x05nonsense', 'wait');
  await assert.rejects(openTls(t, port, ''));
  await assert.rejects(openTls(t, port, 'other.example'));
  await assert.rejects(openTls(t, port, 'app.example', { rejectUnauthorized: true }));
  await settled({ port, runtimeDir, lines });
  assert.deepEqual(loud(lines), []);
  const logged = ended(lines).filter(({ level }) => level === 30);
  const errors = logged.map(({ error }) => String(error));
  assert.equal(new Set(errors).size, errors.length, 'one line in ten seconds for each kind');
  for (const kind of [/: http request$/, /: callback failed$/, /unexpected message$/])
    assert.equal(errors.filter((error) => kind.test(error)).length, 1, `${kind} in ${errors}`);
});

test('a requested name that is not served is logged as one word, whatever bytes it has', async (t) => {
  for (const [name, domain] of [
    ['Other.example', 'other.example'],
    ['a\n<0>[ALERT] (1) : x\n', /^a%0A%3C0%3E%5Balert%5D[!-~]+$/i],
    ['a b|c"\\\x1b[31m', /^[!-{}~]+$/],
    ['é'.repeat(127), /^(%C3%A9){127}$/],
    ['', undefined],
  ] as const) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { proxy, port, lines } = await startTestProxy(t);
      await proxy.install(await testCertificate('app.example'));
      await assert.rejects(openTls(t, port, name, { minVersion: version, maxVersion: version }));
      await eventually('a line', () => ended(lines).length > 0);
      const [line] = ended(lines);
      assert.deepEqual([line?.level, line?.['why'], line?.['client']], [30, 'handshake', '127.0.0.1']);
      assert.match(String(line?.['error']), /callback failed$/);
      if (domain instanceof RegExp) assert.match(String(line?.['domain']), domain);
      else assert.equal(line?.['domain'], domain);
    }
  }
});

test('clients of an HTTP target that close their connection cause no warning', async (t) => {
  const target = {
    port: await startTextApp(t, { speaks: 'http/1.1' }, () => undefined),
    speaks: 'http/1.1',
  } as const;
  const { proxy, port, runtimeDir, lines } = await startTestProxy(t, {
    target,
    timeouts,
    abandoned: { idleMs: 300, intervalMs: 50 },
    alpn: ['h2', 'http/1.1'],
  });
  await proxy.install(await testCertificate('app.example'));
  const asking = ['GET / HTTP/1.1\r\nhost: app.example\r\n\r\n', 'GET / HTTP/1.1\r\nho', 'nonsense\r\n\r\n'];
  for (const words of asking) {
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const raw = connect(port, '127.0.0.1');
      const client = await openTls(t, port, 'app.example', { socket: raw });
      await new Promise((written) => client.write(words, written));
      if (end === 'end') client.resume().end();
      else raw[end]();
    }
  }
  const { session } = await openHttp2(t, port, 'app.example');
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await eventually('an open stream', () => stream.id !== undefined);
  session.destroy();
  await settled({ port, runtimeDir, lines });
  assert.deepEqual(loud(lines), []);
  // HAProxy responds 400 to nonsense, but logs no status for a request that it could not parse.
  const unread = ended(lines).find(({ why }) => why === 'bad-request');
  assert.deepEqual([unread?.['domain'], unread?.['status']], ['app.example', undefined]);
});

test('clients of a TCP target that close their connection cause no warning', async (t) => {
  const { proxy, port, runtimeDir, lines } = await startTestProxy(t, {
    target: { port: await startApp(t, echo) },
    timeouts,
  });
  await proxy.install(await testCertificate('app.example'));
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    const raw = connect(port, '127.0.0.1');
    const client = await openTls(t, port, 'app.example', { socket: raw });
    client.write('x'.repeat(1_000_000));
    await receive(client);
    raw[end]();
  }
  const idle = await openTls(t, port, 'app.example');
  await once(idle.resume(), 'end');
  await settled({ port, runtimeDir, lines });
  assert.deepEqual(loud(lines), []);
});

test('a request that is never complete is closed in time, even if the client keeps sending', async (t) => {
  const target = {
    port: await startTextApp(t, { speaks: 'http/1.1' }, () => 'here'),
    speaks: 'http/1.1',
  } as const;
  const { proxy, port, lines } = await startTestProxy(t, { target, timeouts });
  await proxy.install(await testCertificate('app.example'));
  const begun = performance.now();
  const client = await openTls(t, port, 'app.example');
  client.write('GET / HTTP/1.1\r\nhost: app.example\r\n');
  const closed = once(client.resume(), 'close');
  const drip = setInterval(() => client.write('x: y\r\n'), 50);
  afterTest(t, () => clearInterval(drip));
  await closed;
  const tookMs = performance.now() - begun;
  assert.ok(tookMs > 400 && tookMs < 2_000, `${tookMs} ms`);
  assert.deepEqual(loud(lines), []);
});

test('names that clients choose cannot end a line or a word of the log', async (t) => {
  const target = { port: await startApp(t, faultyApps['resets on request']) };
  const { proxy, port, lines } = await startTestProxy(t, { target, names: ['*.w.example'] });
  await proxy.install(await testCertificate('*.w.example'));
  const names = [
    'a\n<0>[ALERT] (1) : x\n',
    'a b',
    'a|b|c|d',
    'a\r\t\x1b[31m\x07',
    'a"\\',
    'é',
    'a%0a',
    'x'.repeat(200),
    'é'.repeat(120),
  ];
  for (const name of names) {
    const client = await openTls(t, port, `${name}.w.example`);
    client.write('x');
    await receive(client);
  }
  const client = await openTls(t, port, 'last.w.example');
  client.write('x');
  await receive(client);
  await eventually('the failure', () => loud(lines).length > 0);
  assert.deepEqual(
    loud(lines).map((line) => [line.level, line['target'], line['why']]),
    [[40, `tcp:127.0.0.1:${target.port}`, 'broke-off']],
  );
  assert.deepEqual(
    lines.filter(({ msg }) => msg.startsWith('ended')),
    [],
    'lines that could not be parsed',
  );
  assert.doesNotMatch(lines.map(({ msg, domain }) => `${msg}${domain}`).join(''), /[\x00-\x1f\x7f]/);
});

test('the longest name for the longest target still fits one line', async (t) => {
  const host = `${'a.'.repeat(122)}invalid`;
  const { proxy, port, lines } = await startTestProxy(t, { target: { host }, names: ['*.w.example'] });
  await proxy.install(await testCertificate('*.w.example'));
  await receive(await openTls(t, port, `${'é'.repeat(122)}.w.example`));
  await eventually('the failure', () => ended(lines).length > 0);
  assert.partialDeepStrictEqual(ended(lines), [
    { domain: `${'%C3%A9'.repeat(122)}.w.example`, target: `tcp:${host}:9`, why: 'no-address' },
  ]);
});

async function failMany(t: TestContext, count: number): Promise<LogLine[]> {
  const target = { host: 'nowhere.invalid', speaks: 'http/1.1' } as const;
  const { proxy, port, lines } = await startTestProxy(t, { target, names: ['*.w.example'] });
  await proxy.install(await testCertificate('*.w.example'));
  const names = Array.from({ length: 20 }, (_, index) => `n${index}.w.example`);
  await Promise.all(
    names.map(async (name) => {
      const client = await openHttp1(t, port, name);
      for (let asked = 0; asked < count / names.length; asked += 1) {
        assert.equal((await client.get('/')).status, 503);
      }
    }),
  );
  return lines;
}

test('10,000 failures cause few lines', async (t) => {
  const begun = performance.now();
  const lines = await failMany(t, 10_000);
  const tookMs = performance.now() - begun;
  const many = ended(lines);
  assert.ok(many.length >= 1 && many.length <= 1 + tookMs / 10_000, `${many.length} lines`);
});
