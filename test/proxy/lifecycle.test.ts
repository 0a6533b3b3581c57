import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import {
  echo,
  eventually,
  hear,
  openTls,
  type RunningTest,
  say,
  startApp,
  startTestProxy,
} from '../harness/proxy/proxy.ts';
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

describe('the life of HAProxy', { concurrency: true }, () => {
  test('an HAProxy that was killed comes back with its certificates and the address of the app', async (t) => {
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
      assert.equal(await say(client, 'back'), 'back');
    }
    assert.ok(lines.some(({ level, how }) => level === 50 && how === 'SIGKILL'));
  });

  test('a certificate that is installed while HAProxy is away is served when it is back', async (t) => {
    const running = await serving(t, 200);
    const { proxy, port } = running;
    const next = await testCertificate('app.example');
    killHaproxy(running);
    await proxy.install(next);
    const client = await openTls(t, port, 'app.example');
    assert.equal(client.getPeerX509Certificate()?.serialNumber, next.serialNumber);
  });

  test('stop lets an open connection finish and then ends at once', async (t) => {
    const { proxy, port, lines } = await serving(t, 8_000);
    const client = await openTls(t, port, 'app.example');
    assert.equal(await say(client, 'before'), 'before');
    const begun = performance.now();
    const stopped = proxy.stop();
    await eventually('the port is closed', async () => !(await listens(port)));
    assert.equal(await say(client, 'while it stops'), 'while it stops');
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

  test('stop ends an idle connection when its time is over', async (t) => {
    const { proxy, port } = await serving(t, 500);
    const client = await openTls(t, port, 'app.example');
    assert.equal(await say(client, 'before'), 'before');
    const begun = performance.now();
    const ended = hear(client);
    await proxy.stop();
    assert.equal(await ended, '');
    const took = performance.now() - begun;
    assert.ok(took >= 400 && took < 2_000, `${took} ms`);
  });

  test('stop with an idle connection takes less than ten seconds with the longest drain', async (t) => {
    const { proxy, port } = await serving(t, 8_000);
    await openTls(t, port, 'app.example');
    const begun = performance.now();
    await Promise.all([proxy.stop(), proxy.stop()]);
    const took = performance.now() - begun;
    assert.ok(took >= 7_900 && took < 9_500, `${took} ms`);
  });

  test('stop ends an HAProxy that reacts to nothing', async (t) => {
    const { proxy, port } = await serving(t, 200);
    assert.ok(proxy.pid);
    process.kill(proxy.pid, 'SIGSTOP');
    const begun = performance.now();
    await proxy.stop();
    assert.ok(performance.now() - begun < 3_000);
    assert.equal(await listens(port), false);
  });

  test('stop while HAProxy is away starts it no more, and refuses what waits for it', async (t) => {
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

  test('a port that is in use is named', async (t) => {
    const port = await startApp(t, echo, { host: '0.0.0.0' });
    await assert.rejects(startTestProxy(t, { port }), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'PROXY_START_FAILED');
      assert.match(thrown.message, new RegExp(`port ${port} \\(PORT\\)`));
      return true;
    });
  });

  test('a program that is missing is named', async (t) => {
    await assert.rejects(startTestProxy(t, { haproxyBin: '/no/such/haproxy' }), (thrown: Error) => {
      assert.match(thrown.message, /\/no\/such\/haproxy could not be run: .*ENOENT/);
      return true;
    });
  });

  test('a configuration that HAProxy does not take is refused in its words', async (t) => {
    const privileges = { user: 'nobody-of-this-name', group: 'haproxy', chroot: '/var/empty' };
    await assert.rejects(startTestProxy(t, { privileges }), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'PROXY_CONFIG_REJECTED');
      assert.match(thrown.message, /nobody-of-this-name/);
      return true;
    });
  });

  test('the files in the runtime directory are for the owner only, and none holds a key', async (t) => {
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
