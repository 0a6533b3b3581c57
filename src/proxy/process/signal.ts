import { stat } from 'node:fs/promises';
import { execa } from 'execa';

const TIMEOUT_MS = 1_000;

/**
 * Sends a signal to HAProxy; does nothing when the process is gone. HAProxy has given up being root, and root without
 * the capability KILL (which `cap_drop: ALL` takes away) may not signal another account's process (kill(2)); a process
 * of that account may. Rejects when neither worked.
 */
export async function sendSignal(pid: number, name: NodeJS.Signals): Promise<void> {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if (isError(thrown, 'ESRCH')) return;
    if (!isError(thrown, 'EPERM')) throw thrown;
    await sendAsItsAccount(pid, name);
  }
}

async function sendAsItsAccount(pid: number, name: NodeJS.Signals): Promise<void> {
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

function isError(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}
