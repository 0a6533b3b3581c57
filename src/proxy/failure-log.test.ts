import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../test/doubles/fake-clock.ts';
import { memoryLog } from '../../test/doubles/memory-log.ts';
import type { Failure } from './failure.ts';
import { createFailureLog } from './failure-log.ts';

const failure: Failure = {
  domain: 'app.example',
  target: 'tcp:app:80',
  client: '192.0.2.1',
  why: 'refused',
  sentence: 'the app refused the connection',
  error: 'SSL handshake failure',
  level: 'warn',
};

function start() {
  const { log, lines } = memoryLog();
  const clock = createFakeClock();
  return { failures: createFailureLog(log, clock), clock, lines };
}

test('a failure is logged at once, with everything that is known', () => {
  const { failures, lines } = start();
  failures.add(failure);
  assert.partialDeepStrictEqual(lines, [
    {
      ...{ level: 40, event: 'connection-failed', domain: 'app.example', target: 'tcp:app:80' },
      ...{ client: '192.0.2.1', why: 'refused', error: 'SSL handshake failure', msg: failure.sentence },
    },
  ]);
  assert.equal(lines.length, 1);
});

test('10,000 failures within a minute are seven lines that count them all', async () => {
  const { failures, clock, lines } = start();
  for (let index = 0; index < 10_000; index += 1) {
    // Under a wildcard, names are what clients make of them.
    failures.add({ ...failure, domain: `random-${index}.example` });
    await clock.wait(6);
  }
  await clock.wait(10_000);
  failures.add(failure);
  assert.equal(lines.length, 7);
  const counted = lines.reduce((sum, { unsaid }) => sum + 1 + (typeof unsaid === 'number' ? unsaid : 0), 0);
  assert.equal(counted, 10_001);
});

test('another app and another reason are lines of their own', () => {
  const { failures, lines } = start();
  failures.add(failure);
  failures.add({ ...failure, target: 'http:other:80' });
  failures.add({ ...failure, why: 'silent' });
  failures.add({ ...failure, client: '192.0.2.2' });
  assert.equal(lines.length, 3);
});

test('clients that were not let in are told of on the level info, as seldom', () => {
  const { failures, lines } = start();
  const refused = { ...failure, target: undefined, domain: undefined, level: 'info' } as const;
  failures.add(refused);
  failures.add(refused);
  assert.deepEqual(
    lines.map(({ level }) => level),
    [30],
  );
});

test('what clients do every day is on the level debug only', () => {
  const { failures, lines } = start();
  for (let index = 0; index < 3; index += 1) failures.add({ ...failure, level: 'debug' });
  assert.deepEqual(
    lines.map(({ level }) => level),
    [20, 20, 20],
  );
});
