import process from 'node:process';
import { atProcessEnd } from '../world/process-end.ts';
import { openDocker } from './docker.ts';
import type { Engine } from './engine.ts';
import { removeOwn, sweepLeftovers } from './leftovers.ts';
import { startPodman } from './podman.ts';

/** The engine, without what processes left there that were killed. See openAnyEngine. */
export async function openEngine(): Promise<Engine | string> {
  const engine = await openAnyEngine();
  if (typeof engine === 'string') return engine;
  const removed = await sweepLeftovers(engine).catch(async (thrown: unknown) => {
    await engine[Symbol.asyncDispose]();
    throw thrown;
  });
  if (removed.length > 0)
    process.stderr.write(`==> removed what an earlier run left: ${removed.join(' ')}\n`);
  const forget = atProcessEnd(() => removeOwn(engine));
  return {
    ...engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      forget();
    },
  };
}

/**
 * Docker where there is one, else podman. A text says why there is neither. `CONTAINER_ENGINE=podman` (or docker) allows
 * only that one.
 */
export async function openAnyEngine(): Promise<Engine | string> {
  if (process.getuid?.() !== 0) return 'containers are run as root';
  const only = process.env['CONTAINER_ENGINE'];
  const engine =
    (only === 'podman' ? undefined : await openDocker()) ??
    (only === 'docker' ? undefined : await startPodman());
  return (
    engine ?? 'neither docker nor podman is installed (scripts/prepare containers installs what is missing)'
  );
}
