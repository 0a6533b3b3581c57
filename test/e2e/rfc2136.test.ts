import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { Primary } from '../world/dns/primary.ts';
import type { ZoneRecord } from '../world/dns/publisher.ts';
import { ingressIn, worldFor } from './support.ts';

test('a first start on a self-hosted name server, and a run that finds nothing to do', async (t) => {
  const world = await worldFor(t);
  const primary = await Primary.start({ zones: [world.zone] });
  afterTest(t, () => primary[Symbol.asyncDispose]());
  const { key, front } = primary;
  // The world's name servers act as its secondaries.
  front.onWritten = () =>
    world.nameServers.publish(world.zone, primary.recordsOf(world.zone).flatMap(toRecord));
  const ingress = await ingressIn(t, world, {
    SET_CAA: 'true',
    CLOUDFLARE_API_TOKEN: '',
    RFC2136_NAMESERVER: `127.0.0.1:${front.port}`,
    RFC2136_TSIG_KEY: key.name,
    RFC2136_TSIG_SECRET: key.secret,
  });
  await ingress.seen('pass-finished');
  assert.equal((await world.request(`app.${world.zone}`, '/hello')).status, 200);
  const calls = front.calls.join(' ');
  const current = primary.recordsOf(world.zone).flatMap(toRecord);
  assert.deepEqual(
    current.map(({ name, type }) => `${name} ${type}`),
    [`_dstack-app-address.app.${world.zone}. TXT`, `app.${world.zone}. A`, `app.${world.zone}. CAA`],
  );
  // A query for the zone and the run's transfer; then the write of records and challenge, and the
  // removal of the challenge, each after a transfer.
  assert.equal(calls, 'read read read write read write');
  assert.equal(world.cloudflare.calls.length, 0);
  const said = JSON.stringify([ingress.log, ingress.words]);
  assert.ok(!said.includes(key.secret));

  await t.test('a later run reads once and writes nothing', async () => {
    front.resetCalls();
    const runs = ingress.log.filter(({ event }) => event === 'pass-finished').length;
    ingress.signal('SIGHUP');
    await ingress.seen('pass-finished', {
      fits: (line) => ingress.log.filter(({ event }) => event === 'pass-finished').indexOf(line) >= runs,
    });
    assert.deepEqual(front.calls, ['read']);
  });
});

/** A line of dig's output, unless it is the zone's SOA or NS. */
function toRecord(line: string): ZoneRecord[] {
  const [name = '', ttl, , type = '', ...data] = line.split(/\s+/);
  if (type === 'NS' || name.startsWith('ns1.')) return [];
  return [{ name, type, ttl: Number(ttl), data: data.join(' ') }];
}
