import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryResolver, rr } from '../../test/harness/dns/resolver.ts';
import {
  APP_ADDRESS,
  APP_ID,
  change,
  DOMAIN,
  GATEWAY,
  gatewayNames,
  reconcileOne,
  type Stage,
  type StageOptions,
  setStage,
} from '../../test/harness/stage.ts';
import { IngressError } from '../errors.ts';

const FRIENDLY = 'gateway.cluster.example.net';
/** A round in which no certificate is due; rejects with what its records failed with. */
async function run(stage: Stage): Promise<void> {
  const [{ names }] = stage.certificates;
  if (!(await stage.deps.store.peek(names))) await stage.store(1);
  await reconcileOne(stage);
}
const alias = (value: string) => ({ name: DOMAIN, type: 'CNAME', value, ttl: 60 });
const warnings = ({ lines }: Stage) => lines.filter(({ event }) => event === 'warning').map(({ msg }) => msg);

test('a warning is told once, another one when it comes', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true } });
  stage.provider.plant({ name: DOMAIN, type: 'CAA', value: '0 issue "other.example"', ttl: 60 });
  const identify = (warning: string) => async () =>
    ({ appId: APP_ID, source: 'environment', warning }) as const;
  stage.deps = { ...stage.deps, identify: identify('the agent is slow') };
  await run(stage);
  await run(stage);
  assert.equal(warnings(stage).length, 2);
  stage.deps = { ...stage.deps, identify: identify('the agent is gone') };
  await run(stage);
  assert.deepEqual(warnings(stage).slice(2), ['the agent is gone']);
});

test('records that were written and not seen are waited for again, without another write', async (t) => {
  const stage = await setStage(t);
  stage.shows = () => false;
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.ok(stage.deps.shared.pending.has(DOMAIN));
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.equal(stage.provider.applied.length, 1);
  stage.shows = () => true;
  await run(stage);
  assert.ok(!stage.deps.shared.pending.has(DOMAIN));
  const asked = stage.nameServer.asked.length;
  await run(stage);
  assert.equal(stage.nameServer.asked.length, asked);
});

test('what was written is logged, with what gave way to it', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant(alias('old.example.net'));
  stage.provider.plant({ name: APP_ADDRESS, type: 'TXT', value: 'one', ttl: 60 });
  stage.provider.plant({ name: APP_ADDRESS, type: 'TXT', value: 'two', ttl: 60 });
  await run(stage);
  const line = stage.lines.find(({ event }) => event === 'records-published');
  assert.deepEqual(line?.['written'], [`${DOMAIN} CNAME ${GATEWAY}`, `${APP_ADDRESS} TXT ${APP_ID}:443`]);
  assert.deepEqual(
    new Set(Array.from(Object(line?.['removed']))),
    new Set([`${DOMAIN} CNAME old.example.net`, `${APP_ADDRESS} TXT one`, `${APP_ADDRESS} TXT two`]),
  );
});

test('a CAA record names the account and the CA, and is made only when it is asked for', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true } });
  await run(stage);
  const value = '0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/1"';
  assert.ok(stage.provider.standing.includes(`${DOMAIN} CAA ${value}`));
  const without = await setStage(t);
  await run(without);
  assert.deepEqual(without.client.calls, []);
});

const same = ['192.0.2.1'];
const table: [title: string, options: StageOptions, published: string | undefined, expected: string][] = [
  ['the friendly name once both lead to the same', { known: gatewayNames(same, same) }, undefined, FRIENDLY],
  ['the configured name while they differ', { known: gatewayNames(same, ['192.0.2.9']) }, undefined, GATEWAY],
  [
    'the friendly name, when look-ups fail and it is published',
    { known: { [`${GATEWAY} A`]: 'fails' } },
    FRIENDLY,
    FRIENDLY,
  ],
  [
    'the configured name, when look-ups fail and nothing is published',
    { known: { [`${GATEWAY} A`]: 'fails' } },
    undefined,
    GATEWAY,
  ],
  [
    'a gateway of another form as it is',
    { spec: { gatewayDomain: 'gw.example.net' } },
    FRIENDLY,
    'gw.example.net',
  ],
];
for (const [title, options, published, expected] of table) {
  test(`the alias says ${title}`, async (t) => {
    const stage = await setStage(t, options);
    if (published !== undefined) stage.provider.plant(alias(published));
    await run(stage);
    assert.ok(
      stage.provider.standing.includes(`${DOMAIN} CNAME ${expected}`),
      stage.provider.standing.join('\n'),
    );
  });
}

test('a gateway of another form is looked up by that name alone', async (t) => {
  const stage = await setStage(t, { spec: { gatewayDomain: 'gw.example.net' } });
  await run(stage);
  const asked = stage.resolver.asked.filter((question) => !/example\.com|ns1/.test(question));
  assert.deepEqual(asked, ['gw.example.net A', 'gw.example.net AAAA']);
});

const nowhere = gatewayNames([], []);
test('a gateway without an address is a warning in every round, until it has one; the certificate comes', async (t) => {
  const stage = await setStage(t, { known: nowhere });
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  await reconcileOne(stage);
  const told = warnings(stage);
  assert.equal(told.length, 2);
  assert.match(
    String(told[0]),
    /^GATEWAY_DOMAIN: _\.cluster\.example\.net has no address .* \(app\.example\.com CNAME _\.cluster\.example\.net\)/,
  );
  const found = memoryResolver({ ...stage.known, ...gatewayNames(same, []) });
  change(stage, { resolver: found.resolve });
  await reconcileOne(stage);
  assert.equal(warnings(stage).length, 2);
  assert.ok(stage.events().includes('warning-over'));
});

test('a gateway that cannot be looked up is a warning', async (t) => {
  const stage = await setStage(t, { known: { [`${GATEWAY} A`]: 'fails', [`${GATEWAY} AAAA`]: 'fails' } });
  await reconcileOne(stage);
  assert.match(String(warnings(stage)[0]), /^GATEWAY_DOMAIN: whether .* is not known/);
});

test('a gateway that dstack does not name is a warning, unless both lead to the same', async (t) => {
  const here = {
    '_.here.example.net A': { answers: [rr('_.here.example.net', 'A', '192.0.2.9')] },
    '_.here.example.net AAAA': {},
  };
  const goal = { injectedGateway: 'here.example.net' };
  const stage = await setStage(t, { spec: goal, known: { ...here, ...gatewayNames(same, []) } });
  await reconcileOne(stage);
  assert.match(
    String(warnings(stage)[0]),
    /dstack says that the gateway of this cluster is here\.example\.net/,
  );
  const alike = await setStage(t, { spec: goal, known: { ...here, ...gatewayNames(['192.0.2.9'], []) } });
  await reconcileOne(alike);
  assert.deepEqual(warnings(alike), []);
});

const apex: StageOptions['certificates'] = [['example.com']];
test('an alias at the apex that is answered as an address is seen where the provider flattens', async (t) => {
  const stage = await setStage(t, {
    certificates: apex,
    provider: { capabilities: { flattensApexCname: true } },
  });
  stage.shows = (line) => !line.includes(' CNAME ');
  stage.provider.plant({ name: 'x.example.com', type: 'A', value: '192.0.2.1', ttl: 60 });
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  // Behind the program's back, as a provider that flattens does it.
  stage.provider.plant({ name: 'example.com', type: 'A', value: '192.0.2.1', ttl: 60 });
  const { deps } = stage;
  stage.deps = { ...deps, provider: { ...deps.provider, records: async () => [], apply: async () => [] } };
  await run(stage);
});

const simple = { capabilities: { cnameBesideOthers: false, flattensApexCname: false } };
const gatewayAt = (...addresses: string[]) => gatewayNames(addresses, []);
const addressesOfDomain = ({ provider }: Stage) =>
  provider.standing.filter((line) => new RegExp(`^${DOMAIN} (A|AAAA|CNAME) `).test(line));

test('where a CNAME stands alone and CAA is wanted, the addresses of the gateway are published, and follow it', async (t) => {
  const stage = await setStage(t, {
    spec: { setCaa: true },
    provider: simple,
    known: gatewayAt('192.0.2.1', '192.0.2.2'),
  });
  stage.provider.plant(alias(GATEWAY));
  await run(stage);
  assert.deepEqual(addressesOfDomain(stage), [`${DOMAIN} A 192.0.2.1`, `${DOMAIN} A 192.0.2.2`]);
  assert.match(
    warnings(stage).join(),
    /gets the addresses of .* because a CAA record is wanted at the same name/,
  );
  const calls = stage.provider.calls.length;
  await run(stage);
  assert.deepEqual(
    stage.provider.calls.slice(calls),
    ['zone', 'records'],
    'nothing moved, nothing is written',
  );
  stage.deps = {
    ...stage.deps,
    resolver: memoryResolver({ ...stage.known, ...gatewayAt('192.0.2.2', '192.0.2.3') }).resolve,
  };
  await run(stage);
  assert.deepEqual(addressesOfDomain(stage), [`${DOMAIN} A 192.0.2.2`, `${DOMAIN} A 192.0.2.3`]);
  stage.deps = {
    ...stage.deps,
    resolver: memoryResolver({ ...stage.known, [`${GATEWAY} A`]: 'fails', [`${GATEWAY} AAAA`]: 'fails' })
      .resolve,
  };
  await run(stage);
  assert.deepEqual(addressesOfDomain(stage), [`${DOMAIN} A 192.0.2.2`, `${DOMAIN} A 192.0.2.3`], 'they stay');
});

test('without CAA the same provider gets a CNAME', async (t) => {
  const stage = await setStage(t, { provider: simple, known: gatewayAt('192.0.2.1') });
  await run(stage);
  assert.deepEqual(addressesOfDomain(stage), [`${DOMAIN} CNAME ${GATEWAY}`]);
});

test('a first pass never takes the addresses of somebody else for the gateway', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true }, provider: simple, known: gatewayAt() });
  stage.provider.plant({ name: DOMAIN, type: 'A', value: '192.0.2.99', ttl: 3600 });
  for (const _ of ['first', 'second']) {
    await assert.rejects(run(stage), { code: 'DNS_LOOKUP_FAILED' });
    const [address, caa, ...others] = stage.provider.standing.toSorted();
    assert.deepEqual([address, others], [`${DOMAIN} A 192.0.2.99`, []]);
    assert.match(caa ?? '', / CAA /);
  }
  assert.equal(stage.provider.applied.length, 1);
});

test('a gateway without an address is an error where addresses are needed, and no reason for no certificate', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true }, provider: simple, known: gatewayAt() });
  await assert.rejects(reconcileOne(stage), (thrown) => {
    assert.ok(thrown instanceof IngressError);
    assert.equal(thrown.code, 'DNS_LOOKUP_FAILED');
    assert.match(thrown.hint, /GATEWAY_DOMAIN/);
    return true;
  });
  assert.equal(stage.served.length, 1);
});

test('an alias below the apex has to be seen as an alias, also where the provider flattens', async (t) => {
  const stage = await setStage(t, { provider: { capabilities: { flattensApexCname: true } } });
  stage.deps = {
    ...stage.deps,
    provider: { ...stage.provider, records: async () => [], apply: async () => [] },
  };
  stage.provider.plant({ name: DOMAIN, type: 'A', value: '192.0.2.1', ttl: 60 });
  stage.provider.plant({ name: APP_ADDRESS, type: 'TXT', value: `${APP_ID}:443`, ttl: 60 });
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
});

test('another value at the app-address name is waited out', async (t) => {
  const stage = await setStage(t);
  const { provider } = stage;
  await run(stage);
  provider.plant({ name: APP_ADDRESS, type: 'TXT', value: 'stale', ttl: 60 });
  // The provider says that it is gone; the name server still serves it.
  stage.deps = { ...stage.deps, provider: { ...provider, records: async () => [], apply: async () => [] } };
  await assert.rejects(run(stage), (thrown) => {
    assert.ok(thrown instanceof IngressError);
    assert.match(thrown.message, /serves .*stale/);
    return true;
  });
});

test('progress of the wait is logged', async (t) => {
  const stage = await setStage(t);
  let looks = 0;
  stage.shows = () => {
    looks += 1;
    return looks > 4;
  };
  await run(stage);
  const line = stage.lines.find(({ event }) => event === 'waiting');
  assert.equal(line?.['for'], 'records');
  assert.equal(line?.['seenBy'], 0);
});
