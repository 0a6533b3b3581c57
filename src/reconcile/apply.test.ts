import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CHALLENGE,
  change,
  DOMAIN,
  fails,
  failure,
  gatewayNames,
  orders,
  RECORDS,
  reconcileOne,
  type Stage,
  setStage,
} from '../../test/harness/stage.ts';
import type { ErrorCode } from '../errors.ts';

const failing: [title: string, code: ErrorCode, breakStage: (stage: Stage) => void][] = [
  [
    'a provider that is down',
    'PROVIDER_UNAVAILABLE',
    (stage) => fails(stage, 'apply', 'PROVIDER_UNAVAILABLE'),
  ],
  ['a zone that is not there', 'ZONE_NOT_FOUND', ({ provider }) => provider.dropZone('example.com')],
  [
    'records that do not propagate',
    'PROPAGATION_TIMEOUT',
    (stage) => {
      stage.shows = () => false;
    },
  ],
];
for (const [title, code, breakStage] of failing) {
  test(`${title}: the CA is not asked to validate a first certificate`, async (t) => {
    const stage = await setStage(t);
    breakStage(stage);
    await assert.rejects(reconcileOne(stage), { code });
    assert.ok(!stage.client.calls.some((call) => call.startsWith('respond')));
    assert.equal(stage.served.length, 0);
    assert.deepEqual(await stage.journal.entries().then((left) => left.filter(({ handle }) => handle)), []);
  });
}

test('records and challenge are one write, and the clean-up is another', async (t) => {
  const stage = await setStage(t);
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.calls, ['zone', 'records', 'apply', 'apply']);
  assert.deepEqual(
    stage.provider.applied.map((changes) => changes.map((change) => change.split(' ')[0])),
    [['create', 'create', 'create'], ['remove']],
  );
});

test('where each write replaces the whole zone, a run writes once, and the next run removes the challenge', async (t) => {
  const stage = await setStage(t, { provider: { capabilities: { rewritesZone: true } } });
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.calls, ['zone', 'records', 'apply']);
  assert.equal(stage.served.length, 1);
  assert.ok(stage.events().includes('challenge-stays'));
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.deepEqual(await stage.journal.entries(), []);
  assert.equal(orders(stage), 1);
});

test('records that the provider rejects do not prevent a renewal, and are reported', async (t) => {
  const stage = await setStage(t);
  const old = await stage.store(80);
  stage.provider.before = (verb, changes) => {
    const refused = changes.some((one) => one.action === 'create' && one.record.type === 'CNAME');
    if (verb === 'apply' && refused) throw failure('PROVIDER_REJECTED');
  };
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_REJECTED' });
  assert.equal(orders(stage), 1);
  assert.notEqual(stage.served.at(-1)?.facts.serial, old.facts.serial);
  assert.ok(!stage.lines.some((line) => line['event'] === 'waiting' && line['for'] === 'records'));
  assert.deepEqual(stage.provider.current, []);
});

test('records that do not propagate do not prevent a renewal, and are reported', async (t) => {
  const stage = await setStage(t);
  const old = await stage.store(80);
  stage.shows = (line) => line.startsWith(CHALLENGE);
  await assert.rejects(reconcileOne(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.notEqual(stage.served.at(-1)?.facts.serial, old.facts.serial);
  assert.ok(stage.deps.shared.pending.has(DOMAIN));
});

test('on a first start the CA is not asked to validate while the records do not propagate', async (t) => {
  const stage = await setStage(t);
  stage.shows = (line) => line.startsWith(CHALLENGE);
  await assert.rejects(reconcileOne(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.ok(!stage.client.calls.some((call) => call.startsWith('respond')));
});

test('on a first start a failed write is not repeated for the challenge alone', async (t) => {
  const stage = await setStage(t);
  fails(stage, 'apply', 'PROVIDER_UNAVAILABLE');
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNAVAILABLE' });
  assert.deepEqual(
    stage.provider.applied.map((changes) => changes.map((one) => one.split(' ')[0])),
    // The failed write, and the clean-up of what it may have created.
    [['create', 'create', 'create'], ['remove']],
  );
});

test('a zone that changed between read and write is planned again, with the challenge', async (t) => {
  const stage = await setStage(t);
  let conflicts = 0;
  stage.provider.before = (verb) => {
    if (verb !== 'apply' || conflicts > 0) return;
    conflicts += 1;
    stage.provider.plant({ name: DOMAIN, type: 'A', value: '192.0.2.7', ttl: 60 });
    throw failure('PROVIDER_CONFLICT');
  };
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  assert.deepEqual(stage.provider.current, RECORDS);
});

test('records are published although the journal cannot be written', async (t) => {
  const stage = await setStage(t);
  const { journal } = stage;
  const full = { ...journal, write: () => Promise.reject(failure('STORE_FAILED')) };
  change(stage, { journalOf: () => full });
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  assert.deepEqual(stage.provider.current, RECORDS);
});

/** Lets every write fail that holds a challenge, or every other. */
function refuse({ provider }: Stage, what: 'challenge' | 'records', code: ErrorCode): void {
  provider.before = (verb, changes) => {
    const hit = changes.some(
      (one) => one.action === 'create' && one.record.name.startsWith('_acme-challenge'),
    );
    const others = changes.some((one) => one.action === 'create' && one.record.type === 'CNAME');
    if (verb === 'apply' && (what === 'challenge' ? hit : others)) throw failure(code);
  };
}

test('on a first start whose challenge alone is rejected, the records are published', async (t) => {
  const stage = await setStage(t);
  refuse(stage, 'challenge', 'PROVIDER_PERMISSION_MISSING');
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_PERMISSION_MISSING' });
  assert.deepEqual(stage.provider.current, RECORDS);
});

test('the CA is not asked to validate a challenge that the provider refused', async (t) => {
  for (const age of [undefined, 80]) {
    const stage = await setStage(t);
    if (age !== undefined) await stage.store(age);
    refuse(stage, 'challenge', 'PROVIDER_PERMISSION_MISSING');
    await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_PERMISSION_MISSING' });
    assert.equal(orders(stage), 1);
    assert.ok(!stage.client.calls.some((call) => call.startsWith('respond')));
  }
});

test('a first start whose records fail opens one order, and resumes it once they are published', async (t) => {
  const stage = await setStage(t);
  refuse(stage, 'records', 'PROVIDER_UNAVAILABLE');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNAVAILABLE' });
    assert.equal(orders(stage), 1);
  }
  stage.provider.before = () => undefined;
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
  assert.equal(stage.served.length, 1);
});

test('after a conflict the records of the new plan are awaited', async (t) => {
  const stage = await setStage(t, {
    provider: { capabilities: { cnameBesideOthers: false } },
    known: gatewayNames(['192.0.2.1'], []),
  });
  let conflicts = 0;
  stage.provider.before = (verb) => {
    if (verb !== 'apply' || conflicts > 0) return;
    conflicts += 1;
    stage.provider.plant({ name: DOMAIN, type: 'CAA', value: '0 iodef "mailto:a@example.com"', ttl: 60 });
    throw failure('PROVIDER_CONFLICT');
  };
  await reconcileOne(stage);
  assert.ok(stage.provider.current.includes(`${DOMAIN} A 192.0.2.1`), stage.provider.current.join());
  assert.equal(stage.served.length, 1);
});

test('the CA is asked to validate only after every name server serves the challenge', async (t) => {
  const stage = await setStage(t);
  let hidden = 3;
  stage.shows = (line) => {
    if (!line.startsWith(CHALLENGE)) return true;
    hidden -= 1;
    return hidden < 0;
  };
  stage.client.before = (call) => {
    if (call.startsWith('respond')) assert.ok(hidden < 0);
  };
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  assert.ok(hidden < 0);
});
