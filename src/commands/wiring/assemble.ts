import { randomUUID } from 'node:crypto';
import type { ProviderWait } from '../../../providers/shared/context.ts';
import type { Names } from '../../certificates/certificate.ts';
import type { Log } from '../../log.ts';
import { caaOwnersOf } from '../../reconcile/caa-owners.ts';
import {
  type Deps,
  emptySharedState,
  type ManagedCertificate,
  manageCertificate,
} from '../../reconcile/deps.ts';
import { CERTIFICATES_AT_ONCE } from '../../reconcile/round.ts';
import { createChallengeJournal } from '../../records/journal.ts';
import { once } from '../../warnings.ts';
import type { IngressConfig } from './configuration.ts';
import { assembleOutside, goalFor } from './outside.ts';
import { createProviderFiles, describeWait } from './provider-context.ts';
import { withRenewalConfs } from './renewal-confs.ts';

/** Milliseconds that reconciling may take beside waiting for the name servers, twice, for each batch of certificates. */
const ROUND_LIMIT_MS = 15 * 60_000;

/** Everything that reconciling acts with. Nothing is asked or opened yet. */
export function assembleDeps(
  config: IngressConfig,
  { clock, serve, log, warnOf }: Pick<Deps, 'clock' | 'serve' | 'log' | 'warnOf'>,
): Deps {
  const { letsencryptDir, provider } = config;
  const files = createProviderFiles(letsencryptDir, provider.name);
  // A pause between two calls is no news; a wait is.
  const levelOf = ({ waitMs }: ProviderWait) => (waitMs < 1000 ? 'info' : 'warn');
  const onWait = (wait: ProviderWait) =>
    log[levelOf(wait)](
      { event: 'waiting', for: 'provider', provider: provider.name, ...wait },
      describeWait(provider.title, wait),
    );
  const warn = (sentence: string) => log.warn({ event: 'warning' }, sentence);
  const outside = assembleOutside(config, { clock, files, onWait, warn }, warn);
  return {
    ...outside,
    store: withRenewalConfs(config, outside, log),
    spec: goalFor(config, outside),
    caaOwners: caaOwnersOf(outside.authorities),
    journalOf: (domain) => createChallengeJournal(letsencryptDir, domain, warn),
    serve,
    random: Math.random,
    newId: randomUUID,
    log,
    warn: once(warn),
    warnOf,
    shared: emptySharedState(),
  };
}

/** Milliseconds after which a run of reconcile that hangs is given up. */
export function roundLimitMs({ certificates }: IngressConfig, { spec }: Deps): number {
  const batches = Math.ceil(certificates.length / CERTIFICATES_AT_ONCE);
  return batches * (ROUND_LIMIT_MS + 2 * spec.propagationTimeoutMs);
}

/** A certificate to manage, with a log whose every line names it. */
export function manageLogged(names: Names, log: Log): ManagedCertificate {
  const [domain, ...others] = names;
  return manageCertificate(names, log.child(others.length > 0 ? { domain, names } : { domain }));
}
