import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../../test/harness/fake-clock.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import type { ConnectionFailure } from './failure.ts';
import { createFailureLog } from './failure-log.ts';

const failure: ConnectionFailure = {
  domain: 'app.example',
  target: 'tcp:app:80',
  client: '192.0.2.1',
  why: 'refused',
  message: 'the app refused the connection',
  status: undefined,
  error: 'SSL handshake failure',
  level: 'warn',
};

function start() {
  const { log, lines } = memoryLog();
  const clock = createFakeClock();
  return { failures: createFailureLog(log, clock), clock, lines };
}

test('a failure is logged at once, with all fields', () => {
  const { failures, lines } = start();
  failures.add(failure);
  assert.partialDeepStrictEqual(lines, [
    {
      ...{ level: 40, event: 'connection-failed', domain: 'app.example', target: 'tcp:app:80' },
      ...{ client: '192.0.2.1', why: 'refused', error: 'SSL handshake failure', msg: failure.message },
    },
  ]);
  assert.equal(lines.length, 1);
});

test('10,000 failures within a minute are logged as seven lines that count all of them', async () => {
  const { failures, clock, lines } = start();
  for (let index = 0; index < 10_000; index += 1) {
    // Under a wildcard, clients choose the names.
    failures.add({ ...failure, domain: `random-${index}.example` });
    await clock.wait(6);
  }
  await clock.wait(10_000);
  failures.add(failure);
  assert.equal(lines.length, 7);
  const counted = lines.reduce((sum, { unsaid }) => sum + 1 + (typeof unsaid === 'number' ? unsaid : 0), 0);
  assert.equal(counted, 10_001);
});

test('failures of an app are still logged after the clock was set back', async () => {
  const { failures, clock, lines } = start();
  for (let time = 0; time < 3; time += 1) failures.add(failure);
  clock.set(new Date(clock.now().getTime() - 3_600_000));
  failures.add(failure);
  failures.add(failure);
  assert.deepEqual(
    lines.map(({ unsaid }) => unsaid),
    [undefined, 2],
  );
});

test('another target, another reason and another error are logged separately', () => {
  const { failures, lines } = start();
  failures.add(failure);
  failures.add({ ...failure, target: 'http:other:80' });
  failures.add({ ...failure, why: 'silent' });
  failures.add({ ...failure, error: 'certificate verify failed' });
  failures.add({ ...failure, client: '192.0.2.2', domain: 'b.example' });
  assert.equal(lines.length, 4);
});

test('sixteen errors are counted separately, and further ones together, because clients can cause any number', async () => {
  const { failures, clock, lines } = start();
  for (let time = 0; time < 3; time += 1) {
    for (let index = 0; index < 1_000; index += 1) failures.add({ ...failure, error: `made up ${index}` });
  }
  assert.equal(lines.length, 17);
  await clock.wait(10_000);
  failures.add({ ...failure, error: 'made up 0' });
  assert.equal(lines.at(-1)?.['unsaid'], 2);
  // The intervals of the other errors are over: there is room for fourteen new ones, and the rest
  // are counted together.
  for (let index = 0; index < 15; index += 1) failures.add({ ...failure, error: `new ${index}` });
  assert.deepEqual(
    lines.slice(-15).map(({ error, unsaid }) => [error, unsaid]),
    Array.from({ length: 15 }, (_, index) => [
      `new ${index}`,
      index === 14 ? 3 * 984 - 1 + 15 * 2 : undefined,
    ]),
  );
});

test('refused clients are logged on level info, as rarely', () => {
  const { failures, lines } = start();
  const refused = { ...failure, target: undefined, domain: undefined, level: 'info' } as const;
  failures.add(refused);
  failures.add(refused);
  assert.deepEqual(
    lines.map(({ level }) => level),
    [30],
  );
});

test('ordinary behaviour of clients is logged on level debug, every time', () => {
  const { failures, lines } = start();
  for (let index = 0; index < 3; index += 1) failures.add({ ...failure, level: 'debug' });
  assert.deepEqual(
    lines.map(({ level }) => level),
    [20, 20, 20],
  );
});
