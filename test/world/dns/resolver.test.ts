import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from 'dns-packet';
import { createWorld, type World } from '../world.ts';
import { query } from './dns-client.ts';
import type { ZoneRecord } from './publisher.ts';

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
const addresses = async (server: string, name: string) =>
  dataOf((await query(server, name, 'A')).answers, 'A');

test('follows the delegation of every zone, also of a zone inside another', async () => {
  const { nameServers, resolver } = world;
  for (const name of zones) {
    await nameServers.publish(name, [record(`www.${name}`, 'A', '192.0.2.4')]);
    assert.deepEqual(await addresses(resolver.address, `www.${name}`), ['192.0.2.4']);
    const { answers } = await query(resolver.address, name, 'NS');
    assert.deepEqual(dataOf(answers, 'NS').sort(), [`ns1.${name}`, `ns2.${name}`]);
    assert.deepEqual(await addresses(resolver.address, `ns2.${name}`), [nameServers.ns2.address]);
  }
});

test('caches positive answers for a second, negative ones not at all', async () => {
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
  assert.equal((await query(resolver.address, 'gone.example.test', 'A')).rcode, 'NXDOMAIN');
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

test('resolves any label below the gateway’s domain, and follows a moved gateway', async () => {
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

test('the queries of the ingress, of the CA and of other clients can fail independently', async () => {
  const { nameServers, resolver, dnsResolvers } = world;
  assert.equal(dnsResolvers, `${resolver.forIngress.address}:53`);
  await nameServers.publish(zone, [record('each.example.test', 'A', '192.0.2.6')]);
  const entrances = [resolver, resolver.forIngress, resolver.forCa];
  assert.equal(new Set(entrances.map(({ address }) => address)).size, 3);
  for (const [at, broken] of entrances.entries()) {
    broken.faults.when(({ type }) => type === 'A', { kind: 'lie', data: ['192.0.2.66'] });
    for (const [other, { address }] of entrances.entries()) {
      const expected = other === at ? '192.0.2.66' : '192.0.2.6';
      assert.deepEqual(await addresses(address, 'each.example.test'), [expected]);
    }
    broken.faults.clear();
    broken.faults.when(() => true, { kind: 'servfail' }, 1);
    const { rcode, authoritative } = await query(broken.address, 'each.example.test', 'A');
    assert.deepEqual([rcode, authoritative], ['SERVFAIL', false]);
    assert.deepEqual(await addresses(broken.address, 'each.example.test'), ['192.0.2.6']);
  }
  const before = resolver.forCa.questions.length;
  await query(resolver.forIngress.address, 'each.example.test', 'TXT');
  assert.equal(resolver.forIngress.questions.at(-1)?.type, 'TXT');
  assert.equal(resolver.forCa.questions.length, before);
});

test('resolves nothing outside the world, and nothing at all when it is stopped', async () => {
  const { resolver } = world;
  assert.equal((await query(resolver.address, 'www.example.com', 'A')).rcode, 'NXDOMAIN');
  await resolver.stop();
  const entrances = [resolver.address, resolver.forIngress.address, resolver.forCa.address];
  for (const address of entrances) await assert.rejects(query(address, zone, 'A'), /ECONNREFUSED/);
  await resolver.start();
  for (const address of entrances) assert.equal((await query(address, zone, 'SOA')).rcode, 'NOERROR');
});
