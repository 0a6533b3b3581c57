import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serversIn, timeoutOf } from '../../test/harness/dns/propagation.ts';
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
import { GATEWAY as GATEWAY_SUBJECT } from './zones.ts';

/** The warnings about GATEWAY_DOMAIN, one for each run in which it is wrong. */
const gatewayWarnings = ({ emitted }: Stage) =>
  emitted.flatMap((event) =>
    event.type === 'warning' && event.subject === GATEWAY_SUBJECT ? [event.sentence] : [],
  );
const FRIENDLY = 'gateway.cluster.example.net';
/** A run in which no certificate is due; rejects with the failure of its records. */
async function run(stage: Stage): Promise<void> {
  const [{ names }] = stage.certificates;
  if (!(await stage.deps.store.peek(names))) await stage.store(1);
  await reconcileOne(stage);
}
const alias = (value: string) => ({ name: DOMAIN, type: 'CNAME', value, ttl: 60 });
const warnings = ({ lines }: Stage) => lines.filter(({ event }) => event === 'warning').map(({ msg }) => msg);

test('a warning is emitted once, and another warning when it occurs', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true } });
  stage.provider.plant({ name: DOMAIN, type: 'CAA', value: '0 issue "other.example"', ttl: 60 });
  const identify = (sentence: string) => async () =>
    ({ appId: APP_ID, source: 'environment', warning: { kind: 'agent-failed', sentence } }) as const;
  stage.deps = { ...stage.deps, identify: identify('the agent is slow') };
  await run(stage);
  await run(stage);
  assert.equal(warnings(stage).length, 2);
  stage.deps = { ...stage.deps, identify: identify('the agent is gone') };
  await run(stage);
  assert.deepEqual(warnings(stage).slice(2), ['the agent is gone']);
});

test('records that have not propagated are awaited again by the next run, without another write', async (t) => {
  const stage = await setStage(t);
  stage.shows = () => false;
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.ok(stage.deps.shared.pending.has(DOMAIN));
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.equal(stage.provider.applied.length, 1);
  stage.shows = () => true;
  await run(stage);
  assert.ok(!stage.deps.shared.pending.has(DOMAIN));
  const queries = stage.nameServer.queries.length;
  await run(stage);
  assert.equal(stage.nameServer.queries.length, queries);
});

test('the log names the records that were written and those that were removed for them', async (t) => {
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

test('a CAA record permits the account at the CA, and is published only with SET_CAA', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true } });
  await run(stage);
  const value = '0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/1"';
  assert.ok(stage.provider.current.includes(`${DOMAIN} CAA ${value}`));
  const without = await setStage(t);
  await run(without);
  assert.deepEqual(without.client.calls, []);
});

const same = ['192.0.2.1'];
const table: [title: string, options: StageOptions, published: string | undefined, expected: string][] = [
  [
    'the friendly name if both names have the same addresses',
    { known: gatewayNames(same, same) },
    undefined,
    FRIENDLY,
  ],
  [
    'the configured name while the addresses differ',
    { known: gatewayNames(same, ['192.0.2.9']) },
    undefined,
    GATEWAY,
  ],
  [
    'the friendly name if the lookups fail and it is published',
    { known: { [`${GATEWAY} A`]: 'fails' } },
    FRIENDLY,
    FRIENDLY,
  ],
  [
    'the configured name if the lookups fail and nothing is published',
    { known: { [`${GATEWAY} A`]: 'fails' } },
    undefined,
    GATEWAY,
  ],
  [
    'a gateway name of another form unchanged',
    { spec: { gatewayDomain: 'gw.example.net' } },
    FRIENDLY,
    'gw.example.net',
  ],
];
for (const [title, options, published, expected] of table) {
  test(`the target of the CNAME is ${title}`, async (t) => {
    const stage = await setStage(t, options);
    if (published !== undefined) stage.provider.plant(alias(published));
    await run(stage);
    assert.ok(
      stage.provider.current.includes(`${DOMAIN} CNAME ${expected}`),
      stage.provider.current.join('\n'),
    );
  });
}

test('of a gateway name of another form, only that name is looked up', async (t) => {
  const stage = await setStage(t, { spec: { gatewayDomain: 'gw.example.net' } });
  await run(stage);
  const queries = stage.resolver.queries.filter((question) => !/example\.com|ns1/.test(question));
  assert.deepEqual(queries, ['gw.example.net A', 'gw.example.net AAAA']);
});

const nowhere = gatewayNames([], []);
test('a gateway without an address is a warning in every run until it has one, and the certificate is issued', async (t) => {
  const stage = await setStage(t, { known: nowhere });
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  await reconcileOne(stage);
  assert.equal(gatewayWarnings(stage).length, 2);
  assert.ok(
    gatewayWarnings(stage)[0]?.includes(`(${DOMAIN} CNAME ${GATEWAY})`),
    'it names the published record',
  );
  const found = memoryResolver({ ...stage.known, ...gatewayNames(same, []) });
  change(stage, { resolver: found.resolve });
  await reconcileOne(stage);
  assert.equal(gatewayWarnings(stage).length, 2);
  assert.ok(
    stage.emitted.some((event) => event.type === 'warning-over' && event.subject === GATEWAY_SUBJECT),
  );
});

test('a gateway that cannot be looked up is a warning', async (t) => {
  const stage = await setStage(t, { known: { [`${GATEWAY} A`]: 'fails', [`${GATEWAY} AAAA`]: 'fails' } });
  await reconcileOne(stage);
  assert.equal(gatewayWarnings(stage).length, 1);
});

test('another gateway than dstack names is a warning, unless both have the same address', async (t) => {
  const here = {
    '_.here.example.net A': { answers: [rr('_.here.example.net', 'A', '192.0.2.9')] },
    '_.here.example.net AAAA': {},
  };
  const spec = { injectedGateway: 'here.example.net' };
  const stage = await setStage(t, { spec, known: { ...here, ...gatewayNames(same, []) } });
  await reconcileOne(stage);
  assert.equal(gatewayWarnings(stage).length, 1);
  assert.ok(gatewayWarnings(stage)[0]?.includes('here.example.net'), 'it names the other gateway');
  const alike = await setStage(t, { spec, known: { ...here, ...gatewayNames(['192.0.2.9'], []) } });
  await reconcileOne(alike);
  assert.deepEqual(gatewayWarnings(alike), []);
});

const apex: StageOptions['certificates'] = [['example.com']];
test('a CNAME at the apex that is served as an address has propagated if the provider flattens it', async (t) => {
  const stage = await setStage(t, {
    certificates: apex,
    provider: { capabilities: { flattensApexCname: true } },
  });
  stage.shows = (line) => !line.includes(' CNAME ');
  stage.provider.plant({ name: 'x.example.com', type: 'A', value: '192.0.2.1', ttl: 60 });
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  // As a provider that flattens serves it.
  stage.provider.plant({ name: 'example.com', type: 'A', value: '192.0.2.1', ttl: 60 });
  const { deps } = stage;
  stage.deps = { ...deps, provider: { ...deps.provider, records: async () => [], apply: async () => [] } };
  await run(stage);
});

const simple = { capabilities: { cnameBesideOthers: false, flattensApexCname: false } };
const gatewayAt = (...addresses: string[]) => gatewayNames(addresses, []);
const addressesOfDomain = ({ provider }: Stage) =>
  provider.current.filter((line) => new RegExp(`^${DOMAIN} (A|AAAA|CNAME) `).test(line));

test('the addresses of the gateway are published where CAA excludes a CNAME, and are kept up to date', async (t) => {
  const stage = await setStage(t, {
    spec: { setCaa: true },
    provider: simple,
    known: gatewayAt('192.0.2.1', '192.0.2.2'),
  });
  stage.provider.plant(alias(GATEWAY));
  await run(stage);
  assert.deepEqual(addressesOfDomain(stage), [`${DOMAIN} A 192.0.2.1`, `${DOMAIN} A 192.0.2.2`]);
  assert.equal(warnings(stage).filter((warning) => String(warning).startsWith(`${DOMAIN} `)).length, 1);
  const calls = stage.provider.calls.length;
  await run(stage);
  assert.deepEqual(
    stage.provider.calls.slice(calls),
    ['zone', 'records'],
    'the same addresses are not written again',
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
  assert.deepEqual(
    addressesOfDomain(stage),
    [`${DOMAIN} A 192.0.2.2`, `${DOMAIN} A 192.0.2.3`],
    'a failed lookup changes nothing',
  );
});

test('without CAA a CNAME is published at the same provider', async (t) => {
  const stage = await setStage(t, { provider: simple, known: gatewayAt('192.0.2.1') });
  await run(stage);
  assert.deepEqual(addressesOfDomain(stage), [`${DOMAIN} CNAME ${GATEWAY}`]);
});

test('a first run does not take addresses of another owner for those of the gateway', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true }, provider: simple, known: gatewayAt() });
  stage.provider.plant({ name: DOMAIN, type: 'A', value: '192.0.2.99', ttl: 3600 });
  for (const _ of ['first', 'second']) {
    await assert.rejects(run(stage), { code: 'DNS_LOOKUP_FAILED' });
    const [address, caa, ...others] = stage.provider.current.toSorted();
    assert.deepEqual([address, others], [`${DOMAIN} A 192.0.2.99`, []]);
    assert.match(caa ?? '', / CAA /);
  }
  assert.equal(stage.provider.applied.length, 1);
});

test('a gateway without an address is an error where addresses are needed, and the certificate is issued', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true }, provider: simple, known: gatewayAt() });
  await assert.rejects(reconcileOne(stage), { code: 'DNS_LOOKUP_FAILED' });
  assert.equal(stage.served.length, 1);
});

test('a CNAME below the apex has to be served as a CNAME, even if the provider flattens the apex', async (t) => {
  const stage = await setStage(t, { provider: { capabilities: { flattensApexCname: true } } });
  stage.deps = {
    ...stage.deps,
    provider: { ...stage.provider, records: async () => [], apply: async () => [] },
  };
  stage.provider.plant({ name: DOMAIN, type: 'A', value: '192.0.2.1', ttl: 60 });
  stage.provider.plant({ name: APP_ADDRESS, type: 'TXT', value: `${APP_ID}:443`, ttl: 60 });
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
});

test('records have not propagated while another value is served at the app-address name', async (t) => {
  const stage = await setStage(t);
  const { provider } = stage;
  await run(stage);
  provider.plant({ name: APP_ADDRESS, type: 'TXT', value: 'stale', ttl: 60 });
  // At the provider it is gone; the name server still serves it.
  stage.deps = { ...stage.deps, provider: { ...provider, records: async () => [], apply: async () => [] } };
  const thrown = await timeoutOf(run(stage));
  assert.deepEqual(serversIn(thrown), ['ns1.example.net lacks']);
  assert.ok(String(thrown.details['waitingFor']).includes('stale'), 'it names the other value');
});

test('the progress of a wait is logged', async (t) => {
  const stage = await setStage(t);
  let polls = 0;
  stage.shows = () => {
    polls += 1;
    return polls > 4;
  };
  await run(stage);
  const line = stage.lines.find(({ event }) => event === 'waiting');
  assert.equal(line?.['for'], 'records');
  assert.equal(line?.['seenBy'], 0);
});
