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
import { findGuestAgent, misplacedSocket } from '../../dstack/agent.ts';
import { identify } from '../../dstack/identity.ts';
import { createOutgoing, type Outgoing } from '../../net/outgoing.ts';
import type { Authorities, Deps, Spec } from '../../reconcile/deps.ts';
import type { IngressConfig } from './configuration.ts';
import { remembered } from './remembered.ts';
import { withVariables } from './with-variables.ts';

/** What every certificate shares: one identity, one provider with its budget, one account at each authority. */
export type Outside = Pick<
  Deps,
  'identify' | 'provider' | 'resolver' | 'ask' | 'authorities' | 'store' | 'clock'
>;

/** Milliseconds for which the guest agent's word is good: rounds beside each other ask it once. */
const IDENTITY_MS = 60_000;

/** Everything outside this process that is asked. Nothing is asked or opened yet. `warn` hears of files that cannot be read. */
export function assembleOutside(
  config: IngressConfig,
  context: Omit<ProviderContext, 'outgoing'>,
  warn: (sentence: string) => void,
): Outside {
  const { clock } = context;
  const outgoing = outgoingFor(config);
  const store = createCertificateStore(storeRoot(config), { noStaging: !config.usesStaging, clock, warn });
  return {
    identify: remembered(
      (signal) =>
        identify(findGuestAgent(config.guestAgent), config.appId, signal, misplacedSocket(config.guestAgent)),
      IDENTITY_MS,
      clock,
    ),
    provider: withVariables(
      config.provider.open(config.providerSettings, { ...context, outgoing }),
      servedNames(config),
    ),
    resolver: createResolver(config.resolvers ?? systemResolvers()),
    ask: query,
    authorities: assembleIssuers(config, { clock, store, warn, outgoing }),
    store,
    clock,
  };
}

function outgoingFor({ httpsProxy, noProxy = '' }: IngressConfig): Outgoing {
  return createOutgoing(httpsProxy && { url: httpsProxy.url.reveal(), host: httpsProxy.host, noProxy });
}

/**
 * Certificates of a staging environment have a place of their own, so that going there and back neither serves one as real
 * nor orders a new one.
 */
function storeRoot({ letsencryptDir, usesStaging }: IngressConfig): string {
  return usesStaging ? join(letsencryptDir, 'dstack-ingress', 'staging') : letsencryptDir;
}

interface IssuerParts extends Pick<Deps, 'clock' | 'store'> {
  readonly outgoing: Outgoing;
  readonly warn: (sentence: string) => void;
}

function assembleIssuers(config: IngressConfig, parts: IssuerParts): Authorities {
  const { primary, fallback, dryRun } = config.authorities;
  return {
    primary: assembleIssuer(config, primary, parts),
    fallback: fallback && { issuer: assembleIssuer(config, fallback, parts), afterMs: fallback.afterMs },
    staging: dryRun && assembleIssuer(config, dryRun, parts),
  };
}

function assembleIssuer(
  config: IngressConfig,
  { directoryUrl, eab }: IngressConfig['authorities']['primary'],
  { clock, store, warn, outgoing }: IssuerParts,
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

/** The accounts at a CA; the one that the certificates came from goes first. */
export function accountsAt(
  { certificates, letsencryptDir }: IngressConfig,
  directoryUrl: string,
  { clock, store, warn }: Pick<Deps, 'clock' | 'store'> & Partial<Pick<IssuerParts, 'warn'>>,
): AccountStore {
  const lineages = async () => {
    const found: string[] = [];
    // One after the other, because there may be a thousand.
    for (const { names } of certificates) found.push(...(await store.lineages(names)));
    return found;
  };
  return createAccountStore(letsencryptDir, directoryUrl, clock, lineages, warn);
}

/** Stands where the URL of an ACME account will be; without a space, which no value of a CAA parameter may have (RFC 8659 §4.2). */
const NO_ACCOUNT_YET = '(the-account-that-a-start-registers)';

/** For a look that promises to write nothing: no ledger, no account. */
export function readOnlyIssuers({ primary, fallback, staging }: Authorities): Authorities {
  return {
    primary: readOnlyIssuer(primary),
    fallback: fallback && { ...fallback, issuer: readOnlyIssuer(fallback.issuer) },
    staging: staging && readOnlyIssuer(staging),
  };
}

function readOnlyIssuer(issuer: Authority): Authority {
  const { ledger, client } = issuer;
  const accountUrl = async () => (await client.storedAccountUrl()) ?? NO_ACCOUNT_YET;
  return {
    ...issuer,
    client: { ...client, accountUrl, storedAccountUrl: accountUrl },
    ledger: {
      ...ledger,
      history: () => ledger.peek(),
      write: async () => undefined,
      writeUnless: async () => undefined,
    },
  };
}

/** What is asked for, for all names. */
export function goalFor(config: IngressConfig, { provider }: Pick<Deps, 'provider'>): Spec {
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
