import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentFor } from '../world/ingress.ts';
import { errorIn, eventually, ingressIn, inProcess, worldFor, writes } from './support.ts';

const isText = ({ type }: { readonly type: string }) => type === 'TXT';

test('wrong answers to the CA only: it validates and refuses', async (t) => {
  const world = await worldFor(t);
  world.resolver.forCa.faults.when(isText, { kind: 'lie', data: ['another value'] });
  const ingress = inProcess(t, await environmentFor(world));
  await ingress.seen('challenge-seen');
  const failed = await ingress.seen('pass-failed');
  assert.equal(errorIn(failed).code, 'ACME_ORDER_FAILED');
  assert.match(JSON.stringify(errorIn(failed).details), /"urn:ietf:params:acme:error:unauthorized"/);
});

test('wrong answers to the ingress only: it waits for the right ones before the CA validates', async (t) => {
  const world = await worldFor(t);
  const { ns1, ns2 } = world.nameServers;
  for (const { faults } of [ns1, ns2])
    faults.when((question) => isText(question) && question.client !== world.resolver.address, {
      kind: 'lie',
      data: ['another value'],
    });
  const ingress = inProcess(t, await environmentFor(world));
  const { waitingFor } = await ingress.seen('waiting');
  // A server that gives no answer lacks no particular record.
  assert.ok(
    [waitingFor].flat().every((one) => / TXT /.test(String(one))),
    String(waitingFor),
  );
  assert.equal(world.pebble.validations(), 0);
  for (const { faults } of [ns1, ns2]) faults.clear();
  await ingress.seen('pass-finished');
});

test('only the ingress’s resolver fails: its run fails, and other queries still work', async (t) => {
  const world = await worldFor(t);
  world.resolver.forIngress.faults.servfail = true;
  const ingress = inProcess(t, await environmentFor(world));
  await ingress.seen('pass-failed');
  assert.equal(world.pebble.validations(), 0);
  world.resolver.forIngress.faults.clear();
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

for (const how of ['refuses', 'says nothing'] as const) {
  test(`one of two name servers ${how} permanently: a certificate is issued, with a warning`, async (t) => {
    const world = await worldFor(t);
    if (how === 'refuses') await world.nameServers.stop('ns2');
    else world.nameServers.ns2.faults.silent = true;
    const ingress = inProcess(t, await environmentFor(world), { haste: 4 });
    await ingress.seen('pass-finished');
    const [warning, ...more] = ingress.log.filter(({ event }) => event === 'warning');
    assert.deepEqual([warning?.['subject'], more], ['name servers of example.test', []]);
    const servers = String(warning?.['msg']).match(/\bns\d\.example\.test\b/g);
    assert.deepEqual([...new Set(servers)], ['ns2.example.test']);
    assert.equal((await ingress.seen('challenge-seen'))['by'], 'name servers');
    assert.equal((await world.request('app.example.test', '/')).status, 200);
  });
}

test('outgoing port 53 is filtered: the certificate is issued, with the resolvers in place of the name servers, not queried too early', async (t) => {
  const world = await worldFor(t);
  const { ns1, ns2 } = world.nameServers;
  for (const { faults } of [ns1, ns2])
    faults.when(({ client }) => client !== world.resolver.address, { kind: 'silent' });
  const ingress = await ingressIn(t, world, { DNS_PROPAGATION_TIMEOUT: '40', SET_CAA: 'true' });
  const published = await ingress.seen('records-published');
  // Only a wait for resolvers has an end that is known.
  const { until } = await ingress.seen('waiting', {
    timeoutMs: 60_000,
    fits: (line) => 'until' in line,
  });
  await ingress.seen('pass-finished');
  const [warning] = ingress.log.filter(({ event }) => event === 'warning');
  assert.equal(warning?.['subject'], 'name servers of example.test');
  assert.equal((await ingress.seen('records-seen'))['by'], 'resolvers');
  const names = [
    'app.example.test',
    '_acme-challenge.app.example.test',
    '_dstack-app-address.app.example.test',
  ];
  const asked = world.resolver.forIngress.questions.filter(({ name }) => names.includes(name));
  const early = asked.filter(
    ({ at }) => at > new Date(String(published['time'])) && at < new Date(String(until)),
  );
  assert.deepEqual(early, []);
  await eventually(
    'the certificate is served',
    async () => (await world.request('app.example.test', '/')).status === 200 || undefined,
  );
});

test('a name that is delegated out of the zone is an error before anything is written, until the delegation ends', async (t) => {
  const world = await worldFor(t);
  const { nameServers, zone, acmeFront } = world;
  const cut = { name: `app.${zone}.`, type: 'NS', ttl: 60, data: 'ns.elsewhere.test.' };
  await nameServers.publish(zone, [cut]);
  const ingress = inProcess(t, await environmentFor(world, { ACME_DIRECTORY_URL: acmeFront.directoryUrl }));
  const { code, details } = errorIn(await ingress.seen('pass-failed'));
  assert.equal(code, 'ZONE_NOT_PUBLIC');
  assert.deepEqual([details['zone'], details['holder']], ['example.test', 'app.example.test']);
  assert.deepEqual(writes(world), []);
  assert.ok(!acmeFront.granted.some(({ kind }) => kind.includes('order')));
  await nameServers.publish(zone, []);
  await ingress.seen('pass-finished');
});

test('a zone of the account without a delegation is an error before anything is written', async (t) => {
  const world = await worldFor(t);
  world.cloudflare.addZone(`app.${world.zone}`);
  const ingress = inProcess(t, await environmentFor(world));
  const { code, details } = errorIn(await ingress.seen('pass-failed'));
  assert.equal(code, 'ZONE_NOT_PUBLIC');
  assert.deepEqual([details['zone'], details['holder']], ['app.example.test', 'example.test']);
  assert.deepEqual(writes(world), []);
});
