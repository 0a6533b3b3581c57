import { execa } from 'execa';

/**
 * Runs `work` while all threads of the processes have real-time scheduling (sched(7)): they run
 * whenever they are ready, whatever else wants their core. A nice value would not suffice: Linux
 * weighs it within a session only. Needs root.
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

/** The lowest real-time priority. */
export const LOWEST = 1;

async function schedule(
  pids: readonly number[],
  policy: '--rr' | '--other',
  priority: number,
): Promise<void> {
  for (const pid of pids)
    await execa('chrt', ['--all-tasks', policy, '--pid', String(priority), String(pid)]);
}
