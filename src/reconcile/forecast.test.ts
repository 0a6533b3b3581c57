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

/**
 * What is forecast, with the warnings that were told on the way, and the one zone and certificate
 * there is.
 */
async function look(stage: Stage) {
  const warnings: string[] = [];
  const authorities = readOnly(stage);
  const deps = {
    ...stage.deps,
    authorities,
    caaOwners: caaOwnersOf(authorities),
    warn: (words: string) => void warnings.push(words),
    warnOf: (_: string, words: string | undefined) => void (words !== undefined && warnings.push(words)),
  };
  const found = await forecast(deps, stage.certificates, never);
  for (const { error } of found.failures) throw error;
  const [zone] = found.zones;
  const [certificate] = found.certificates;
  assert.ok(zone && certificate);
  return { ...zone, certificate, warnings };
}

/** As `plan` asks the CA: for no account. */
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

/** The records that a forecast writes and removes, as a pass logs them. */
function announced({ changes }: Pick<ZoneForecast, 'changes'>) {
  const of = (pick: (change: Change) => DnsRecord | undefined) =>
    changes
      .flatMap((change) => pick(change) ?? [])
      .map(describeRecord)
      .sort();
  return {
    written: of((change) => (change.action === 'remove' ? undefined : change.record)),
    removed: of((change) => {
      if (change.action === 'create') return undefined;
      return change.action === 'remove' ? change.removed : change.replaced;
    }),
  };
}

async function disturbed(t: Parameters<typeof setStage>[0]): Promise<Stage> {
  const stage = await setStage(t, {
    spec: { setCaa: true },
    known: gatewayNames(['192.0.2.1'], ['192.0.2.1']),
  });
  plant(stage, DOMAIN, 'A', '192.0.2.7');
  plant(stage, APP_ADDRESS, 'TXT', 'one');
  plant(stage, APP_ADDRESS, 'TXT', 'two');
  plant(stage, DOMAIN, 'CAA', '0 issue "other.example"');
  plant(stage, CHALLENGE, 'TXT', 'left-behind');
  plant(stage, CHALLENGE, 'TXT', 'of-somebody-else');
  await stage.journal.write([
    { ...left, value: 'left-behind' },
    { ...left, value: 'gone-already' },
  ]);
  return stage;
}

test('it says exactly what a round then does, and does none of it', async (t) => {
  const stage = await disturbed(t);
  const before = stage.provider.standing;
  const found = await look(stage);
  assert.deepEqual(stage.provider.standing, before);
  assert.deepEqual(stage.provider.calls, ['zone', 'records']);
  assert.deepEqual([...stage.client.calls], ['caaIdentity']);
  assert.deepEqual(stage.served, []);
  assert.deepEqual(stage.lines, []);
  assert.deepEqual(found.leftovers.map(describeRecord), [`${CHALLENGE} TXT left-behind`]);
  assert.equal(found.certificate.decision.action, 'order');
  await reconcileOne(stage);
  const published = stage.lines.find(({ event }) => event === 'records-published');
  const { written, removed } = announced(found);
  assert.deepEqual(written, [published?.['written']].flat().sort());
  assert.deepEqual(removed, [published?.['removed']].flat().sort());
  const warned = stage.lines.filter(({ event }) => event === 'warning').map(({ msg }) => msg);
  assert.deepEqual(found.warnings, warned);
  assert.deepEqual(
    stage.provider.standing.filter((line) => line.startsWith(CHALLENGE)),
    [`${CHALLENGE} TXT of-somebody-else`],
  );
});

test('after a round nothing would change, and what stands is named', async (t) => {
  const stage = await disturbed(t);
  await reconcileOne(stage);
  const found = await look(stage);
  assert.deepEqual([found.changes, found.leftovers], [[], []]);
  assert.deepEqual(found.standing.map(describeRecord), [
    `${DOMAIN} CNAME gateway.cluster.example.net`,
    `${APP_ADDRESS} TXT ${APP_ID}:443`,
    `${DOMAIN} CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/1"`,
  ]);
  assert.equal(found.certificate.decision.action, 'keep');
  assert.equal(found.certificate.stored?.names[0], DOMAIN);
});

test('without an account on the volume the CAA line says so, and no account is made', async (t) => {
  const stage = await setStage(t, { spec: { setCaa: true } });
  stage.client.storedAccount = undefined;
  const found = await look(stage);
  const caa = announced(found).written.find((line) => line.includes(' CAA '));
  assert.match(caa ?? '', /;accounturi=\(none-yet\)"$/);
  assert.ok(!stage.client.calls.includes('accountUrl'));
});

const ages: [title: string, age: number | undefined, action: string, reason: RegExp][] = [
  ['none', undefined, 'order', /no certificate yet/],
  ['a young one', 10, 'keep', /renewal is due at/],
  ['one of which a third is left', 61, 'order', /a third or less/],
  ['an expired one', 91, 'order', /cannot be served: it expired/],
];
for (const [title, age, action, reason] of ages) {
  test(`what would happen to ${title}`, async (t) => {
    const stage = await setStage(t);
    if (age !== undefined) await stage.store(age);
    const { certificate } = await look(stage);
    assert.equal(certificate.decision.action, action);
    assert.match(certificate.decision.reason, reason);
    assert.equal(certificate.stored === undefined, age === undefined);
  });
}

test('files that fit nobody are no certificate, with a warning', async (t) => {
  const stage = await setStage(t);
  const peek = async () => {
    throw new IngressError('CERTIFICATE_UNUSABLE', 'the key is of another');
  };
  stage.deps = { ...stage.deps, store: { ...stage.deps.store, peek } };
  const { certificate, warnings } = await look(stage);
  assert.equal(certificate.decision.action, 'order');
  assert.deepEqual(warnings, ['the stored certificate cannot be served: the key is of another']);
});

test('an alias at the challenge name keeps a certificate from being ordered, and no other from being kept', async (t) => {
  const stage = await setStage(t);
  plant(stage, CHALLENGE, 'CNAME', 'x.example.org');
  await assert.rejects(look(stage), {
    code: 'CHALLENGE_NAME_IS_ALIAS',
    message: `${CHALLENGE} is an alias of x.example.org`,
  });
  await stage.store(10);
  assert.equal((await look(stage)).certificate.refused, undefined);
});

test('what a start would fail with before it orders is forecast as that, with the certificate', async (t) => {
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

test('who the app is not known, or the zone: a renewal is foreseen as a round makes it, with the wrong gateway', async (t) => {
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
    const warnOf = (_: string, words: string | undefined) => void (words && warnings.push(words));
    const found = await forecast(
      { ...stage.deps, authorities: readOnly(stage), warnOf },
      stage.certificates,
      never,
    );
    assert.deepEqual([found.names, found.unplanned, found.zones], [[DOMAIN], [DOMAIN], []]);
    assert.equal(found.certificates.filter(({ decision }) => decision.action === 'order').length, orders);
    assert.equal(found.failures.length, 1);
    assert.match(
      warnings.join(),
      /^GATEWAY_DOMAIN: .* has no address in the public DNS, so nobody reaches app/,
    );
    await reconcileAll(stage, never);
    assert.equal(stage.served.length, 1 + orders);
  }
});

test('a volume that takes no notes: what is due is refused, as by a start', async (t) => {
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
  const tell = (words: string) => void warnings.push(words);
  const later = await forecast({ ...stage.deps, authorities, warn: tell }, stage.certificates, never);
  assert.deepEqual([later.failures, warnings.length], [[], 1], 'what is kept is told of');
});

test('a warning of the guest agent is passed on', async (t) => {
  const stage = await setStage(t);
  const identify = async () =>
    ({ appId: APP_ID, source: 'environment', warning: 'the agent is slow' }) as const;
  stage.deps = { ...stage.deps, identify };
  const found = await look(stage);
  assert.deepEqual(found.warnings, ['the agent is slow']);
  assert.ok(announced(found).written.includes(`${DOMAIN} CNAME ${GATEWAY}`));
});

test('what makes a round fail before it writes is told', async (t) => {
  const stage = await setStage(t);
  stage.provider.dropZone('example.com');
  await assert.rejects(look(stage), { code: 'ZONE_NOT_FOUND' });
});

test('entries of the journal that are of another provider stay, in the forecast too', async (t) => {
  const stage = await setStage(t);
  plant(stage, CHALLENGE, 'TXT', 'elsewhere');
  await stage.journal.write([{ ...left, provider: 'other', value: 'elsewhere' }]);
  assert.deepEqual((await look(stage)).leftovers, []);
});

test('an expired certificate is told also where no plan can be made', async (t) => {
  const stage = await setStage(t);
  await stage.store(92);
  assert.match((await look(stage)).certificate.ending?.words ?? '', /^expired 2 days ago, at /);
  stage.provider.dropZone('example.com');
  const warnings: string[] = [];
  const deps = { ...stage.deps, warn: (words: string) => void warnings.push(words) };
  const { certificates, failures } = await forecast(deps, stage.certificates, never);
  assert.deepEqual([certificates.length, failures.length], [0, 1]);
  assert.match(warnings.join(), /^the certificate for app\.example\.com expired 2 days ago, at /);
});

test('a ledger of the first CA that cannot be read is a failure of the certificate, also where the second one has issued it', async (t) => {
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
