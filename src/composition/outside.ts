import pkg from '../../package.json' with { type: 'json' };
import type { ProviderContext } from '../../providers/context.ts';
import { createAccountStore } from '../acme/account-store.ts';
import { createAuthority } from '../acme/authority.ts';
import { createCertificateStore } from '../certificates/store.ts';
import { LETS_ENCRYPT } from '../config/config.ts';
import { createResolver, systemResolvers } from '../dns/resolver.ts';
import { findGuestAgent } from '../guest/agent.ts';
import { identify } from '../guest/identity.ts';
import type { Goal, Parts } from '../reconcile/parts.ts';
import type { IngressConfig } from './configuration.ts';
import { remembered } from './remembered.ts';

/** What every name shares: one identity, one provider with its budget, one account. */
type Outside = Pick<Parts, 'identify' | 'provider' | 'resolver' | 'authority' | 'store' | 'clock'>;

/** Milliseconds for which the guest agent's word is good: the names of one round ask it once. */
const IDENTITY_MS = 60_000;

/** Everything outside this process that is asked, for all names. Nothing is asked or opened yet. */
export function assembleOutside(config: IngressConfig, context: ProviderContext): Outside {
  const { names, letsencryptDir, directoryUrl, email } = config;
  const { clock } = context;
  const store = createCertificateStore(letsencryptDir, { noStaging: isProduction(config), clock });
  const lineages = async () => {
    const found: string[] = [];
    // One after the other, because there may be a thousand.
    for (const name of names) found.push(...(await store.lineages(name)));
    return found;
  };
  const accounts = createAccountStore(letsencryptDir, directoryUrl, clock, lineages);
  const userAgent = `${pkg.name}/${pkg.version}`;
  return {
    identify: remembered(
      (signal) => identify(findGuestAgent(config.guestAgent), config.appId, signal),
      IDENTITY_MS,
      clock,
    ),
    provider: config.provider.open(config.providerSettings, context),
    resolver: createResolver(config.resolvers ?? systemResolvers()),
    authority: createAuthority({ directoryUrl, email, userAgent, accounts, clock }),
    store,
    clock,
  };
}

/** What is asked for, for one of the names. */
export function goalFor(config: IngressConfig, domain: string, { provider }: Pick<Parts, 'provider'>): Goal {
  const { gatewayDomain, port, txtPrefix, setCaa, keyType, propagationTimeout } = config;
  return {
    domain,
    gatewayDomain,
    port,
    txtPrefix,
    setCaa,
    keyType,
    noStaging: isProduction(config),
    propagationTimeoutMs: (propagationTimeout ?? provider.capabilities.propagationSeconds) * 1000,
  };
}

function isProduction({ directoryUrl }: IngressConfig): boolean {
  return directoryUrl === LETS_ENCRYPT;
}
