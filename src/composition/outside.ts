import pkg from '../../package.json' with { type: 'json' };
import type { ProviderContext } from '../../providers/context.ts';
import { createAccountStore } from '../acme/account-store.ts';
import { createAuthority } from '../acme/authority.ts';
import { createCertificateStore } from '../certificates/store.ts';
import { systemClock as clock } from '../clock.ts';
import { LETS_ENCRYPT } from '../config/config.ts';
import { createResolver, systemResolvers } from '../dns/resolver.ts';
import { findGuestAgent } from '../guest/agent.ts';
import { identify } from '../guest/identity.ts';
import type { Parts } from '../reconcile/parts.ts';
import type { IngressConfig } from './configuration.ts';

/** What is asked for, and everything outside this process that is asked about it. Nothing is asked or opened yet. */
export function assembleOutside(
  config: IngressConfig,
  context: ProviderContext,
): Pick<Parts, 'goal' | 'identify' | 'provider' | 'resolver' | 'authority' | 'store' | 'clock'> {
  const { domain, gatewayDomain, port, txtPrefix, setCaa, letsencryptDir, directoryUrl, email } = config;
  const provider = config.provider.open(config.providerSettings, context);
  const propagationTimeoutMs = (config.propagationTimeout ?? provider.capabilities.propagationSeconds) * 1000;
  const noStaging = directoryUrl === LETS_ENCRYPT;
  const store = createCertificateStore(letsencryptDir, { noStaging, clock });
  const accounts = createAccountStore(letsencryptDir, directoryUrl, clock, () => store.lineages(domain));
  const userAgent = `${pkg.name}/${pkg.version}`;
  return {
    goal: {
      domain,
      gatewayDomain,
      port,
      txtPrefix,
      setCaa,
      noStaging,
      propagationTimeoutMs,
    },
    identify: (signal) => identify(findGuestAgent(config.guestAgent), config.appId, signal),
    provider,
    resolver: createResolver(config.resolvers ?? systemResolvers()),
    authority: createAuthority({ directoryUrl, email, userAgent, accounts, clock }),
    store,
    clock,
  };
}
