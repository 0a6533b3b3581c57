import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startTextApp } from '../harness/apps/http-app.ts';
import { greeter, startApp } from '../harness/apps/tcp-app.ts';
import { openHttp1 } from '../harness/clients/http-clients.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { eventually, freePort, runtimeCommand, startTestProxy, statistic } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const timeouts = { connect: 10_000, client: 60_000, server: 60_000 };
/** A lookup and a retry take a second each. BUSY_MS is the margin for a busy machine. */
const SOON_MS = 1_000;
const BUSY_MS = 1_000;

describe('an app that starts again', { concurrency: 4 }, () => {
  test('has three seconds before a client gets 503', async (t) => {
    const target = { port: await freePort(), speaks: 'http/1.1' } as const;
    const { proxy, port } = await startTestProxy(t, { target, timeouts });
    await proxy.install(await testCertificate('app.example'));
    const client = await openHttp1(t, port, 'app.example');
    const begun = performance.now();
    const { status } = await client.get('/');
    const tookMs = performance.now() - begun;
    assert.equal(status, 503);
    t.diagnostic(`503 after ${Math.round(tookMs)} ms`);
    assert.ok(tookMs > 2_500 && tookMs < 5_000, `${tookMs} ms`);
  });

  for (const speaks of ['http/1.1', 'tcp'] as const) {
    test(`(${speaks}) gets waiting clients and new ones within a second`, async (t) => {
      const appPort = await freePort();
      const { proxy, port, runtimeDir } = await startTestProxy(t, {
        target: { port: appPort, speaks },
        timeouts,
      });
      await proxy.install(await testCertificate('app.example'));
      const ask = async (): Promise<string> => {
        if (speaks === 'tcp') return await receive(await openTls(t, port, 'app.example'));
        return (await (await openHttp1(t, port, 'app.example')).get('/')).body;
      };
      const waiting = ask();
      await eventually('a refused connection', async () => (await statistic(runtimeDir, 'app', 'wretr')) > 0);
      if (speaks === 'tcp') await startApp(t, greeter('back'), { port: appPort });
      else await startTextApp(t, { speaks, port: appPort }, () => 'back');
      const returned = performance.now();
      assert.equal(await ask(), 'back');
      const newMs = performance.now() - returned;
      assert.equal(await waiting, 'back');
      const waitedMs = performance.now() - returned;
      t.diagnostic(
        `a new client after ${Math.round(newMs)} ms, one that waited after ${Math.round(waitedMs)} ms`,
      );
      assert.ok(newMs < BUSY_MS, `${newMs} ms`);
      assert.ok(waitedMs < SOON_MS + BUSY_MS, `${waitedMs} ms`);
    });
  }
});

for (const speaks of ['http/1.1', 'h2'] as const) {
  test(`when an app (${speaks}) moves, idle connections to the old address are no longer used`, async (t) => {
    let moved = false;
    const old = { speaks, host: '127.0.0.2' };
    const appPort = await startTextApp(t, old, () => (moved ? undefined : 'old'));
    await startTextApp(t, { speaks, host: '127.0.0.3', port: appPort }, () => 'new');
    const lookup = async () => [{ address: moved ? '127.0.0.3' : '127.0.0.2', family: 4 }];
    const target = { host: 'app', port: appPort, speaks };
    const { proxy, port, runtimeDir } = await startTestProxy(t, { target, timeouts, lookup });
    await proxy.install(await testCertificate('app.example'));
    const clients = await Promise.all(Array.from({ length: 5 }, () => openHttp1(t, port, 'app.example')));
    const ask = () => Promise.all(clients.map(async (client) => (await client.get('/')).body));
    assert.deepEqual(new Set(await ask()), new Set(['old']));
    moved = true;
    const begun = performance.now();
    // The backends change one after the other.
    await eventually(
      'the new address, in each backend',
      async () => !(await runtimeCommand(runtimeDir, 'show servers state')).includes('127.0.0.2'),
    );
    t.diagnostic(`moved after ${Math.round(performance.now() - begun)} ms`);
    for (const _ of [1, 2, 3]) assert.deepEqual(new Set(await ask()), new Set(['new']));
  });
}
