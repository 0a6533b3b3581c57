import { join } from 'node:path';
import pkg from '../../../package.json' with { type: 'json' };
import type { ProviderContext } from '../../../providers/shared/context.ts';
import { type AccountStore, createAccountStore } from '../../acme/account-store.ts';
import { createAcmeClient } from '../../acme/client.ts';
import type { Authority } from '../../acme/issuance.ts';
import { createLedger } from '../../acme/ledger/ledger.ts';
import { limitsOf } from '../../acme/ledger/limits.ts';
import { createOrderStore } from '../../acme/ledger/order-store.ts';
import { createCertificateStore } from '../../certificates/store.ts';
import { servedNames } from '../../config/served-names.ts';
import { query } from '../../dns/query.ts';
import { createResolver, systemResolvers } from '../../dns/resolver.ts';
import { findGuestAgent, missingSocket } from '../../dstack/agent.ts';
import { identify } from '../../dstack/identity.ts';
import { createOutgoing, type Outgoing } from '../../net/outgoing.ts';
import type { Authorities, Deps, Spec } from '../../reconcile/deps.ts';
import type { IngressConfig } from './configuration.ts';
import { remembered } from './remembered.ts';
import { withVariables } from './with-variables.ts';

/**
 * The dependencies that all certificates share: one identity, one provider with its call budget,
 * one account at each CA.
 */
export type ExternalDeps = Pick<
  Deps,
  'identify' | 'provider' | 'resolver' | 'query' | 'authorities' | 'store' | 'clock'
>;

/**
 * Milliseconds for which the guest agent's answer is cached, so that concurrent reconciliations
 * call it once.
 */
const IDENTITY_MS = 60_000;

/**
 * Assembles the clients of everything outside this process. Sends and opens nothing yet.
 * `context.warn` also reports files that cannot be read.
 */
export function assembleExternal(
  config: IngressConfig,
  context: Omit<ProviderContext, 'outgoing'>,
): ExternalDeps {
  const { clock, warn } = context;
  const outgoing = outgoingFor(config);
  const store = createCertificateStore(storeRoot(config), { noStaging: !config.usesStaging, clock, warn });
  return {
    identify: remembered(
      (signal) =>
        identify(findGuestAgent(config.guestAgent), config.appId, signal, missingSocket(config.guestAgent)),
      IDENTITY_MS,
      clock,
    ),
    provider: withVariables(
      config.provider.open(config.providerSettings, { ...context, outgoing }),
      servedNames(config),
    ),
    resolver: createResolver(config.resolvers ?? systemResolvers()),
    query,
    authorities: assembleAuthorities(config, { clock, store, warn, outgoing }),
    store,
    clock,
  };
}

function outgoingFor({ httpsProxy, noProxy = '' }: IngressConfig): Outgoing {
  return createOutgoing(httpsProxy && { url: httpsProxy.url.reveal(), host: httpsProxy.host, noProxy });
}

/**
 * Staging certificates have a directory of their own, so that switching to staging and back neither
 * serves one as real nor orders a new one.
 */
function storeRoot({ letsencryptDir, usesStaging }: IngressConfig): string {
  return usesStaging ? join(letsencryptDir, 'dstack-ingress', 'staging') : letsencryptDir;
}

interface AuthorityParts extends Pick<Deps, 'clock' | 'store'> {
  readonly outgoing: Outgoing;
  readonly warn: (sentence: string) => void;
}

function assembleAuthorities(config: IngressConfig, deps: AuthorityParts): Authorities {
  const { primary, fallback, staging } = config.authorities;
  return {
    primary: assembleAuthority(config, primary, deps),
    fallback: fallback && { authority: assembleAuthority(config, fallback, deps), afterMs: fallback.afterMs },
    staging: staging && assembleAuthority(config, staging, deps),
  };
}

function assembleAuthority(
  config: IngressConfig,
  { directoryUrl, eab }: IngressConfig['authorities']['primary'],
  { clock, store, warn, outgoing }: AuthorityParts,
): Authority {
  const { letsencryptDir, email } = config;
  const accounts = accountsAt(config, directoryUrl, { clock, store, warn });
  const userAgent = `${pkg.name}/${pkg.version}`;
  const options = { directoryUrl, email, userAgent, accounts, clock, outgoing, warn };
  return {
    directoryUrl,
    client: createAcmeClient(eab === undefined ? options : { ...options, eab }),
    ledger: createLedger(letsencryptDir, directoryUrl, clock, warn),
    orders: createOrderStore(letsencryptDir, directoryUrl, warn),
    limits: limitsOf(directoryUrl),
  };
}

/** The accounts at a CA, with the account that issued the stored certificates first. */
export function accountsAt(
  { certificates, letsencryptDir }: IngressConfig,
  directoryUrl: string,
  { clock, store, warn }: Pick<Deps, 'clock' | 'store'> & Partial<Pick<AuthorityParts, 'warn'>>,
): AccountStore {
  const lineages = async () => {
    const found: string[] = [];
    // In sequence, because there may be a thousand.
    for (const { names } of certificates) found.push(...(await store.lineages(names)));
    return found;
  };
  return createAccountStore(letsencryptDir, directoryUrl, clock, lineages, warn);
}

/**
 * Placeholder for the URL of a future ACME account; without spaces, which CAA parameter values
 * cannot contain (RFC 8659 §4.2).
 */
const NO_ACCOUNT_YET = '(the-account-that-a-start-registers)';

/** The authorities without writes, for `plan`: no ledger entry, no new account. */
export function readOnlyAuthorities({ primary, fallback, staging }: Authorities): Authorities {
  return {
    primary: readOnlyAuthority(primary),
    fallback: fallback && { ...fallback, authority: readOnlyAuthority(fallback.authority) },
    staging: staging && readOnlyAuthority(staging),
  };
}

function readOnlyAuthority(authority: Authority): Authority {
  const { ledger, client } = authority;
  const accountUrl = async () => (await client.storedAccountUrl()) ?? NO_ACCOUNT_YET;
  return {
    ...authority,
    client: { ...client, accountUrl, storedAccountUrl: accountUrl },
    ledger: {
      ...ledger,
      history: () => ledger.peek(),
      write: async () => undefined,
      writeUnless: async () => undefined,
    },
  };
}

/** The part of the configuration that reconcile needs. */
export function specOf(config: IngressConfig, { provider }: Pick<Deps, 'provider'>): Spec {
  const { gatewayDomain, port, txtPrefix, setCaa, keyType, propagationTimeout } = config;
  return {
    gatewayDomain,
    injectedGateway: config.dstackGatewayDomain,
    port,
    txtPrefix,
    addressMode: config.appAddressMode,
    setCaa,
    keyType,
    profile: config.acmeProfile,
    renewDaysBefore: config.renewDaysBefore,
    noStaging: !config.usesStaging,
    propagationTimeoutMs: (propagationTimeout ?? provider.capabilities.propagationSeconds) * 1000,
  };
}
