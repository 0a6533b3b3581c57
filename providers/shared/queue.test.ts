import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createQueue } from './queue.ts';

const never = new AbortController().signal;

test('tasks of one key run in order, of different keys at once', async () => {
  const enqueue = createQueue();
  const events: string[] = [];
  const task = (name: string, ms: number) => async () => {
    events.push(`${name} starts`);
    await sleep(ms);
    events.push(`${name} ends`);
    return name;
  };
  const done = await Promise.all([
    enqueue('k', never, task('slow', 20)),
    enqueue('k', never, task('next', 0)),
    enqueue('other', never, task('other', 0)),
  ]);
  assert.deepEqual(done, ['slow', 'next', 'other']);
  assert.deepEqual(events, [
    'slow starts',
    'other starts',
    'other ends',
    'slow ends',
    'next starts',
    'next ends',
  ]);
});

test('a failed task does not hold up the next', async () => {
  const enqueue = createQueue();
  const failed = enqueue('k', never, () => Promise.reject(new Error('no')));
  const next = enqueue('k', never, async () => 'yes');
  await assert.rejects(failed, /no/);
  assert.equal(await next, 'yes');
});

test('a waiting task that is aborted never runs, and those behind it still wait for the one before', async () => {
  const enqueue = createQueue();
  const events: string[] = [];
  const turn = Promise.withResolvers<void>();
  const first = enqueue('k', never, () => turn.promise.then(() => void events.push('first')));
  const controller = new AbortController();
  const second = enqueue('k', controller.signal, async () => void events.push('second'));
  const third = enqueue('k', never, async () => void events.push('third'));
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(second, (thrown) => thrown === reason);
  await sleep(5);
  assert.deepEqual(events, []);
  turn.resolve();
  await Promise.all([first, third]);
  assert.deepEqual(events, ['first', 'third']);
});
