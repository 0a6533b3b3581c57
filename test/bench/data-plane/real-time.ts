import { execa } from 'execa';

/**
 * Does `work` while all threads of the processes are scheduled in real time (sched(7)): they run whenever they have something
 * to do, whatever else wants their core. Niceness would not do: Linux weighs it within a session only. Root is needed.
 */
export async function inRealTime<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<Result> {
  await schedule(pids, '--rr', LOWEST);
  try {
    return await work();
  } finally {
    await schedule(pids, '--other', 0);
  }
}

/** Of the priorities in real time. */
export const LOWEST = 1;

async function schedule(
  pids: readonly number[],
  policy: '--rr' | '--other',
  priority: number,
): Promise<void> {
  for (const pid of pids)
    await execa('chrt', ['--all-tasks', policy, '--pid', String(priority), String(pid)]);
}
