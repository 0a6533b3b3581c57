import assert from 'node:assert/strict';
import { test } from 'node:test';
import { txtRecord } from '../../test/harness/dns/memory-provider.ts';
import {
  APP_ID,
  CHALLENGE,
  change,
  DOMAIN,
  fails,
  failure,
  GATEWAY,
  orders,
  RECORDS,
  reconcileAll,
  reconcileOne,
  type Stage,
  setStage,
} from '../../test/harness/stage.ts';
import { decidingFailure } from './report.ts';

test('a first run publishes, orders, stores and serves, and leaves no challenge', async (t) => {
  const stage = await setStage(t);
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.equal(stage.served.length, 1);
  assert.deepEqual(stage.served[0]?.facts.names, [DOMAIN]);
  const stored = await stage.deps.store.load([DOMAIN]);
  assert.equal(stored?.facts.fingerprint256, stage.served[0]?.facts.fingerprint256);
  assert.deepEqual(await stage.journal.entries(), []);
  assert.equal(stage.certificates[0].state.unsaved, undefined);
  const events = stage.events();
  const order = [
    'records-published',
    'records-seen',
    'challenge-seen',
    'certificate-issued',
    'serving',
    'challenge-removed',
  ];
  assert.deepEqual(
    events.filter((event) => order.includes(String(event))),
    order,
  );
});

test('a second run reads the zone once, and does nothing else', async (t) => {
  const stage = await setStage(t);
  await reconcileOne(stage);
  const before = { calls: stage.provider.calls.length, acme: stage.client.calls.length };
  const queries = stage.nameServer.queries.length;
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.calls.slice(before.calls), ['zone', 'records']);
  assert.equal(stage.client.calls.length, before.acme);
  assert.equal(stage.nameServer.queries.length, queries);
  assert.equal(stage.served.length, 1);
});

test('a stored certificate is served before any other service is called', async (t) => {
  const stage = await setStage(t);
  const bundle = await stage.store(1);
  stage.provider.before = () => {
    assert.equal(stage.served.length, 1);
    throw failure('PROVIDER_UNREACHABLE');
  };
  change(stage, {
    identify: async () => {
      assert.equal(stage.served.length, 1);
      return { appId: APP_ID, source: 'environment', warning: undefined };
    },
  });
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNREACHABLE' });
  assert.equal(stage.served[0]?.facts.serial, bundle.facts.serial);
});

for (const code of ['IDENTITY_UNKNOWN', 'GUEST_AGENT_FAILED'] as const) {
  test(`${code} does not prevent a renewal, and is reported`, async (t) => {
    const stage = await setStage(t);
    await stage.store(80);
    change(stage, { identify: () => Promise.reject(failure(code)) });
    await assert.rejects(reconcileOne(stage), { code });
    assert.equal(orders(stage), 1);
    assert.equal(stage.served.length, 2);
    assert.deepEqual(stage.provider.current, []);
  });
}

test('without an identity, and if nothing is due, the provider is not called', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  change(stage, { identify: () => Promise.reject(failure('IDENTITY_UNKNOWN')) });
  await assert.rejects(reconcileOne(stage), { code: 'IDENTITY_UNKNOWN' });
  assert.deepEqual(stage.provider.calls, []);
});

test('if the zone cannot be read, nothing is ordered', async (t) => {
  const stage = await setStage(t);
  fails(stage, 'records', 'PROVIDER_UNAVAILABLE');
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNAVAILABLE' });
  assert.equal(orders(stage), 0);
});

test('records are published while the CA is down', async (t) => {
  const stage = await setStage(t);
  stage.client.before = (call) => {
    if (call.startsWith('createOrder')) throw failure('ACME_UNREACHABLE');
  };
  await assert.rejects(reconcileOne(stage), { code: 'ACME_UNREACHABLE' });
  assert.deepEqual(stage.provider.current, RECORDS);
});

test('records have propagated once the provider confirms it, after the name servers', async (t) => {
  const stage = await setStage(t);
  const { provider } = stage.deps;
  let settled = 0;
  change(stage, {
    provider: {
      ...provider,
      settled: async () => {
        assert.ok(stage.nameServer.queries.length > 0);
        settled += 1;
      },
    },
  });
  await reconcileOne(stage);
  assert.ok(settled > 0);
  change(stage, {
    provider: { ...provider, settled: () => Promise.reject(failure('PROVIDER_UNAVAILABLE')) },
  });
  stage.deps.shared.pending.add(DOMAIN);
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNAVAILABLE' });
});

for (const [title, age] of [
  ['is due', 80],
  ['has expired', 91],
] as const) {
  test(`records that fail do not prevent the renewal of a certificate that ${title}, and are reported`, async (t) => {
    const stage = await setStage(t, { spec: { setCaa: true } });
    const old = await stage.store(age);
    stage.client.before = (call) => {
      if (call === 'accountUrl') throw failure('ACME_UNREACHABLE');
    };
    await assert.rejects(reconcileOne(stage), { code: 'ACME_UNREACHABLE' });
    assert.equal(orders(stage), 1);
    assert.notEqual(stage.served.at(-1)?.facts.serial, old.facts.serial);
  });
}

test('without an identity a first certificate is ordered', async (t) => {
  const stage = await setStage(t);
  change(stage, { identify: () => Promise.reject(failure('IDENTITY_UNKNOWN')) });
  await assert.rejects(reconcileOne(stage), { code: 'IDENTITY_UNKNOWN' });
  assert.equal(stage.served.length, 1);
});

test('of several failures the CA’s decides when to retry, and each is reported with its step', async (t) => {
  const stage = await setStage(t);
  change(stage, { identify: () => Promise.reject(failure('IDENTITY_UNKNOWN')) });
  stage.client.validation = [{ status: 'invalid' }];
  const [result] = await reconcileAll(stage);
  assert.ok(result);
  assert.equal(decidingFailure(result)?.step, 'certificate');
  assert.deepEqual(
    result.failures.map(({ step }) => step),
    ['records', 'certificate'],
  );
});

test('without an identity a CNAME at the challenge name prevents the order too', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant({ name: CHALLENGE, type: 'CNAME', value: 'x.example.org', ttl: 60 });
  change(stage, { identify: () => Promise.reject(failure('IDENTITY_UNKNOWN')) });
  await assert.rejects(reconcileOne(stage));
  assert.equal(orders(stage), 0);
});

test('a journalled challenge in a zone that is gone is given up', async (t) => {
  const stage = await setStage(t);
  const entry = { provider: 'memory', zoneId: 'zone-example.org', zoneName: 'example.org' };
  await stage.journal.write([{ ...entry, name: '_acme-challenge.example.org', value: 'x', ttl: 60 }]);
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.deepEqual(await stage.journal.entries(), []);
  assert.deepEqual(
    stage.emitted.filter(({ type }) => type === 'challenge-abandoned'),
    [{ type: 'challenge-abandoned', name: '_acme-challenge.example.org', zone: 'example.org' }],
  );
});

test('records of a write without an answer are pending for the next run', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  stage.shows = () => false;
  fails(stage, 'apply', 'PROVIDER_UNREACHABLE');
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNREACHABLE' });
  assert.ok(stage.deps.shared.pending.has(DOMAIN));
});

/** Puts a challenge of an earlier run into zone and journal. */
async function leaveChallenge({ deps, provider }: Stage): Promise<void> {
  provider.plant(txtRecord(CHALLENGE, 'left'));
  const entry = { provider: 'memory', zoneId: 'zone-example.com', zoneName: 'example.com' };
  const zone = { id: entry.zoneId, name: entry.zoneName };
  const [planted] = await provider.records(zone, [CHALLENGE], new AbortController().signal);
  const left = { ...entry, name: CHALLENGE, value: 'left', ttl: 60, handle: planted?.handle };
  await deps.journalOf(DOMAIN).write([left]);
}

test('a challenge that an earlier run left is removed, and one of another owner stays', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  await leaveChallenge(stage);
  stage.provider.plant(txtRecord(CHALLENGE, 'foreign'));
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.current, [`${CHALLENGE} TXT foreign`, ...RECORDS]);
  assert.ok(stage.events().includes('challenge-swept'));
  assert.deepEqual(await stage.journal.entries(), []);
});

test('a run that prunes nothing emits no event about it', async (t) => {
  const stage = await setStage(t);
  await reconcileOne(stage);
  assert.ok(!stage.events().includes('challenge-swept'));
});

test('an open order that cannot be read fails only its certificate, and its records are published', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], ['other.example.com']] });
  const { primary } = stage.deps.authorities;
  const peek: typeof primary.orders.peek = async (key) => {
    if (key === DOMAIN) throw failure('STORE_FAILED');
    return primary.orders.peek(key);
  };
  const broken = { ...primary, orders: { ...primary.orders, peek } };
  change(stage, { authorities: { ...stage.deps.authorities, primary: broken } });
  const [unread, other] = await reconcileAll(stage);
  assert.deepEqual(
    unread?.failures.map(({ step }) => step),
    ['open order'],
  );
  assert.deepEqual(other?.failures, []);
  assert.deepEqual([orders(stage), stage.served.length], [1, 1]);
  assert.ok(stage.provider.current.some((line) => line.startsWith(`${DOMAIN} CNAME`)));
});

test('an abort ends a run before it orders', async (t) => {
  const stage = await setStage(t);
  const abort = new AbortController();
  change(stage, {
    identify: async () => {
      abort.abort(new Error('stopped'));
      throw failure('IDENTITY_UNKNOWN');
    },
  });
  await assert.rejects(reconcileOne(stage, abort.signal), /stopped/);
  assert.equal(orders(stage), 0);
});

test('the zone and the challenge of a wildcard are those of its base name', async (t) => {
  const stage = await setStage(t, { certificates: [['*.example.com']] });
  await reconcileOne(stage);
  assert.deepEqual(stage.served[0]?.facts.names, ['*.example.com']);
  assert.deepEqual(stage.provider.current, [
    `*.example.com CNAME ${GATEWAY}`,
    `_dstack-app-address-wildcard.example.com TXT ${APP_ID}:443`,
  ]);
});
