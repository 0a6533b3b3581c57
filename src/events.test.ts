import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emitTo, type IngressEvent } from './events.ts';

const stopped: IngressEvent = { type: 'stopped' };
const progress: IngressEvent = { type: 'progress', done: 1, due: 2 };

test('every subscriber gets every event, in order', () => {
  const received: string[] = [];
  const emit = emitTo(
    ({ type }) => void received.push(`log ${type}`),
    ({ type }) => void received.push(`status ${type}`),
  );
  emit(progress);
  emit(stopped);
  assert.deepEqual(received, ['log progress', 'status progress', 'log stopped', 'status stopped']);
});

test('a subscriber that throws affects neither the others nor the emitter', () => {
  const received: string[] = [];
  const emit = emitTo(
    () => {
      throw new Error('broken');
    },
    ({ type }) => void received.push(type),
  );
  emit(progress);
  emit(stopped);
  assert.deepEqual(received, ['progress', 'stopped']);
});
