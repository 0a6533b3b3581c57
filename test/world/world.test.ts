import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { query } from './dns/dns-client.ts';
import { createWorld, type World } from './world.ts';

/** Whether the process runs; a zombie that waits to be reaped does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function assertGone(pids: readonly number[]): Promise<void> {
  const deadline = Date.now() + 2000;
  while (pids.some(isRunning)) {
    assert.ok(Date.now() < deadline, `still running: ${pids.filter(isRunning)}`);
    await sleep(10);
  }
}

test('disposal ends everything that the world started, paused parts too', async () => {
  const world = await createWorld();
  const { pids, directory } = world;
  assert.equal(pids.length, 4);
  assert.ok(pids.every(isRunning));
  world.pebble.pause();
  await world.nameServers.stop('ns1');
  world.nameServers.setLag('ns2', Number.POSITIVE_INFINITY);
  await world.nameServers.publish(world.zone, []);
  await world[Symbol.asyncDispose]();
  assert.ok(!pids.some(isRunning));
  assert.ok(!existsSync(directory));
});

test('if one part does not start, the others are ended', async (t) => {
  // Other worlds may be created and removed in the usual directory at the same time.
  const own = temporaryDirectory(t);
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = own;
  try {
    await assert.rejects(createWorld({ zones: ['not a zone'] }), /named/);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  assert.deepEqual(await readdir(own), []);
});

for (const ending of ['SIGTERM', 'SIGINT', 'exit'] as const) {
  test(`the world ends when its process ends: ${ending}`, async () => {
    const script = `
      import { createWorld } from '${new URL('./world.ts', import.meta.url)}';
      const world = await createWorld();
      world.pebble.pause();
      console.log(JSON.stringify({ pids: world.pids, directory: world.directory }));
      if ('${ending}' === 'exit') process.exit(3);
    `;
    const subprocess = execa(process.execPath, ['--input-type=module', '--eval', script], { reject: false });
    for await (const line of subprocess.iterable()) {
      const { pids, directory } = JSON.parse(line);
      assert.ok(pids.length === 4);
      if (ending !== 'exit') subprocess.kill(ending);
      await subprocess;
      await assertGone(pids);
      assert.ok(!existsSync(directory));
      return;
    }
    assert.fail('the world did not start');
  });
}

test('two worlds with the same names run side by side', async () => {
  await using one = await createWorld();
  await using two = await createWorld();
  const publish = (world: World, data: string) =>
    world.nameServers.publish(world.zone, [{ name: `www.${world.zone}`, type: 'A', ttl: 1, data }]);
  await Promise.all([publish(one, '192.0.2.1'), publish(two, '192.0.2.2')]);
  for (const [world, data] of [
    [one, '192.0.2.1'],
    [two, '192.0.2.2'],
  ] as const) {
    const { answers } = await query(world.resolver.address, 'www.example.test', 'A');
    assert.deepEqual(
      answers.map((answer) => 'data' in answer && answer.data),
      [data],
    );
  }
});

test('a record created with Cloudflare’s API reaches the name servers', async () => {
  await using world = await createWorld({ zones: ['example.org'] });
  const { cloudflare, zone } = world;
  const response = await fetch(`${cloudflare.baseUrl}/zones/${cloudflare.zoneId(zone)}/dns_records`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${cloudflare.token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      type: 'CNAME',
      name: `app.${zone}`,
      content: 'gateway.cluster.test',
      ttl: 60,
      proxied: false,
    }),
  });
  assert.equal(response.status, 200);
  const { answers } = await query(world.resolver.address, `app.${zone}`, 'A');
  assert.deepEqual(
    answers.map(({ type }) => type),
    ['CNAME', 'A'],
  );
});

test('request() trusts only Pebble’s root', async () => {
  await using world = await createWorld();
  const { appId } = world.guestAgent;
  await world.nameServers.publish(world.zone, [
    { name: 'app.example.test', type: 'CNAME', ttl: 1, data: 'gateway.cluster.test' },
    { name: '_dstack-app-address.app.example.test', type: 'TXT', ttl: 1, data: `${appId}:${world.app.port}` },
  ]);
  // The app does not speak TLS; its response to the ClientHello shows that the connection reached
  // it.
  await assert.rejects(world.request('app.example.test', '/'), /EPROTO|packet length|wrong version/i);
  await assert.rejects(world.request('nobody.example.test', '/'), /has no address/);
  assert.equal(world.gateway.routed, 1);
});
