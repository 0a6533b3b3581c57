import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { type App, type AppOptions, appBody, startApp } from '../world/dstack/app.ts';
import type { Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { eventually, ingressIn, worldFor } from './support.ts';

const [WEB, RAW] = ['web.example.test', 'raw.example.test'];

async function appFor(t: TestContext, options: AppOptions): Promise<App> {
  const app = await startApp(options);
  afterTest(t, () => app[Symbol.asyncDispose]());
  return app;
}

/** Two names for two apps, one over HTTP and one over TCP, behind one ingress. */
async function twoApps(t: TestContext): Promise<{ world: World; ingress: Ingress; web: App; raw: App }> {
  const world = await worldFor(t);
  const [web, raw] = [await appFor(t, { name: 'web' }), await appFor(t, { name: 'raw' })];
  const ingress = await ingressIn(t, world, {
    ...{ DOMAIN: '', TARGET_ENDPOINT: '', SET_CAA: 'true' },
    ROUTING_MAP: `${WEB}=http://${web.address}:${web.port} # requests\n${RAW}=${raw.address}:${raw.port}`,
  });
  for (const name of [WEB, RAW])
    await ingress.seen('pass-finished', { fits: ({ domain }) => domain === name });
  return { world, ingress, web, raw };
}

test('each name reaches its own app, over HTTP or TCP', async (t) => {
  const { world, ingress, web, raw } = await twoApps(t);
  const forged = { 'X-Forwarded-For': '192.0.2.66', 'X-Forwarded-Proto': 'http' };
  assert.equal((await world.request(WEB, '/a', { headers: forged })).body, appBody('web', '/a'));
  assert.partialDeepStrictEqual(web.lastHeaders, {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': WEB,
    'x-forwarded-port': '443',
  });
  assert.equal((await world.request(RAW, '/b', { headers: forged })).body, appBody('raw', '/b'));
  assert.equal(raw.lastHeaders['x-forwarded-for'], '192.0.2.66');

  await t.test('a request for the other name is refused on every connection', async () => {
    const served = raw.served;
    const refused = await world.request(WEB, '/', { headers: { Host: RAW } });
    assert.equal(refused.status, 421);
    assert.equal(raw.served, served);
  });

  await t.test('/evidences/ lists the folder, for either name', async () => {
    const folder = ingress.environment['EVIDENCE_DIR'] ?? '';
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/quote.json`, '{"quote":""}');
    for (const name of [WEB, RAW]) {
      const answer = await world.request(name, '/evidences/quote.json', { alpn: ['http/1.1'] });
      assert.deepEqual([answer.status, answer.body], [200, '{"quote":""}']);
    }
    // A client that does not negotiate HTTP reaches a TCP target with plain bytes.
    const bytes = await world.request(RAW, '/evidences/quote.json');
    assert.equal(bytes.body, appBody('raw', '/evidences/quote.json'));
  });

  await t.test('a stopped app is a 503 and a line in the log, and works again once it is back', async () => {
    await web.stop();
    const down = await world.request(WEB, '/');
    assert.deepEqual([down.status, down.headers['content-type']], [503, 'text/plain']);
    const target = `http:${web.address}:${web.port}`;
    const line = await ingress.seen('connection-failed', { fits: (found) => found['target'] === target });
    assert.partialDeepStrictEqual(line, { domain: WEB, why: 'refused' });
    assert.equal((await world.request(RAW, '/')).status, 200);
    await web.start();
    await eventually('the app', async () =>
      (await world.request(WEB, '/')).status === 200 ? true : undefined,
    );
  });
});

test('with PROXY headers from the gateway, the app learns the client’s address', async (t) => {
  const world = await worldFor(t);
  world.gateway.proxyProtocol = 'v2';
  const ingress = await ingressIn(t, world, {
    TARGET_ENDPOINT: `http://${world.app.address}:${world.app.port}`,
    ACCEPT_PROXY_PROTOCOL: 'true',
  });
  await ingress.seen('pass-finished');
  const from = '127.0.0.77';
  assert.equal((await world.request('app.example.test', '/', { localAddress: from })).status, 200);
  assert.equal(world.app.lastHeaders['x-forwarded-for'], from);
  world.gateway.proxyProtocol = undefined;
  await assert.rejects(world.request('app.example.test', '/'), 'a connection without the header is refused');
});
