import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from 'dns-packet';
import { ask } from './dns-client.ts';
import type { ZoneRecord } from './publisher.ts';
import { createWorld, type World } from './world.ts';

const zone = 'example.test';
const zones = [zone, 'sub.example.test', 'other.co.test'] as const;
const record = (name: string, type: string, data: string, ttl = 60): ZoneRecord => ({
  name,
  type,
  ttl,
  data,
});

let world: World;
before(async () => {
  world = await createWorld({ zones });
});
after(() => world[Symbol.asyncDispose]());

const dataOf = (answers: readonly Answer[], type: string) =>
  answers
    .filter((answer) => answer.type === type)
    .map((answer) => ('data' in answer ? answer.data : undefined));
const addresses = async (server: string, name: string) => dataOf((await ask(server, name, 'A')).answers, 'A');

test('follows the delegation of every zone, also of one inside another', async () => {
  const { nameServers, resolver } = world;
  for (const name of zones) {
    await nameServers.publish(name, [record(`www.${name}`, 'A', '192.0.2.4')]);
    assert.deepEqual(await addresses(resolver.address, `www.${name}`), ['192.0.2.4']);
    const { answers } = await ask(resolver.address, name, 'NS');
    assert.deepEqual(dataOf(answers, 'NS').sort(), [`ns1.${name}`, `ns2.${name}`]);
    assert.deepEqual(await addresses(resolver.address, `ns2.${name}`), [nameServers.ns2.address]);
  }
});

test('forgets after a second, what was there and what was not', async () => {
  const { nameServers, resolver } = world;
  const settles = async (name: string, wanted: string) => {
    const deadline = Date.now() + 3000;
    while ((await addresses(resolver.address, name))[0] !== wanted) {
      assert.ok(Date.now() < deadline, `${name} never became ${wanted}`);
      await sleep(20);
    }
  };
  await nameServers.publish(zone, [record('here.example.test', 'A', '192.0.2.1', 3600)]);
  assert.deepEqual(await addresses(resolver.address, 'here.example.test'), ['192.0.2.1']);
  assert.equal((await ask(resolver.address, 'gone.example.test', 'A')).rcode, 'NXDOMAIN');
  const names = ['here.example.test', 'gone.example.test'];
  await nameServers.publish(
    zone,
    names.map((name) => record(name, 'A', '192.0.2.2')),
  );
  for (const name of names) await settles(name, '192.0.2.2');
});

test('still answers while one of the name servers is down', async () => {
  const { nameServers, resolver } = world;
  await nameServers.publish(zone, [record('half.example.test', 'A', '192.0.2.5')]);
  await nameServers.stop('ns2');
  await resolver.flush();
  assert.deepEqual(await addresses(resolver.address, 'half.example.test'), ['192.0.2.5']);
  await nameServers.start('ns2');
});

test('knows the gateway by any label, until it moves', async () => {
  const { resolver, gateway } = world;
  for (const name of ['_.cluster.test', 'gateway.cluster.test']) {
    assert.deepEqual(await addresses(resolver.address, name), [gateway.address]);
  }
  await resolver.moveGateway('192.0.2.77');
  assert.deepEqual(await addresses(resolver.address, '_.cluster.test'), ['192.0.2.77']);
  await resolver.flush();
  assert.deepEqual(await addresses(resolver.address, '_.cluster.test'), ['192.0.2.77']);
  await resolver.moveGateway(gateway.address);
});

test('knows nothing outside the world, and nothing at all when it is stopped', async () => {
  const { resolver } = world;
  assert.equal((await ask(resolver.address, 'www.example.com', 'A')).rcode, 'NXDOMAIN');
  await resolver.stop();
  await assert.rejects(ask(resolver.address, zone, 'A'), /ECONNREFUSED/);
  await resolver.start();
  assert.equal((await ask(resolver.address, zone, 'SOA')).rcode, 'NOERROR');
});
