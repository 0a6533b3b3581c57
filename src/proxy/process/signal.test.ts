import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../../test/harness/after-test.ts';
import { sendSignal } from './signal.ts';

const SLEEPER = ['--reuid', '65534', '--regid', '65534', '--clear-groups', 'sleep', '60'];
const isRoot = process.getuid?.() === 0;

test('without the capability KILL a signal still reaches a process of another user', {
  skip: !isRoot,
}, async (t) => {
  const sleeper = execa('setpriv', SLEEPER, { reject: false, stdio: 'ignore' });
  afterTest(t, () => sleeper.kill('SIGKILL'));
  const url = new URL('signal.ts', import.meta.url).href;
  const script = `
    const pid = ${sleeper.pid};
    try { process.kill(pid, 0); throw new Error('this process is permitted to signal'); } catch (thrown) {
      if (thrown.code !== 'EPERM') throw thrown;
    }
    const { sendSignal } = await import(${JSON.stringify(url)});
    await sendSignal(pid, 'SIGUSR1');`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  await waitForUser(sleeper.pid ?? 0);
  await execa('setpriv', ['--bounding-set=-kill', '--inh-caps=-kill', ...node]);
  assert.equal((await sleeper).signal, 'SIGUSR1');
});

test('a process that has exited is not an error', async () => {
  const gone = execa('true');
  await gone;
  await sendSignal(gone.pid ?? 0, 'SIGTERM');
});

/** setpriv changes the user, then executes the program. */
async function waitForUser(pid: number): Promise<void> {
  await execa('/bin/sh', ['-c', `until grep -q '^sleep$' /proc/${pid}/comm; do :; done`], { timeout: 5_000 });
}
