import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { createFakeClock } from '../test/harness/fake-clock.ts';
import {
  eachConcurrently,
  KeyedMutex,
  Mutex,
  mapConcurrently,
  Semaphore,
  settlesWithin,
  untilAborted,
  withDeadline,
} from './async.ts';

/** A task that records its start and its end, and ends once `end` is called. */
function createTask(events: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async () => {
    events.push(`${name} starts`);
    await promise;
    events.push(`${name} ends`);
    return name;
  };
  return { work, end: resolve };
}

test('a mutex runs tasks one after the other, in the order of the calls', async () => {
  const events: string[] = [];
  const mutex = new Mutex();
  const [slow, next] = [createTask(events, 'slow'), createTask(events, 'next')];
  next.end();
  const done = [mutex.run(slow.work), mutex.run(next.work)];
  await tick();
  slow.end();
  assert.deepEqual(await Promise.all(done), ['slow', 'next']);
  assert.deepEqual(events, ['slow starts', 'slow ends', 'next starts', 'next ends']);
});

test('tasks of different keys run concurrently, those of one key do not', async () => {
  const events: string[] = [];
  const mutex = new KeyedMutex();
  const [slow, next, other] = ['slow', 'next', 'other'].map((name) => createTask(events, name));
  assert.ok(slow && next && other);
  next.end();
  other.end();
  const done = [mutex.run('k', slow.work), mutex.run('k', next.work), mutex.run('other', other.work)];
  await tick();
  assert.deepEqual(events, ['slow starts', 'other starts', 'other ends']);
  slow.end();
  assert.deepEqual(await Promise.all(done), ['slow', 'next', 'other']);
  assert.deepEqual(events.slice(3), ['slow ends', 'next starts', 'next ends']);
});

test('a failed task does not hold up the next', async () => {
  const mutex = new KeyedMutex();
  const failure = new Error('no');
  const failed = mutex.run('k', () => Promise.reject(failure));
  const next = mutex.run('k', async () => 'yes');
  await assert.rejects(failed, (thrown) => thrown === failure);
  assert.equal(await next, 'yes');
});

test('a waiting task that is aborted never runs, and those behind it still wait for the one before', async () => {
  const events: string[] = [];
  const mutex = new KeyedMutex();
  const [first, second, third] = ['first', 'second', 'third'].map((name) => createTask(events, name));
  assert.ok(first && second && third);
  third.end();
  const running = mutex.run('k', first.work);
  const controller = new AbortController();
  const aborted = mutex.run('k', second.work, controller.signal);
  const waiting = mutex.run('k', third.work);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(aborted, (thrown) => thrown === reason);
  await tick();
  assert.deepEqual(events, ['first starts']);
  first.end();
  await Promise.all([running, waiting]);
  assert.deepEqual(events, ['first starts', 'first ends', 'third starts', 'third ends']);
});

test('a task whose signal is aborted before the call never runs', async () => {
  const reason = new Error('enough');
  const never = () => assert.fail('it ran');
  await assert.rejects(new Mutex().run(never, AbortSignal.abort(reason)), (thrown) => thrown === reason);
});

test('at most `limit` items are processed concurrently, and the results are in the order of the items', async () => {
  let running = 0;
  let most = 0;
  const double = async (item: number, index: number) => {
    most = Math.max(most, ++running);
    // The later the item, the sooner it is done.
    for (let left = 5 - item; left > 0; left -= 1) await tick();
    running -= 1;
    return [item * 2, index];
  };
  const results = await mapConcurrently(2, [1, 2, 3, 4, 5], double);
  assert.deepEqual(
    results,
    [1, 2, 3, 4, 5].map((item, index) => [item * 2, index]),
  );
  assert.equal(most, 2);
  assert.deepEqual(await mapConcurrently(2, [], double), []);
});

test('after a failure no further item is started, and the failure is thrown when the running ones have settled', async () => {
  const events: string[] = [];
  const slow = createTask(events, 'slow');
  const failure = new Error('no');
  const works = [slow.work, () => Promise.reject(failure), () => Promise.resolve(events.push('third'))];
  let settled = false;
  const all = eachConcurrently(2, works, (work) => work()).finally(() => {
    settled = true;
  });
  all.catch(() => undefined);
  await tick();
  assert.equal(settled, false);
  slow.end();
  await assert.rejects(all, (thrown) => thrown === failure);
  assert.deepEqual(events, ['slow starts', 'slow ends']);
});

test('a promise is awaited until the signal aborts, and its later failure is ignored', async () => {
  const late = Promise.withResolvers<string>();
  const controller = new AbortController();
  const { signal } = controller;
  assert.equal(await untilAborted(Promise.resolve('done'), signal), 'done');
  const failure = new Error('no');
  await assert.rejects(untilAborted(Promise.reject(failure), signal), (thrown) => thrown === failure);
  const waiting = untilAborted(late.promise, signal);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(waiting, (thrown) => thrown === reason);
  await assert.rejects(untilAborted(late.promise, signal), (thrown) => thrown === reason);
  // An unhandled rejection would fail this file.
  late.reject(new Error('too late'));
  await tick();
});

test('work is aborted with the deadline’s error, or as the caller’s signal is', async () => {
  const clock = createFakeClock();
  const heeds = (signal: AbortSignal) => untilAborted(new Promise<never>(() => undefined), signal);
  const late = new Error('late');
  const expired = withDeadline({ clock, timeoutMs: 1000 }, () => late, heeds);
  await assert.rejects(expired, (thrown) => thrown === late);
  const controller = new AbortController();
  const waits = { ...clock, wait: () => new Promise<void>(() => undefined) };
  const options = { clock: waits, timeoutMs: 1000, signal: controller.signal };
  const stopped = withDeadline(options, () => late, heeds);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(stopped, (thrown) => thrown === reason);
  assert.equal(
    await withDeadline(
      { clock: waits, timeoutMs: 1000 },
      () => late,
      async () => 1,
    ),
    1,
  );
});

test('whether a promise settles in time, either way', async () => {
  const clock = createFakeClock();
  assert.equal(await settlesWithin(Promise.resolve(), 0, clock), true);
  assert.equal(await settlesWithin(Promise.reject(new Error('no')), 0, clock), true);
  assert.equal(await settlesWithin(new Promise(() => undefined), 1000, clock), false);
});

test('a semaphore starts tasks in the order of the calls, while permits are free', async () => {
  const events: string[] = [];
  const semaphore = new Semaphore(3);
  const tasks = ['two', 'three', 'one'].map((name) => createTask(events, name));
  const [two, three, one] = tasks;
  assert.ok(two && three && one);
  const { signal } = new AbortController();
  const done = [
    semaphore.run(2, two.work, signal),
    semaphore.run(3, three.work, signal),
    semaphore.run(1, one.work, signal),
  ];
  assert.equal(await semaphore.run(0, async () => 'none', signal), 'none');
  await tick();
  assert.deepEqual(events, ['two starts']);
  two.end();
  await tick();
  assert.deepEqual(events.slice(1), ['two ends', 'three starts']);
  three.end();
  one.end();
  assert.deepEqual(await Promise.all(done), ['two', 'three', 'one']);
});

test('a task that waits for permits is not run once its signal has aborted, and blocks none after it', async () => {
  const semaphore = new Semaphore(1);
  const events: string[] = [];
  const [running, aborted, next] = ['running', 'aborted', 'next'].map((name) => createTask(events, name));
  assert.ok(running && aborted && next);
  const stop = new AbortController();
  const { signal } = new AbortController();
  const first = semaphore.run(1, running.work, signal);
  const waiting = semaphore.run(1, aborted.work, stop.signal);
  const last = semaphore.run(1, next.work, signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting, { message: 'stopped' });
  running.end();
  next.end();
  assert.deepEqual(await Promise.all([first, last]), ['running', 'next']);
  assert.ok(!events.includes('aborted starts'));
});
