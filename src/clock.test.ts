import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../test/harness/fake-clock.ts';
import { systemClock, until } from './clock.ts';

test('until() polls until it gets a value, with pauses between', async () => {
  const clock = createFakeClock();
  let polls = 0;
  const seen = await until(() => (++polls === 3 ? 'seen' : undefined), {
    clock,
    timeoutMs: 100,
    everyMs: 10,
  });
  assert.equal(seen, 'seen');
  assert.deepEqual(clock.waits, [10, 10]);
});

test('false, null, 0 and an empty string are values', async () => {
  for (const value of [false, null, 0, '']) {
    assert.equal(await until(() => value, { clock: createFakeClock(), timeoutMs: 1, everyMs: 1 }), value);
  }
});

test('the last pause ends at the deadline and is followed by a last poll', async () => {
  const clock = createFakeClock();
  let polls = 0;
  const poll = () => {
    polls += 1;
    return undefined;
  };
  assert.equal(await until(poll, { clock, timeoutMs: 25, everyMs: 10 }), undefined);
  assert.deepEqual([polls, clock.waits], [4, [10, 10, 5]]);
});

test('with a timeout of 0 it polls once', async () => {
  const clock = createFakeClock();
  assert.equal(await until(async () => 'seen', { clock, timeoutMs: 0, everyMs: 10 }), 'seen');
  assert.equal(await until(() => undefined, { clock, timeoutMs: 0, everyMs: 10 }), undefined);
  assert.deepEqual(clock.waits, []);
});

test('an error of the poll is thrown, and an abort ends the wait before the next poll', async () => {
  const options = { clock: createFakeClock(), timeoutMs: 100, everyMs: 10 };
  const broken = async () => {
    throw new Error('broken');
  };
  await assert.rejects(until(broken, options), /broken/);
  const abort = new AbortController();
  let polls = 0;
  const poll = () => {
    polls += 1;
    abort.abort(new Error('stopped'));
    return undefined;
  };
  await assert.rejects(until(poll, { ...options, signal: abort.signal }), /stopped/);
  assert.equal(polls, 1);
});

test('the system clock waits, and an abort ends the wait with its reason', async () => {
  const before = performance.now();
  await systemClock.wait(20);
  assert.ok(performance.now() - before >= 19);
  const abort = new AbortController();
  const waiting = systemClock.wait(60_000, abort.signal);
  abort.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
  await assert.rejects(systemClock.wait(0, AbortSignal.abort(new Error('stopped'))), /stopped/);
});

test('a wait of more than 24 days does not end at once', async () => {
  const abort = new AbortController();
  const waiting = systemClock.wait(2 ** 31, abort.signal).then(() => 'over');
  assert.equal(await Promise.race([waiting, systemClock.wait(20).then(() => 'waits')]), 'waits');
  abort.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
});
