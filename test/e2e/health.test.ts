import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { systemClock } from '../../src/clock.ts';
import { Secret } from '../../src/config/secret.ts';
import { IngressError } from '../../src/errors.ts';
import type { ProxyOptions } from '../../src/proxy/proxy.ts';
import { statusFile } from '../../src/status/file.ts';
import { judge } from '../../src/status/health.ts';
import { startApp } from '../harness/apps/tcp-app.ts';
import { makeCertificate } from '../harness/ca/certificates.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { eventually, startTestProxy, statistic } from '../harness/proxy/proxy.ts';
import { silentHaproxy } from './support.ts';

const BUNDLE = new URL('../../dist/main.js', import.meta.url).pathname;
const DAY_MS = 86_400_000;
const DOMAIN = 'app.example.com';

/** The health check as in a container, with only the given environment. */
async function health(environment: Record<string, string>, ...options: string[]) {
  const startedAt = performance.now();
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BUNDLE, 'health', ...options], {
    env: environment,
    extendEnv: false,
    reject: false,
    timeout: 30_000,
  });
  return { exitCode, stdout, stderr, seconds: (performance.now() - startedAt) / 1000 };
}

/** An HAProxy that serves a certificate for a name, valid from yesterday for this many days. */
async function serving(t: TestContext, domain: string, days: number, options: Partial<ProxyOptions> = {}) {
  const target = {
    host: '127.0.0.1',
    port: await startApp(t, (socket) => void socket.write('220 hello\r\n')),
  };
  const running = await startTestProxy(t, { target, names: [domain], ...options });
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(notBefore.getTime() + days * DAY_MS);
  const { chainPem, keyPem } = await makeCertificate({ names: [domain], notBefore, notAfter });
  const { fingerprint256, validToDate } = new X509Certificate(chainPem);
  const keys = { keyPem: new Secret(keyPem), chainPem, fingerprint256 };
  await running.proxy.install({ name: domain.replace('*.', ''), servername: domain, ...keys });
  return { ...running, until: validToDate.toISOString() };
}

for (const domain of [DOMAIN, '*.example.com']) {
  test(`a served ${domain} is healthy, whatever the issuer, and HAProxy does not log the check`, async (t) => {
    const { port, runtimeDir, until, lines } = await serving(t, domain, 30);
    const before = lines.length;
    for (let check = 0; check < 3; check += 1) {
      const { exitCode, stdout, stderr } = await health({
        DOMAIN: domain,
        PORT: String(port),
        RUNTIME_DIR: runtimeDir,
      });
      assert.deepEqual([exitCode, stdout, stderr], [0, `healthy: serving ${domain} until ${until}`, '']);
    }
    assert.deepEqual(lines.slice(before), []);
  });
}

test('it is healthy while other clients use every connection', async (t) => {
  const { port, runtimeDir, until } = await serving(t, DOMAIN, 30, { maxconn: 2 });
  for (let client = 0; client < 2; client += 1)
    assert.equal(await receive(await openTls(t, port, DOMAIN)), '220 hello');
  const { exitCode, stdout } = await health({ DOMAIN, PORT: String(port), RUNTIME_DIR: runtimeDir });
  assert.deepEqual([exitCode, stdout], [0, `healthy: serving ${DOMAIN} until ${until}`]);
});

test('an expired certificate is unhealthy', async (t) => {
  const { runtimeDir, until } = await serving(t, DOMAIN, 0.5);
  const { exitCode, stdout } = await health({ DOMAIN, RUNTIME_DIR: runtimeDir });
  assert.deepEqual([exitCode, stdout], [1, `unhealthy: the certificate expired 12 hours ago, at ${until}`]);
});

test('a name for which HAProxy has no certificate is unhealthy', async (t) => {
  const { runtimeDir } = await serving(t, '*.example.com', 30);
  const { exitCode, stdout } = await health({ DOMAIN: '*.app.example.com', RUNTIME_DIR: runtimeDir });
  assert.deepEqual([exitCode, stdout], [1, 'unhealthy: no certificate yet']);
});

test('an HAProxy without any certificate is unhealthy', async (t) => {
  const { runtimeDir } = await startTestProxy(t);
  const { exitCode, stdout } = await health({ DOMAIN, RUNTIME_DIR: runtimeDir });
  assert.deepEqual([exitCode, stdout], [1, 'unhealthy: no certificate yet']);
});

test('health --wait ends at once when a start needs the operator', async (t) => {
  const { runtimeDir } = await startTestProxy(t);
  const emit = statusFile(runtimeDir, process.pid, systemClock);
  const certificate = [DOMAIN] as const;
  emit({
    ...{ type: 'starting', version: '1.2.3', provider: 'cloudflare', domains: certificate },
    directoryUrl: 'https://ca.example/directory',
  });
  const waiting = health({ DOMAIN, RUNTIME_DIR: runtimeDir }, '--wait');
  // The second handshake belongs to a check after the one that reported `starting`.
  await eventually('it waits', async () => (await statistic(runtimeDir, 'FRONTEND', 'conn_tot')) >= 2);
  emit({
    ...{ type: 'reconcile-failed', certificate, step: 'records', seconds: 1, attempt: 1 },
    error: new IngressError('PROVIDER_CREDENTIALS_REJECTED', 'the token is rejected', { retryable: false }),
    nextAttempt: new Date(Date.now() + 5000),
  });
  const { exitCode, stdout } = await waiting;
  assert.match(stdout, /^unhealthy: .*\(PROVIDER_CREDENTIALS_REJECTED\)/);
  assert.equal(exitCode, 1);
});

test('a RUNTIME_DIR without an ingress is unhealthy, and the output says so', async () => {
  const { exitCode, stdout } = await health({ DOMAIN, PORT: '8443', RUNTIME_DIR: '/nowhere' });
  assert.equal(exitCode, 1);
  const thrown = Object.assign(new Error('no socket'), { code: 'ENOENT' });
  const subject = { port: 8443, runtimeDir: '/nowhere', names: 1, state: undefined };
  assert.equal(stdout, judge([{ domain: DOMAIN, thrown }], subject, new Date()).sentence);
});

test('a silent port is unhealthy within 5 seconds', async (t) => {
  const { environment } = await silentHaproxy(t);
  const { exitCode, stdout, seconds } = await health({ DOMAIN, PORT: '8443', ...environment });
  assert.deepEqual([exitCode, stdout], [1, 'unhealthy: port 8443: no handshake within 3 s']);
  assert.ok(seconds < 5, `${seconds} s`);
});

test('faults of the variables that it needs are in its only line', async () => {
  const { exitCode, stdout, stderr } = await health({ DOMAIN, PORT: '0' });
  const wrong = 'unhealthy: PORT is not a whole number from 1 to 65535: "0"';
  assert.deepEqual([exitCode, stdout, stderr], [1, wrong, '']);
});
