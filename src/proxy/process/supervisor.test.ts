import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { eventually } from '../../../test/harness/proxy/proxy.ts';
import { systemClock } from '../../clock.ts';
import type { Exit, HaproxyProcess } from './process.ts';
import { restartDelay, supervise } from './supervisor.ts';

const delays: readonly [last: number | undefined, ran: number, next: number][] = [
  [undefined, 0, 100],
  [100, 0, 200],
  [200, 9_999, 400],
  [3_200, 0, 5_000],
  [5_000, 0, 5_000],
  [5_000, 10_000, 100],
];
for (const [last, ran, next] of delays) {
  test(`after a delay of ${last} ms and a run of ${ran} ms, the next delay is ${next} ms`, () => {
    assert.equal(restartDelay(last, ran), next);
  });
}

interface FakeProcess extends HaproxyProcess {
  exit(): void;
  stopped: number;
}

function fakeProcess(pid: number): FakeProcess {
  const { promise, resolve } = Promise.withResolvers<Exit>();
  const endedAs = (how: string) => resolve({ exitCode: 0, signal: undefined, how });
  const process: FakeProcess = {
    pid,
    api: { send: async () => '' },
    exited: promise,
    stopped: 0,
    exit: () => endedAs('exited'),
    async stop() {
      process.stopped += 1;
      endedAs('stopped');
    },
  };
  return process;
}

/** A supervisor of fake processes. Waiting takes no time, but is recorded. */
async function fakes(
  steps: { launch?: (pid: number) => void; restore?: (pid: number) => Promise<void> } = {},
) {
  const started: FakeProcess[] = [];
  const waits: number[] = [];
  const clock = {
    now: () => new Date(0),
    async wait(ms: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      if (ms >= 100) waits.push(ms);
      await systemClock.wait(1, signal);
    },
  };
  const supervisor = await supervise(
    {
      launch: async () => {
        const process = fakeProcess(started.length + 1);
        started.push(process);
        steps.launch?.(process.pid);
        return process;
      },
      restore: async ({ pid }) => await steps.restore?.(pid),
      clock,
      log: memoryLog().log,
    },
    new AbortController().signal,
  );
  return { supervisor, started, waits };
}

test('a process that exits is restarted, with a delay that doubles', async () => {
  const { supervisor, started, waits } = await fakes({
    launch: (pid) => {
      if (pid === 2 || pid === 3) throw new Error('not now');
    },
  });
  started[0]?.exit();
  await eventually('the fourth', () => supervisor.current?.pid === 4);
  assert.deepEqual(waits, [100, 200, 400]);
  await supervisor.stop();
  assert.equal(started.length, 4);
  assert.equal(started[3]?.stopped, 1);
});

test('a process is up only once it is restored; one that cannot be restored is stopped', async () => {
  const restored = Promise.withResolvers<void>();
  const { supervisor, started } = await fakes({
    restore: async (pid) => {
      if (pid === 2) throw new Error('refused');
      if (pid === 3) await restored.promise;
    },
  });
  started[0]?.exit();
  await eventually('the third', () => started.length === 3);
  assert.equal(started[1]?.stopped, 1);
  assert.equal(supervisor.current, undefined);
  restored.resolve();
  assert.equal((await supervisor.up(10_000)).pid, 3);
  await supervisor.stop();
});

test('if the first start fails, the error is thrown and no process is left', async () => {
  const refused = new Error('refused');
  await assert.rejects(fakes({ restore: () => Promise.reject(refused) }), refused);
});

test('stop during a restart stops the new process', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { supervisor, started } = await fakes({
    restore: async (pid) => {
      if (pid === 2) await promise;
    },
  });
  started[0]?.exit();
  await eventually('the second', () => started.length === 2);
  const stopped = supervisor.stop();
  resolve();
  await stopped;
  assert.equal(started[1]?.stopped, 1);
  assert.equal(supervisor.current, undefined);
  await assert.rejects(supervisor.up(1_000), { code: 'PROXY_START_FAILED' });
});
