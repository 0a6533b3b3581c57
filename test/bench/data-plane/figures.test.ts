import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdicts } from './aims.ts';
import { bestOther, perCore, rate, ratios, spreadOf } from './figures.ts';
import type { TakenReading } from './results.ts';

const reading = (changes: Partial<TakenReading>): TakenReading => ({
  contender: 'ours-tcp',
  work: 'bulk',
  names: 1,
  round: 0,
  count: 100,
  seconds: 2,
  cpuSeconds: 1,
  more: {},
  ...changes,
});

test('a rate uses the client’s time, a figure of the core the proxy’s CPU time', () => {
  assert.equal(rate(reading({})), 50);
  assert.equal(perCore(reading({})), 100);
});

test('the spread of an empty list is not a number', () => {
  assert.ok(Number.isNaN(spreadOf([]).median));
  assert.deepEqual(spreadOf([3, 1, 2]), { least: 1, median: 2, most: 3 });
});

test('ratios are computed within a round; a round without one of the readings has none', () => {
  const mine = [reading({ count: 100 }), reading({ round: 1, count: 300 }), reading({ round: 2, count: 1 })];
  const theirs = [reading({ round: 1, count: 100 }), reading({ count: 100 })];
  assert.deepEqual(ratios(mine, theirs, rate), { least: 1, median: 3, most: 3 });
});

test('the best contender is the best over all rounds, not in one of them', () => {
  const of = (contender: TakenReading['contender'], counts: readonly number[]) =>
    [contender, counts.map((count, round) => reading({ contender, count, round }))] as const;
  const all = new Map([
    of('ours-tcp', [999, 999, 999]),
    of('caddy', [10, 20, 900]),
    of('nginx-http', [30, 30, 30]),
  ]);
  assert.equal(bestOther(all, rate, 'more'), 'nginx-http');
  assert.equal(bestOther(all, rate, 'less'), 'caddy');
  assert.equal(
    bestOther(all, rate, 'more', (id) => id === 'caddy'),
    'caddy',
  );
  assert.equal(bestOther(new Map(), rate, 'less'), undefined);
});

test('a target is judged by the median, and says if the rounds disagree', () => {
  const rounds = [90, 100, 110].flatMap((count, round) => [
    reading({ round, count }),
    reading({ round, count: 100, contender: 'caddy' }),
  ]);
  const [verdict, ...others] = verdicts({ readings: rounds, failures: [] });
  assert.deepEqual(others, []);
  assert.equal(verdict?.metric.work, 'bulk');
  assert.equal(verdict?.holds, true);
  assert.equal(verdict?.close, true);
});

test('handshakes are compared with the older configuration, the best of all, and the best byte forwarder', () => {
  const of = (contender: TakenReading['contender'], count: number) =>
    reading({ contender, count, work: 'handshakes-full' });
  const readings = [of('ours-tcp', 400), of('older-2.3', 100), of('caddy', 500)];
  const found = verdicts({ readings, failures: [] });
  assert.deepEqual(
    found.map(({ other, ratio, holds }) => [other, ratio.median, holds]),
    [
      ['older-2.3', 4, true],
      ['best', 0.8, false],
      ['peer', 4, true],
    ],
  );
});

test('a target without a reading is missed, not omitted', () => {
  const caddy = reading({ contender: 'caddy' });
  const failed = { contender: 'ours-tcp', work: 'bulk', names: 1, round: 0, why: 'refused' } as const;
  const [verdict] = verdicts({ readings: [caddy], failures: [failed] });
  assert.equal(verdict?.holds, false);
  assert.ok(Number.isNaN(verdict.ratio.median));
});
