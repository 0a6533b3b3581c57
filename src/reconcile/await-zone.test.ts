import assert from 'node:assert/strict';
import { test } from 'node:test';
import { txtRecord } from '../../test/harness/dns/memory-provider.ts';
import {
  APP_ADDRESS,
  APP_ID,
  CHALLENGE,
  change,
  DOMAIN,
  fails,
  failure,
  orders,
  reconcileAll,
  reconcileOne,
  type Stage,
  setStage,
} from '../../test/harness/stage.ts';

const DAY_MS = 24 * 60 * 60_000;
const SMALLER = `${'0'.repeat(40)}:443`;
const LARGER = `${'b'.repeat(40)}:443`;

/** Another container has read the name as free too, and publishes just before we do. */
function writesBefore({ provider }: Stage, other: string): void {
  provider.before = (verb) => {
    if (verb !== 'apply') return;
    provider.before = () => undefined;
    provider.plant(txtRecord(APP_ADDRESS, other));
  };
}

/** Another container starts just after we have published, and claims the name. */
function writesAfter(stage: Stage, other: string): void {
  const { provider } = stage;
  const apply: typeof provider.apply = async (zone, changes, signal) => {
    const made = await provider.apply(zone, changes, signal);
    const replaced = made.find(({ name }) => name === APP_ADDRESS);
    if (!replaced) return made;
    const takes = { action: 'replace', replaced, record: txtRecord(APP_ADDRESS, other) } as const;
    await provider.apply(zone, [takes], signal);
    return made;
  };
  change(stage, { provider: { ...provider, apply } });
}

function addresses({ provider }: Stage): string[] {
  return provider.current.filter((line) => line.startsWith(APP_ADDRESS));
}

for (const [title, happens, left] of [
  ['both values are published, and the other one is lower', (stage) => writesBefore(stage, SMALLER), SMALLER],
  ['both values are published, and ours is lower', (stage) => writesBefore(stage, LARGER), `${APP_ID}:443`],
  ['ours was replaced', (stage) => writesAfter(stage, LARGER), LARGER],
] satisfies [string, (stage: Stage) => void, string][]) {
  test(`two containers that claim a name in the same second: ${title}; the certificate is issued`, async (t) => {
    const stage = await setStage(t);
    happens(stage);
    await reconcileOne(stage);
    assert.deepEqual(addresses(stage), [`${APP_ADDRESS} TXT ${left}`]);
    assert.equal(orders(stage), 1);
    assert.equal(stage.served.length, 1);
    const taken = stage.emitted.filter(({ type }) => type === 'name-taken');
    assert.equal(taken.length, left === `${APP_ID}:443` ? 0 : 1);
    const { length } = stage.provider.applied;
    await reconcileOne(stage);
    assert.equal(stage.provider.applied.length, length);
  });
}

test('a name that another container claims after the zone was read again is not awaited', async (t) => {
  const stage = await setStage(t, { spec: { propagationTimeoutMs: 60_000 } });
  const { provider } = stage;
  let reads = 0;
  provider.before = (verb) => {
    if (verb === 'records') reads += 1;
  };
  // Nothing is served before the zone is read again, and by then the zone has the other value too.
  stage.shows = () => {
    if (reads >= 2 && addresses(stage).length === 1) provider.plant(txtRecord(APP_ADDRESS, SMALLER));
    return reads >= 2;
  };
  await reconcileOne(stage);
  assert.deepEqual(addresses(stage), [`${APP_ADDRESS} TXT ${SMALLER}`]);
  assert.equal(stage.served.length, 1);
});

test('a challenge that vanishes from the zone is written again', async (t) => {
  const stage = await setStage(t);
  const { provider } = stage;
  let taken = false;
  stage.shows = () => {
    const line = provider.current.find((one) => one.startsWith(CHALLENGE));
    if (line !== undefined && !taken) {
      taken = true;
      void provider.apply(
        { id: 'zone-example.com', name: 'example.com' },
        [{ action: 'remove', removed: txtRecord(CHALLENGE, line.split(' ')[2] ?? '') }],
        new AbortController().signal,
      );
    }
    return true;
  };
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  const vanished = stage.emitted.filter(({ type }) => type === 'challenge-vanished');
  assert.equal(vanished.length, 1);
});

test('a failure to read the zone again is reported, and the wait goes on', async (t) => {
  const stage = await setStage(t);
  let reads = 0;
  stage.shows = () => {
    reads += 1;
    if (reads === 2) fails(stage, 'records', 'PROVIDER_UNREACHABLE');
    return stage.lines.some(({ step }) => step === 'reading the zone again');
  };
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
});

test('records that are pending stay pending in a run that does not know what they are', async (t) => {
  const stage = await setStage(t);
  stage.shows = () => false;
  await assert.rejects(reconcileOne(stage), { code: 'PROPAGATION_TIMEOUT' });
  await stage.store(89);
  change(stage, { identify: () => Promise.reject(failure('GUEST_AGENT_FAILED')) });
  await assert.rejects(reconcileOne(stage));
  assert.deepEqual([...stage.deps.shared.pending], [DOMAIN]);
});

/**
 * Another container publishes its challenge at our challenge name after we have read the zone.
 * `settled` runs once the name servers serve what we wrote.
 */
function challengesMeanwhile(stage: Stage, settled: () => void = () => undefined): void {
  const { provider } = stage;
  provider.before = (verb) => {
    if (verb !== 'apply') return;
    provider.before = () => undefined;
    provider.plant(txtRecord(CHALLENGE, 'a'.repeat(43)));
  };
  change(stage, { provider: { ...provider, settled: async () => settled() } });
}

test('the CA is asked once its resolvers cannot cache only a challenge that another container published meanwhile', async (t) => {
  const stage = await setStage(t);
  challengesMeanwhile(stage);
  const begunAt = stage.clock.now().getTime();
  let askedAfterMs = 0;
  stage.client.before = (call) => {
    if (call.startsWith('respond')) askedAfterMs = stage.clock.now().getTime() - begunAt;
  };
  await reconcileOne(stage);
  assert.ok(askedAfterMs >= 60_000 && askedAfterMs <= 62_000, `asked after ${askedAfterMs} ms`);
});

test('a clock that is set back does not make the wait for the caches longer', async (t) => {
  const stage = await setStage(t);
  const { clock } = stage;
  challengesMeanwhile(stage, () => clock.set(new Date(clock.now().getTime() - DAY_MS)));
  await reconcileOne(stage);
  assert.ok(stage.emitted.some((event) => event.type === 'waiting' && event.for === 'resolvers'));
  assert.equal(stage.served.length, 1);
  assert.equal(Math.max(...clock.waits), 60_000);
});

const [ANOTHER = '', LEFT = ''] = ['a', 'b'].map((letter) => letter.repeat(43));

test('beside the challenge of another owner, the CA is asked once its resolvers cannot cache an answer without ours', async (t) => {
  for (const [value, least, most] of [
    [ANOTHER, 60_000, 62_000],
    [LEFT, 0, 2000],
    ['no digest', 0, 2000],
    [undefined, 0, 2000],
  ] as const) {
    const stage = await setStage(t);
    const { clock, provider, client } = stage;
    if (value !== undefined) provider.plant({ name: CHALLENGE, type: 'TXT', value: value, ttl: 60 });
    if (value === LEFT) {
      const place = { provider: 'memory', zoneId: 'zone-example.com', zoneName: 'example.com' };
      await stage.journal.write([{ ...place, name: CHALLENGE, value: value, ttl: 60 }]);
      // The whole write, and then the removal by itself.
      let refusals = 2;
      provider.before = (_, changes) => {
        if (refusals > 0 && changes.some(({ action }) => action === 'remove')) {
          refusals -= 1;
          throw failure('PROVIDER_REJECTED');
        }
      };
    }
    const begunAt = clock.now().getTime();
    const responses: number[] = [];
    client.before = (call) => {
      if (call.startsWith('respond')) responses.push(clock.now().getTime() - begunAt);
    };
    const [result] = await reconcileAll(stage);
    const codes = result?.failures.map((one) => Object(one.failure).code);
    assert.deepEqual(codes, value === LEFT ? ['PROVIDER_REJECTED'] : []);
    const [after = -1] = responses;
    assert.ok(after >= least && after <= most, `asked after ${after} ms`);
    const waiting = stage.lines.filter((line) => line['for'] === 'resolvers');
    assert.equal(waiting.length, value === ANOTHER ? 1 : 0);
  }
});

test('a challenge is reported as published once, however often its zone is read again', async (t) => {
  const stage = await setStage(t, { spec: { propagationTimeoutMs: 60_000 } });
  const start = stage.clock.now().getTime();
  stage.shows = (line) => !line.startsWith('_acme') || stage.clock.now().getTime() >= start + 40_000;
  await reconcileOne(stage);
  assert.ok(stage.provider.calls.filter((call) => call === 'records').length > 2);
  assert.equal(stage.events().filter((event) => event === 'challenge-published').length, 1);
});
