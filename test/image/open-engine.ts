import process from 'node:process';
import { openDocker } from './docker.ts';
import type { Engine } from './engine.ts';
import { startPodman } from './podman.ts';

/**
 * Docker where there is one, else podman. A text says why there is neither. `CONTAINER_ENGINE=podman` (or docker) allows
 * only that one.
 */
export async function openEngine(): Promise<Engine | string> {
  if (process.getuid?.() !== 0) return 'containers are run as root';
  const only = process.env['CONTAINER_ENGINE'];
  const engine =
    (only === 'podman' ? undefined : await openDocker()) ??
    (only === 'docker' ? undefined : await startPodman());
  return (
    engine ?? 'neither docker nor podman is installed (scripts/prepare --containers installs what is missing)'
  );
}
