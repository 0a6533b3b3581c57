import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import {
  echo,
  eventually,
  freePort,
  openTls,
  type RunningTest,
  say,
  startApp,
  startTestProxy,
  temporaryDir,
} from '../../test/doubles/proxy.ts';
import { testCertificate } from '../../test/doubles/proxy-certificate.ts';
import { tell } from '../../test/doubles/runtime.ts';
import { type Clock, systemClock } from '../clock.ts';
import { SESSION_LIFETIME_MS } from './render.ts';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof versions)[number];

/** The system's clock, but for the lifetimes of ticket keys: those pass when the test says so. */
function startClock(): { clock: Clock; passLifetime(): void } {
  let pass = Promise.withResolvers<void>();
  return {
    clock: {
      now: systemClock.now,
      wait: async (ms, signal) => {
        if (ms !== SESSION_LIFETIME_MS) return await systemClock.wait(ms, signal);
        const aborted = Promise.withResolvers<never>();
        signal?.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
        await Promise.race([pass.promise, aborted.promise]);
      },
    },
    passLifetime: () => {
      pass.resolve();
      pass = Promise.withResolvers<void>();
    },
  };
}

async function serve(t: TestContext, clock: Clock = systemClock): Promise<RunningTest> {
  const running = await startTestProxy(t, { target: { port: await startApp(t, echo) }, clock });
  await running.proxy.install(await testCertificate('app.example'));
  return running;
}

async function open(t: TestContext, port: number, version: Version, session?: Buffer): Promise<TLSSocket> {
  const only: ConnectionOptions = { minVersion: version, maxVersion: version };
  return await openTls(t, port, 'app.example', { ...only, ...(session && { session }) });
}

/** What a client resumes with: it comes within the handshake (1.2), or after it (1.3). */
async function ticketOf(t: TestContext, port: number, version: Version): Promise<Buffer> {
  const client = await open(t, port, version);
  const [session] = version === 'TLSv1.2' ? [client.getSession()] : await once(client, 'session');
  assert.equal(await say(client, 'hello'), 'hello');
  client.end();
  return session;
}

async function resumes(t: TestContext, port: number, version: Version, session: Buffer): Promise<boolean> {
  const client = await open(t, port, version, session);
  assert.equal(await say(client, 'again'), 'again');
  const reused = client.isSessionReused();
  client.end();
  return reused;
}

describe('tickets', { concurrency: true }, () => {
  for (const version of versions) {
    test(`${version}: a session is resumed after one rotation, and no longer after three`, async (t) => {
      const { clock, passLifetime } = startClock();
      const { port, runtimeDir } = await serve(t, clock);
      const rotate = async () => {
        const before = await tell(runtimeDir, 'show tls-keys *');
        passLifetime();
        await eventually('other keys', async () => (await tell(runtimeDir, 'show tls-keys *')) !== before);
      };
      const session = await ticketOf(t, port, version);
      assert.equal(await resumes(t, port, version, session), true);
      await rotate();
      assert.equal(await resumes(t, port, version, session), true);
      const later = await ticketOf(t, port, version);
      await rotate();
      await rotate();
      assert.equal(await resumes(t, port, version, session), false);
      assert.equal(await resumes(t, port, version, later), false);
      assert.equal(await resumes(t, port, version, await ticketOf(t, port, version)), true);
    });

    test(`${version}: an HAProxy that was killed resumes the sessions of before when it is back`, async (t) => {
      const { clock, passLifetime } = startClock();
      const { port, proxy, runtimeDir } = await serve(t, clock);
      const before = await tell(runtimeDir, 'show tls-keys *');
      passLifetime();
      await eventually('other keys', async () => (await tell(runtimeDir, 'show tls-keys *')) !== before);
      const session = await ticketOf(t, port, version);
      const { pid } = proxy;
      assert.ok(pid);
      process.kill(pid, 'SIGKILL');
      await eventually('another HAProxy', () => proxy.pid !== undefined && proxy.pid !== pid);
      assert.equal(await resumes(t, port, version, session), true);
      await assert.rejects(access(join(runtimeDir, 'ticket-keys')));
    });
  }

  test('no file of keys is left by a start, nor by one that failed', async (t) => {
    const { runtimeDir } = await startTestProxy(t);
    const notKeys = (names: string[]) => names.filter((name) => name.includes('ticket'));
    assert.deepEqual(notKeys(await readdir(runtimeDir)), []);
    const taken = createServer().listen(await freePort());
    t.after(() => taken.close());
    await once(taken, 'listening');
    const address = taken.address();
    assert.ok(typeof address === 'object' && address !== null);
    const failures = [
      { port: address.port },
      { haproxyBin: '/nonexistent/haproxy' },
      { appTls: { verify: true, caFile: '/nonexistent/ca.pem' }, target: { tls: true } },
    ];
    for (const failure of failures) {
      const dir = await temporaryDir(t);
      await assert.rejects(startTestProxy(t, { ...failure, runtimeDir: dir }), { name: /Error/ });
      assert.deepEqual(notKeys(await readdir(dir)), []);
    }
  });
});
