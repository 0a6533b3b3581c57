import process from 'node:process';
import { atProcessEnd } from '../world/process-end.ts';
import { openDocker } from './docker.ts';
import type { Engine } from './engine.ts';
import { removeLeftovers, removeOwn } from './leftovers.ts';
import { startPodman } from './podman.ts';

/** The engine, after removing what killed processes left behind. See openAnyEngine. */
export async function openEngine(): Promise<Engine | string> {
  const engine = await openAnyEngine();
  if (typeof engine === 'string') return engine;
  const removed = await removeLeftovers(engine).catch(async (thrown: unknown) => {
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
 * Docker if available, else podman. A string is the reason why there is neither.
 * `CONTAINER_ENGINE=podman` (or docker) allows only that one.
 */
export async function openAnyEngine(): Promise<Engine | string> {
  if (process.getuid?.() !== 0) return 'containers need root';
  const only = process.env['CONTAINER_ENGINE'];
  const engine =
    (only === 'podman' ? undefined : await openDocker()) ??
    (only === 'docker' ? undefined : await startPodman());
  return (
    engine ?? 'neither docker nor podman is installed (scripts/prepare containers installs what is missing)'
  );
}
