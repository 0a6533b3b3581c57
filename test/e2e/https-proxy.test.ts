import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { accountNames, openAccount } from '../world/apis/accounts.ts';
import { type CountingFront, startCountingFront } from '../world/counting-front.ts';
import { type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import { startTinyproxy, type Tinyproxy } from '../world/tinyproxy.ts';
import type { World } from '../world/world.ts';
import { again, errorIn, worldFor } from './support.ts';

interface Surroundings {
  readonly world: World;
  /** Before the provider's API, with TLS, like the real APIs. */
  readonly provider: CountingFront;
  readonly ca: CountingFront;
  readonly proxy: Tinyproxy;
  /** Without the proxy. */
  readonly environment: Environment;
}

async function begin(t: TestContext, name: string): Promise<Surroundings> {
  const world = await worldFor(t, { zones: ['example.test'] });
  const account = await openAccount(name, { zones: [world.zone], publisher: world.nameServers });
  afterTest(t, () => account[Symbol.asyncDispose]());
  const provider = await startCountingFront(world.directory, account.api.baseUrl);
  afterTest(t, () => provider[Symbol.asyncDispose]());
  const ca = await startCountingFront(world.directory, world.pebble.directoryUrl);
  afterTest(t, () => ca[Symbol.asyncDispose]());
  const proxy = await startTinyproxy(world.directory);
  afterTest(t, () => proxy[Symbol.asyncDispose]());
  const plain = new URL(account.api.baseUrl).origin;
  const ofAccount = Object.entries(account.environment).map(([variable, value]) => [
    variable,
    value.replace(plain, `https://${provider.host}`),
  ]);
  const trusted = join(world.directory, 'trusted.pem');
  writeFileSync(trusted, readFileSync(world.apiCaFile, 'utf8') + readFileSync(provider.caFile ?? '', 'utf8'));
  const environment = await environmentFor(world, {
    ...Object.fromEntries(ofAccount),
    ACME_DIRECTORY_URL: world.pebble.directoryUrl.replace(new URL(world.pebble.directoryUrl).host, ca.host),
    NODE_EXTRA_CA_CERTS: trusted,
  });
  return { world, provider, ca, proxy, environment };
}

/** Asserts that no output contains the proxy's credentials. */
function assertNoCredentials({ log, words }: Ingress, { password }: Tinyproxy): void {
  const said = JSON.stringify(log) + words.join('\n');
  for (const secret of [password, btoa(`somebody:${password}`)]) assert.ok(!said.includes(secret), said);
}

for (const name of accountNames) {
  test(`${name}: with HTTPS_PROXY, requests to the CA and the provider use the proxy, and no other traffic does`, async (t) => {
    const { world, provider, ca, proxy, environment } = await begin(t, name);
    // Equivalent to upper case; Node's own variable would send more than HTTPS through the proxy.
    const ingress = again(t, { ...environment, https_proxy: proxy.url, HTTP_PROXY: proxy.url });
    const line = await ingress.seen('https-proxy');
    assert.equal(line['proxy'], proxy.host);
    await ingress.seen('pass-finished', { timeoutMs: 90_000 });
    assert.equal((await world.request('app.example.test', '/')).status, 200);
    const requests = proxy.requests();
    const to = (host: string) => requests.filter((request) => request === `CONNECT ${host} HTTP/1.1`).length;
    assert.deepEqual(requests.length, to(ca.host) + to(provider.host), requests.join());
    for (const { host, connections } of [ca, provider]) {
      assert.ok(to(host) > 0, host);
      assert.equal(connections(), to(host), `a connection to ${host} bypassed the proxy`);
    }
    assertNoCredentials(ingress, proxy);
  });
}

test('hosts in NO_PROXY are reached directly', async (t) => {
  const { provider, ca, proxy, environment } = await begin(t, 'cloudflare');
  const ingress = again(t, {
    ...environment,
    HTTPS_PROXY: proxy.url,
    NO_PROXY: `localhost,${provider.host}`,
  });
  await ingress.seen('pass-finished', { timeoutMs: 90_000 });
  assert.deepEqual([...new Set(proxy.requests())], [`CONNECT ${ca.host} HTTP/1.1`]);
  assert.ok(provider.connections() > 0);
  assertNoCredentials(ingress, proxy);
});

test('a proxy that refuses, and one that is down: the error names HTTPS_PROXY', async (t) => {
  const { world, provider, ca, proxy, environment } = await begin(t, 'cloudflare');
  const failing = async (HTTPS_PROXY: string, NO_PROXY: string) => {
    const ingress = again(t, {
      ...environment,
      HTTPS_PROXY,
      NO_PROXY,
    });
    const failed = errorIn(await ingress.seen('pass-failed'));
    await ingress.end('SIGKILL');
    assertNoCredentials(ingress, proxy);
    return failed;
  };
  const wrong = `http://somebody:wrong@${proxy.host}`;
  const free = `127.0.0.1:${await world.freePort()}`;
  // The status of the proxy's own response, and the error of the operating system.
  const faults = [
    { url: wrong, host: proxy.host, why: /\b40[17]\b/ },
    { url: `http://${free}`, host: free, why: /connect ECONNREFUSED/ },
  ];
  for (const { url, host, why } of faults) {
    const failures = [await failing(url, ca.host), await failing(url, provider.host)];
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['PROVIDER_UNREACHABLE', 'ACME_UNREACHABLE'],
    );
    for (const { message, hint = '' } of failures) {
      for (const part of [host, 'HTTPS_PROXY']) assert.ok(message.includes(part), message);
      assert.match(message, why);
      assert.ok(hint.includes('HTTPS_PROXY'), hint);
    }
  }
});
