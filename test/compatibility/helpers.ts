import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { startChild } from '../world/child.ts';
import { freePort } from '../world/free-port.ts';
import type { Front } from './ingress.ts';
import { documented, documentedBlock } from './run.ts';

/**
 * Programs that accept connections without TLS, for clients that do not support it, and forward
 * them to the ingress with TLS. (ncat can do so too, but does not close when the server does, which
 * psql waits for after Ctrl-C.)
 */
const helpers = {
  socat: (front: Front, local: number) =>
    Promise.resolve(
      documented('socat', front).replace('5432', String(local)).replace('socat', 'exec socat -dd'),
    ),
  stunnel: async (front: Front, local: number, directory: string) => {
    const config = join(directory, 'stunnel.conf');
    const text = documentedBlock('ini', front)
      .replace('5432', String(local))
      .replace(/^CAfile = .*$/m, `CAfile = ${front.caFile}`);
    await writeFile(config, text);
    return `exec stunnel ${config}`;
  },
};

export const helperNames = ['socat', 'stunnel'] as const;

/** Starts a helper in front of an ingress; returns the port for clients without TLS. */
export async function startHelper(
  t: TestContext,
  name: (typeof helperNames)[number],
  front: Front,
): Promise<number> {
  const local = await freePort();
  const command = await helpers[name](front, local, temporaryDirectory(t));
  const child = await startChild('sh', { args: ['-c', command], env: front.environment });
  afterTest(t, () => child[Symbol.asyncDispose]());
  await child.seen(/listening on|Configuration successful/, 10_000);
  return local;
}
