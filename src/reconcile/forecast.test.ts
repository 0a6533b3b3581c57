import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rr } from '../../test/harness/dns/resolver.ts';
import {
  APP_ADDRESS,
  APP_ID,
  change,
  DOMAIN,
  failure,
  GATEWAY,
  gatewayNames,
  reconcileAll,
  reconcileOne,
  type Stage,
  secondCa,
  setStage,
} from '../../test/harness/stage.ts';
import { type Change, type DnsRecord, describeRecord } from '../dns/record.ts';
import { IngressError } from '../errors.ts';
import type { Authorities } from './deps.ts';
import { caaOwnersOf } from './discover.ts';
import { forecast, type ZoneForecast } from './forecast.ts';

const never = new AbortController().signal;
const CHALLENGE = `_acme-challenge.${DOMAIN}`;

/** A forecast for one certificate: its warnings, the zone and the certificate. */
async function forecastOne(stage: Stage) {
  const warnings: string[] = [];
  const authorities = readOnly(stage);
  const deps = {
    ...stage.deps,
    authorities,
    caaOwners: caaOwnersOf(authorities),
    warn: (sentence: string) => void warnings.push(sentence),
    warnOf: (_: string, sentence: string | undefined) =>
      void (sentence !== undefined && warnings.push(sentence)),
  };
  const found = await forecast(deps, stage.certificates, never);
  for (const { error } of found.failures) throw error;
  const [zone] = found.zones;
  const [certificate] = found.certificates;
  assert.ok(zone && certificate);
  return { ...zone, certificate, warnings };
}

/** As `plan` uses the CA: it registers no account. */
function readOnly({ deps: { authorities } }: Stage): Authorities {
  const { primary } = authorities;
  const accountUrl = async () => (await primary.client.storedAccountUrl()) ?? '(none-yet)';
  return {
    ...authorities,
    primary: { ...primary, client: { ...primary.client, accountUrl, storedAccountUrl: accountUrl } },
  };
}

const plant = ({ provider }: Stage, name: string, type: string, value: string) =>
  provider.plant({ name, type, value, ttl: 60 });
const left = {
  provider: 'memory',
  zoneId: 'zone-example.com',
  zoneName: 'example.com',
  name: CHALLENGE,
  ttl: 60,
};

/** The records that a forecast writes and removes, as the `records-published` event has them. */
function describeChanges({ changes }: Pick<ZoneForecast, 'changes'>) {
  const describe = (pick: (change: Change) => DnsRecord | undefined) =>
    changes
      .flatMap((change) => pick(change) ?? [])
      .map(describeRecord)
      .sort();
  return {
    written: describe((change) => (change.action === 'remove' ? undefined : change.record)),
    removed: describe((change) => {
      if (change.action === 'create') return undefined;
      return change.action === 'remove' ? change.removed : change.replaced;
    }),
  };
}

async function withForeignRecords(t: Parameters<typeof setStage>[0]): Promise<Stage> {
  const stage = await setStage(t, {
    spec: { setCaa: true },
    known: gatewayNames(['192.0.2.1'], ['192.0.2.1']),
  });
  plant(stage, DOMAIN, 'A', '192.0.2.7');
  plant(stage, APP_ADDRESS, 'TXT', 'one');
  plant(stage, APP_ADDRESS, 'TXT', 'two');
  plant(stage, DOMAIN, 'CAA', '0 issue "other.example"');
  plant(stage, CHALLENGE, 'TXT', 'left-behind');
  plant(stage, CHALLENGE, 'TXT', 'of-another-owner');
  await stage.journal.write([
    { ...left, value: 'left-behind' },
    { ...left, value: 'gone-already' },
  ]);
  return stage;
}

test('a forecast has exactly the changes that a reconciliation then makes, and makes none itself', async (t) => {
  const stage = await withForeignRecords(t);
  const before = stage.provider.current;
  const found = await forecastOne(stage);
  assert.deepEqual(stage.provider.current, before);
  assert.deepEqual(stage.provider.calls, ['zone', 'records']);
  assert.deepEqual([...stage.client.calls], ['caaIdentity']);
  assert.deepEqual(stage.served, []);
  assert.deepEqual(stage.lines, []);
  assert.deepEqual(found.leftovers.map(describeRecord), [`${CHALLENGE} TXT left-behind`]);
  assert.equal(found.certificate.decision.action, 'order');
  await reconcileOne(stage);
  const published = stage.lines.find(({ event }) => event === 'records-published');
  const { written, removed } = describeChanges(found);
  assert.deepEqual(written, [published?.['written']].flat().sort());
  assert.deepEqual(removed, [published?.['removed']].flat().sort());
  const warned = stage.lines.filter(({ event }) => event === 'warning').map(({ msg }) => msg);
  assert.deepEqual(found.warnings, warned);
  assert.deepEqual(
    stage.provider.current.filter((line) => line.startsWith(CHALLENGE)),
    [`${CHALLENGE} TXT of-another-owner`],
  );
});

test('after a reconciliation a forecast has no changes, and lists the current records', async (t) => {
  const stage = await withForeignRecords(t);
  await reconcileOne(stage);
  const found = await forecastOne(stage);
  assert.deepEqual([found.changes, found.leftovers], [[], []]);
  assert.deepEqual(found.unchanged.map(describeRecord), [
    `${DOMAIN} CNAME gateway.cluster.example.net`,
    `${APP_ADDRESS} TXT ${APP_ID}:443`,
    `${DOMAIN} CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/1"`,
  ]);
  assert.equal(found.certificate.decision.action, 'keep');
  assert.equal(found.certificate.stored?.names[0], DOMAIN);
});

test('without an account on the volume the CAA record has a placeholder, and no account is registered', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true } });
  stage.client.storedAccount = undefined;
  const found = await forecastOne(stage);
  const caa = describeChanges(found).written.find((line) => line.includes(' CAA '));
  assert.ok(caa?.endsWith(';accounturi=(none-yet)"'), String(caa));
  assert.ok(!stage.client.calls.includes('accountUrl'));
});

const ages: [title: string, age: number | undefined, action: string][] = [
  ['no certificate', undefined, 'order'],
  ['a new certificate', 10, 'keep'],
  ['a certificate with less than a third of its lifetime left', 61, 'order'],
  ['an expired certificate', 91, 'order'],
];
for (const [title, age, action] of ages) {
  test(`the forecast for ${title} is to ${action}`, async (t) => {
    const stage = await setStage(t);
    if (age !== undefined) await stage.store(age);
    const { certificate } = await forecastOne(stage);
    assert.equal(certificate.decision.action, action);
    assert.equal(certificate.stored === undefined, age === undefined);
  });
}

test('mismatched files count as no certificate, with a warning', async (t) => {
  const stage = await setStage(t);
  const peek = async () => {
    throw new IngressError('CERTIFICATE_UNUSABLE', 'the key does not fit');
  };
  stage.deps = { ...stage.deps, store: { ...stage.deps.store, peek } };
  const { certificate, warnings } = await forecastOne(stage);
  assert.equal(certificate.decision.action, 'order');
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0]?.includes('the key does not fit'));
});

test('a CNAME at the challenge name prevents an order, and matters to no certificate that is not due', async (t) => {
  const stage = await setStage(t);
  plant(stage, CHALLENGE, 'CNAME', 'x.example.org');
  await assert.rejects(forecastOne(stage), { code: 'CHALLENGE_NAME_IS_ALIAS' });
  await stage.store(10);
  assert.equal((await forecastOne(stage)).certificate.refused, undefined);
});

test('a failed preflight check is forecast for the certificate, as a reconciliation fails with it', async (t) => {
  const stage = await setStage(t, {
    known: { 'example.com CAA': { answers: [rr('example.com', 'CAA', '0 issue "other.example"')] } },
  });
  const { certificates, failures } = await forecast(
    { ...stage.deps, authorities: readOnly(stage) },
    stage.certificates,
    never,
  );
  assert.equal(certificates[0]?.refused?.code, 'CAA_FORBIDS');
  assert.deepEqual(
    failures.map(({ error }) => error.code),
    ['CAA_FORBIDS'],
  );
  await assert.rejects(reconcileOne(stage), { code: 'CAA_FORBIDS' });
});

test('where the identity or the zone is unknown, renewals are forecast as a reconciliation makes them, with the warning about the gateway', async (t) => {
  const unknown = async () => {
    throw failure('GUEST_AGENT_FAILED');
  };
  for (const [fail, orders] of [
    [(stage: Stage) => change(stage, { identify: unknown }), 1],
    [({ provider }: Stage) => provider.dropZone('example.com'), 0],
  ] as const) {
    const stage = await setStage(t, { known: { [`${GATEWAY} A`]: { answers: [] } } });
    await stage.store(80);
    fail(stage);
    const warnings: string[] = [];
    const warnOf = (subject: string, sentence: string | undefined) =>
      void (sentence && warnings.push(subject));
    const found = await forecast(
      { ...stage.deps, authorities: readOnly(stage), warnOf },
      stage.certificates,
      never,
    );
    assert.deepEqual([found.names, found.unplanned, found.zones], [[DOMAIN], [DOMAIN], []]);
    assert.equal(found.certificates.filter(({ decision }) => decision.action === 'order').length, orders);
    assert.equal(found.failures.length, 1);
    assert.deepEqual(warnings, ['GATEWAY_DOMAIN']);
    await reconcileAll(stage, never);
    assert.equal(stage.served.length, 1 + orders);
  }
});

test('where the ledger cannot be written, a due certificate is refused as a reconciliation refuses it', async (t) => {
  const stage = await setStage(t);
  const failed = failure('STORE_FAILED');
  const { primary } = stage.deps.authorities;
  const ledger = { ...primary.ledger, whyUnwritable: async () => failed };
  const authorities = { ...readOnly(stage), primary: { ...primary, ledger } };
  const { certificates, failures } = await forecast(
    { ...stage.deps, authorities },
    stage.certificates,
    never,
  );
  assert.deepEqual([certificates[0]?.refused, failures[0]?.error], [failed, failed]);
  await stage.store(10);
  const warnings: string[] = [];
  const warn = (sentence: string) => void warnings.push(sentence);
  const later = await forecast({ ...stage.deps, authorities, warn }, stage.certificates, never);
  assert.deepEqual(
    [later.failures, warnings.length],
    [[], 1],
    'for a certificate that is not due it is a warning',
  );
});

test('a warning of the guest agent is passed on', async (t) => {
  const stage = await setStage(t);
  const identify = async () =>
    ({
      appId: APP_ID,
      source: 'environment',
      warning: { kind: 'agent-failed', sentence: 'the agent is slow' },
    }) as const;
  stage.deps = { ...stage.deps, identify };
  const found = await forecastOne(stage);
  assert.deepEqual(found.warnings, ['the agent is slow']);
  assert.ok(describeChanges(found).written.includes(`${DOMAIN} CNAME ${GATEWAY}`));
});

test('a forecast fails as a reconciliation fails before it writes', async (t) => {
  const stage = await setStage(t);
  stage.provider.dropZone('example.com');
  await assert.rejects(forecastOne(stage), { code: 'ZONE_NOT_FOUND' });
});

test('journalled challenges of another provider are not forecast to be removed', async (t) => {
  const stage = await setStage(t);
  plant(stage, CHALLENGE, 'TXT', 'elsewhere');
  await stage.journal.write([{ ...left, provider: 'other', value: 'elsewhere' }]);
  assert.deepEqual((await forecastOne(stage)).leftovers, []);
});

test('an expired certificate is reported, also where its records cannot be planned', async (t) => {
  const stage = await setStage(t);
  await stage.store(92);
  const ending = (await forecastOne(stage)).certificate.ending;
  assert.equal(ending?.stage, 'expired');
  stage.provider.dropZone('example.com');
  const warnings: string[] = [];
  const deps = { ...stage.deps, warn: (sentence: string) => void warnings.push(sentence) };
  const { certificates, failures } = await forecast(deps, stage.certificates, never);
  assert.deepEqual([certificates.length, failures.length], [0, 1]);
  assert.ok(warnings.join().includes(`${DOMAIN} ${ending.words}`), warnings.join());
});

test('a ledger of the primary CA that cannot be read is a failure of the certificate, also of one that the fallback CA has issued', async (t) => {
  const stage = await setStage(t);
  const { facts } = await stage.store(80);
  const { authority } = secondCa(stage);
  const { serial, notAfter } = facts;
  const entry = { attempt: 'a', names: [DOMAIN], serial, notAfter: notAfter.toISOString() };
  await authority.ledger.write({ event: 'issued', ...entry });
  const { primary } = stage.deps.authorities;
  const history = () => Promise.reject(failure('STORE_FAILED'));
  const broken = { ...primary, ledger: { ...primary.ledger, history } };
  const authorities = { primary: broken, fallback: { authority, afterMs: 1 }, staging: undefined };
  const { certificates, failures } = await forecast(
    { ...stage.deps, authorities },
    stage.certificates,
    never,
  );
  assert.equal(certificates[0]?.refused?.code, 'STORE_FAILED');
  assert.ok(failures.every(({ error: { code } }) => code === 'STORE_FAILED') && failures.length > 0);
});
