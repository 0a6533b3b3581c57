import { basename } from 'node:path';
import type { CertificateBundle, CertificateNames } from '../../certificates/certificate.ts';
import type { CertificateStore } from '../../certificates/store.ts';
import { keepRenewalConf } from '../../certificates/write-renewal-conf.ts';
import type { Emit } from '../../events.ts';
import type { Deps } from '../../reconcile/deps.ts';
import { originOf } from '../../reconcile/renewal.ts';
import type { IngressConfig } from './configuration.ts';
import { accountsAt } from './external-deps.ts';
import { remembered } from './remembered.ts';

/**
 * Milliseconds for which an account is cached: finding it searches the certificates of all names.
 */
const ACCOUNT_MS = 60_000;

/**
 * A store that writes certbot's renewal/*.conf for every certificate when it is first read and
 * whenever it is saved, so that certbot can take over again. A failure is only a warning. An
 * account that its CA has not opened yet is of no use to certbot, so the file is written once the
 * account is open.
 */
export function withRenewalConfs(
  config: IngressConfig,
  { store, authorities, clock }: Pick<Deps, 'store' | 'authorities' | 'clock'>,
  emit: Emit,
): CertificateStore {
  // Certbot does not read the directory of staging certificates.
  if (config.usesStaging) return store;
  const accounts = new Map(
    [authorities.primary, authorities.fallback?.authority].flatMap((authority) => {
      if (!authority) return [];
      const { load } = accountsAt(config, authority.directoryUrl, { clock, store });
      return [[authority, remembered(load, ACCOUNT_MS, clock)]];
    }),
  );
  const written = new Set<string>();

  async function writeConfs(
    names: CertificateNames,
    bundle: CertificateBundle,
    signal: AbortSignal,
  ): Promise<void> {
    const origin = await originOf(authorities, names, bundle);
    const found = await accounts.get(origin)?.(signal);
    if (found?.url === undefined) return;
    const { directoryUrl } = origin;
    // certbot's plugins have the names of our providers.
    const authenticator = `dns-${config.provider.name}`;
    const terms = { account: basename(found.path), directoryUrl, authenticator };
    for (const lineage of await store.lineages(names)) {
      const written = await keepRenewalConf(config.letsencryptDir, lineage, names, terms);
      if (written === undefined) continue;
      emit({ type: 'renewal-conf-written', domain: names[0], ...written });
    }
    written.add(names.join());
  }

  async function writeSafely(names: CertificateNames, bundle: CertificateBundle): Promise<void> {
    try {
      await writeConfs(names, bundle, new AbortController().signal);
    } catch (error) {
      emit({ type: 'renewal-conf-not-written', domain: names[0], error });
    }
  }

  return {
    ...store,
    async load(names) {
      const bundle = await store.load(names);
      if (bundle !== undefined && !written.has(names.join())) await writeSafely(names, bundle);
      return bundle;
    },
    async save(names, bundle) {
      await store.save(names, bundle);
      await writeSafely(names, bundle);
    },
  };
}
