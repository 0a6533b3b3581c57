import { removeTemporaries } from '../../files.ts';
import type { Deps } from '../../reconcile/deps.ts';
import type { IngressConfig } from './configuration.ts';

/**
 * Removes the temporary files that crashes have left on the volume. Never rejects: nothing depends
 * on it, and reconciling reports a volume that cannot be written.
 */
export async function removeTemporaryFiles(
  { letsencryptDir }: Pick<IngressConfig, 'letsencryptDir'>,
  { emit, clock }: Pick<Deps, 'emit' | 'clock'>,
): Promise<void> {
  try {
    const removed = await removeTemporaries(letsencryptDir, clock.now());
    if (removed.length > 0) emit({ type: 'volume-tidied', removed });
  } catch (error) {
    emit({ type: 'volume-not-tidied', error });
  }
}
