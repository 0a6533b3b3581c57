import { randomUUID } from 'node:crypto';
import type { ProviderWait } from '../../../providers/shared/context.ts';
import { type Deps, emptySharedState } from '../../reconcile/deps.ts';
import { caaOwnersOf } from '../../reconcile/discover.ts';
import { ORDERS_AT_ONCE } from '../../reconcile/group.ts';
import { createChallengeJournals } from '../../records/journal.ts';
import { warnOnce } from '../../warnings.ts';
import type { IngressConfig } from './configuration.ts';
import { assembleExternal, specOf } from './external-deps.ts';
import { createProviderFiles, waitingFor } from './provider-context.ts';
import { withRenewalConfs } from './renewal-confs.ts';

/**
 * Milliseconds for each batch of certificates that a reconciliation may take in addition to waiting
 * twice for the name servers.
 */
const BATCH_TIMEOUT_MS = 15 * 60_000;

/** Assembles the dependencies of reconcile. Sends and opens nothing yet. */
export function assembleDeps(
  config: IngressConfig,
  { clock, serve, emit, warnOf }: Pick<Deps, 'clock' | 'serve' | 'emit' | 'warnOf'>,
): Deps {
  const { letsencryptDir, provider } = config;
  const files = createProviderFiles(letsencryptDir, provider.name);
  const onWait = (wait: ProviderWait) => emit(waitingFor(provider, wait));
  const warn = (sentence: string) => emit({ type: 'warning', sentence });
  const external = assembleExternal(config, { clock, files, onWait, warn });
  return {
    ...external,
    store: withRenewalConfs(config, external, emit),
    spec: specOf(config, external),
    caaOwners: caaOwnersOf(external.authorities),
    journalOf: createChallengeJournals(letsencryptDir, warn),
    serve,
    random: Math.random,
    newId: randomUUID,
    emit,
    warn: warnOnce(warn),
    warnOf,
    shared: emptySharedState(),
  };
}

/** Milliseconds after which a run of reconcile that hangs is aborted. */
export function reconcileTimeoutMs({ certificates }: IngressConfig, { spec }: Deps): number {
  // Batches of more than half of the slots never run at the same time.
  const batches = Math.ceil(certificates.length / (ORDERS_AT_ONCE / 2));
  return batches * (BATCH_TIMEOUT_MS + 2 * spec.propagationTimeoutMs);
}
