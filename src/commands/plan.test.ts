import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { openServer } from '../../test/world/open-server.ts';
import { systemClock } from '../clock.ts';
import { PlanTimeout, plan } from './plan.ts';

test('a plan ends after two minutes if a server does not answer', async (t) => {
  const listener = createServer();
  const connected = once(listener, 'connection');
  const silent = await openServer(listener, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => silent[Symbol.asyncDispose]());
  t.mock.property(process, 'env', {
    DOMAIN: 'app.example.com',
    TARGET_ENDPOINT: '127.0.0.1:1',
    GATEWAY_DOMAIN: 'cluster.test',
    CLOUDFLARE_API_TOKEN: 'nobody-is-there-to-see-this-token-anyway',
    CLOUDFLARE_BASE_URL: `http://127.0.0.1:${silent.port}`,
    APP_ID: '3327603e03f5bd1f830812ca4a789277fc31f577',
    LETSENCRYPT_DIR: '/nowhere',
  });
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text));
  const waits: number[] = [];
  // The two minutes end as soon as the provider has been connected to.
  const wait = async (ms: number) => {
    waits.push(ms);
    await connected;
  };
  const exitCode = await plan({ json: false }, { ...systemClock, wait });
  t.mock.restoreAll();
  assert.equal(exitCode, 1);
  assert.deepEqual(waits, [120_000]);
  assert.deepEqual(written, [`${new PlanTimeout(120_000).message}\n`]);
});
