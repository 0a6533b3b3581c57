import { stat } from 'node:fs/promises';
import { execa } from 'execa';
import { systemErrorCode } from '../../errors.ts';

const TIMEOUT_MS = 1_000;

/**
 * Sends a signal to HAProxy; does nothing if the process is gone. HAProxy runs as a user of its
 * own, and root without the capability KILL (which `cap_drop: ALL` removes) may not signal another
 * user's process (kill(2)); a process of that user may. Rejects if neither works.
 */
export async function sendSignal(pid: number, name: NodeJS.Signals): Promise<void> {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    const code = systemErrorCode(thrown);
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw thrown;
    await sendAsItsUser(pid, name);
  }
}

async function sendAsItsUser(pid: number, name: NodeJS.Signals): Promise<void> {
  const owner = await stat(`/proc/${pid}`).catch(() => undefined);
  if (!owner) return;
  await execa('/bin/sh', ['-c', 'kill -s "$1" "$2"', 'sh', name.replace(/^SIG/, ''), String(pid)], {
    uid: owner.uid,
    gid: owner.gid,
    env: {},
    extendEnv: false,
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
  });
}
