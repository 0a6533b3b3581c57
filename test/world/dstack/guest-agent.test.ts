import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
// The SDK imports @noble/curves 1.x but declares it as an optional peer, which npm does not
// install, so package.json lists it although nothing here imports it. @noble/hashes comes with it.
// The program uses only the SDK's types (src/dstack/ask.ts).
import { DstackClient, TappdClient } from '@phala/dstack-sdk';
import { temporaryDirectory } from '../../harness/temporary-directory.ts';
import { type GuestAgent, startGuestAgent } from './guest-agent.ts';

let directory: string;
let agent: GuestAgent;
before(async () => {
  directory = temporaryDirectory();
  agent = await startGuestAgent({ directory });
});
after(async () => {
  await agent[Symbol.asyncDispose]();
});

async function post(path: string, body: string): Promise<{ status: number; body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const sent = request({ socketPath: agent.socket, path, method: 'POST', agent: false }, async (response) => {
    const text = (await response.setEncoding('utf8').toArray()).join('');
    resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
  });
  sent.on('error', reject).end(body);
  return promise;
}

test('the SDK reads identity, quote, key and version', async () => {
  const client = new DstackClient(agent.socket);
  const info = await client.info();
  assert.equal(info.app_id, agent.appId);
  assert.equal(info.instance_id, agent.instanceId);
  assert.equal(info.tcb_info.compose_hash, info.compose_hash);
  const quote = await client.getQuote(Buffer.from('0102', 'hex'));
  assert.deepEqual([quote.quote, quote.report_data], ['', '0102'.padEnd(128, '0')]);
  const [one, again, two] = await Promise.all(['a', 'a', 'b'].map((path) => client.getKey(path)));
  assert.equal(one?.key.length, 32);
  assert.deepEqual(one?.key, again?.key);
  assert.notDeepEqual(one?.key, two?.key);
  assert.match((await client.version()).version, /^0\.5\./);
});

test('the older client works on the older socket', async () => {
  const client = new TappdClient(agent.tappdSocket);
  assert.equal(await client.isReachable(), true);
  const { report_data } = await client.tdxQuote('1', 'raw');
  assert.equal(report_data, '31'.padStart(128, '0'));
});

test('a test can set the quote', async () => {
  agent.quote = (reportData) => `04${reportData.toString('hex')}`;
  const { quote } = await new DstackClient(agent.socket).getQuote(Buffer.from('ff', 'hex'));
  assert.equal(quote, `04ff${'0'.repeat(126)}`);
});

test('undocumented requests are refused in JSON', async () => {
  assert.deepEqual(await post('/Nothing', '{}'), {
    status: 404,
    body: { error: 'Service not found: /Nothing' },
  });
  assert.equal((await post('/GetQuote', '{"report_data":"xyz"}')).status, 400);
  assert.equal((await post('/GetQuote', `{"report_data":"${'00'.repeat(65)}"}`)).status, 400);
  assert.equal((await post('/GetQuote', 'not JSON')).status, 400);
  agent.failing.add('/Info');
  assert.equal((await post('/Info', '{}')).status, 500);
  agent.failing.delete('/Info');
  assert.deepEqual(agent.calls.at(-1), { path: '/Info', status: 500 });
});

test('its socket disappears when it stops and returns when it starts', async () => {
  await agent.stop();
  await assert.rejects(post('/Info', '{}'), /ENOENT|ECONNREFUSED/);
  await agent.start();
  assert.equal((await post('/Info', '{}')).status, 200);
});
