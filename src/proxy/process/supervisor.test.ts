import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { eventually } from '../../../test/harness/proxy/proxy.ts';
import { systemClock } from '../../clock.ts';
import type { HaproxyProcess } from './process.ts';
import { restartDelay, supervise } from './supervisor.ts';

const delays: readonly [last: number | undefined, lived: number, next: number][] = [
  [undefined, 0, 100],
  [100, 0, 200],
  [200, 9_999, 400],
  [3_200, 0, 5_000],
  [5_000, 0, 5_000],
  [5_000, 10_000, 100],
];
for (const [last, lived, next] of delays) {
  test(`after ${last} ms and a life of ${lived} ms, the pause is ${next} ms`, () => {
    assert.equal(restartDelay(last, lived), next);
  });
}

interface FakeProcess extends HaproxyProcess {
  die(): void;
  stopped: number;
}

function fakeProcess(pid: number): FakeProcess {
  const { promise, resolve } = Promise.withResolvers<string>();
  const process: FakeProcess = {
    pid,
    api: { send: async () => '' },
    exited: promise,
    stopped: 0,
    die: () => resolve('died'),
    async stop() {
      process.stopped += 1;
      resolve('stopped');
    },
  };
  return process;
}

/** A supervisor of fakes; waiting takes no time, but is written down. */
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

test('a process that ends is followed by another, later each time', async () => {
  const { supervisor, started, waits } = await fakes({
    launch: (pid) => {
      if (pid === 2 || pid === 3) throw new Error('not now');
    },
  });
  started[0]?.die();
  await eventually('the fourth', () => supervisor.current?.pid === 4);
  assert.deepEqual(waits, [100, 200, 400]);
  await supervisor.stop();
  assert.equal(started.length, 4);
  assert.equal(started[3]?.stopped, 1);
});

test('a process is up only when everything is restored; one that cannot be is ended', async () => {
  const restored = Promise.withResolvers<void>();
  const { supervisor, started } = await fakes({
    restore: async (pid) => {
      if (pid === 2) throw new Error('refused');
      if (pid === 3) await restored.promise;
    },
  });
  started[0]?.die();
  await eventually('the third', () => started.length === 3);
  assert.equal(started[1]?.stopped, 1);
  assert.equal(supervisor.current, undefined);
  restored.resolve();
  assert.equal((await supervisor.up(10_000)).pid, 3);
  await supervisor.stop();
});

test('a first start that fails is thrown and leaves no process', async () => {
  const refused = new Error('refused');
  await assert.rejects(fakes({ restore: () => Promise.reject(refused) }), refused);
});

test('stop during a restart ends what was started', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { supervisor, started } = await fakes({
    restore: async (pid) => {
      if (pid === 2) await promise;
    },
  });
  started[0]?.die();
  await eventually('the second', () => started.length === 2);
  const stopped = supervisor.stop();
  resolve();
  await stopped;
  assert.equal(started[1]?.stopped, 1);
  assert.equal(supervisor.current, undefined);
  await assert.rejects(supervisor.up(1_000), { code: 'PROXY_START_FAILED' });
});
