import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { IngressError } from '../../src/errors.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { exchange, openTls, receive } from '../harness/clients/tls.ts';
import { eventually, type RunningTest, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

async function serving(t: TestContext, drainMs: number): Promise<RunningTest> {
  const target = { host: '127.0.0.1', port: await startApp(t, echo) };
  const running = await startTestProxy(t, { target, drainMs });
  await running.proxy.install(await testCertificate('app.example'));
  return running;
}

function killHaproxy({ proxy }: RunningTest): void {
  assert.ok(proxy.pid);
  process.kill(proxy.pid, 'SIGKILL');
}

async function listens(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('the lifecycle of HAProxy', { concurrency: true }, () => {
  test('a killed HAProxy is restarted with its certificates and the address of the app', async (t) => {
    const app = await startApp(t, echo);
    const lookup = async () => [{ address: '127.0.0.1', family: 4 }];
    const names = ['app.example', '*.app.example'];
    const running = await startTestProxy(t, { target: { host: 'app', port: app }, names, lookup });
    const { proxy, port, lines } = running;
    const certificates = [await testCertificate('app.example'), await testCertificate('*.app.example')];
    for (const certificate of certificates) await proxy.install(certificate);
    const { pid } = proxy;
    killHaproxy(running);
    await eventually('another process', () => proxy.running && proxy.pid !== pid);
    for (const name of ['app.example', 'x.app.example']) {
      const client = await openTls(t, port, name);
      assert.equal(await exchange(client, 'back'), 'back');
    }
    assert.ok(lines.some(({ level, how }) => level === 50 && how === 'SIGKILL'));
  });

  test('a certificate that is installed during a restart of HAProxy is served afterwards', async (t) => {
    const running = await serving(t, 200);
    const { proxy, port } = running;
    const next = await testCertificate('app.example');
    killHaproxy(running);
    await proxy.install(next);
    const client = await openTls(t, port, 'app.example');
    assert.equal(client.getPeerX509Certificate()?.serialNumber, next.serialNumber);
  });

  test('stop waits for an open connection, and ends as soon as it finishes', async (t) => {
    const { proxy, port, lines } = await serving(t, 8_000);
    const client = await openTls(t, port, 'app.example');
    assert.equal(await exchange(client, 'before'), 'before');
    const begun = performance.now();
    const stopped = proxy.stop();
    await eventually('the port is closed', async () => !(await listens(port)));
    assert.equal(await exchange(client, 'while it stops'), 'while it stops');
    client.end();
    await stopped;
    assert.ok(performance.now() - begun < 5_000);
    assert.equal(proxy.running, false);
    assert.equal(proxy.pid, undefined);
    assert.deepEqual(
      lines.filter(({ level }) => level >= 40),
      [],
    );
  });

  test('stop closes an idle connection after the drain time', async (t) => {
    const { proxy, port } = await serving(t, 500);
    const client = await openTls(t, port, 'app.example');
    assert.equal(await exchange(client, 'before'), 'before');
    const begun = performance.now();
    const ended = receive(client);
    await proxy.stop();
    assert.equal(await ended, '');
    const took = performance.now() - begun;
    assert.ok(took >= 400 && took < 2_000, `${took} ms`);
  });

  test('stop with an idle connection takes less than ten seconds with the longest drain time', async (t) => {
    const { proxy, port } = await serving(t, 8_000);
    await openTls(t, port, 'app.example');
    const begun = performance.now();
    await Promise.all([proxy.stop(), proxy.stop()]);
    const took = performance.now() - begun;
    assert.ok(took >= 7_900 && took < 9_500, `${took} ms`);
  });

  test('stop kills an HAProxy that does not react', async (t) => {
    const { proxy, port } = await serving(t, 200);
    assert.ok(proxy.pid);
    process.kill(proxy.pid, 'SIGSTOP');
    const begun = performance.now();
    await proxy.stop();
    assert.ok(performance.now() - begun < 3_000);
    assert.equal(await listens(port), false);
  });

  test('stop during a restart does not start HAProxy again, and rejects pending installations', async (t) => {
    const running = await serving(t, 200);
    const { proxy, port } = running;
    killHaproxy(running);
    const refused = assert.rejects(proxy.install(await testCertificate('app.example')), {
      code: 'PROXY_START_FAILED',
    });
    await proxy.stop();
    await refused;
    assert.equal(proxy.running, false);
    assert.equal(await listens(port), false);
  });

  test('a port that is in use is named in the error', async (t) => {
    const port = await startApp(t, echo, { host: '0.0.0.0' });
    await assert.rejects(startTestProxy(t, { port }), (thrown: IngressError) => {
      assert.equal(thrown.code, 'PROXY_START_FAILED');
      assert.deepEqual(thrown.details, { port });
      return true;
    });
  });

  test('a missing program is named in the error', async (t) => {
    await assert.rejects(startTestProxy(t, { haproxyBin: '/no/such/haproxy' }), (thrown: IngressError) => {
      assert.equal(thrown.code, 'PROXY_START_FAILED');
      assert.deepEqual(thrown.details, { haproxyBin: '/no/such/haproxy' });
      assert.equal((thrown.cause as NodeJS.ErrnoException).code, 'ENOENT'); // what spawn(2) fails with
      return true;
    });
  });

  test('a configuration that HAProxy rejects is an error with its output', async (t) => {
    const privileges = { user: 'nobody-of-this-name', group: 'haproxy', chroot: '/var/empty' };
    await assert.rejects(startTestProxy(t, { privileges }), (thrown: IngressError) => {
      assert.equal(thrown.code, 'PROXY_CONFIG_REJECTED');
      assert.match(String(thrown.details['output']), /nobody-of-this-name/);
      return true;
    });
  });

  test('the files in the runtime directory are accessible to the owner only, and contain no key', async (t) => {
    const { runtimeDir } = await serving(t, 200);
    const found = await readdir(runtimeDir);
    assert.deepEqual(found.sort(), [
      ...['chroot', 'crt-list', 'haproxy.cfg', 'haproxy.sock', 'openssl.cnf', 'own.sock', 'routes.map'],
    ]);
    const modeOf = async (name: string) => ((await stat(join(runtimeDir, name))).mode & 0o777).toString(8);
    assert.equal(await modeOf('haproxy.cfg'), '600');
    assert.equal(await modeOf('crt-list'), '600');
    assert.equal(await modeOf('routes.map'), '600');
    assert.equal(await modeOf('haproxy.sock'), '600');
    assert.equal(await modeOf('own.sock'), '600');
    assert.equal(await modeOf('chroot'), '555');
    assert.equal((await stat(join(runtimeDir, 'crt-list'))).size, 0);
  });
});
