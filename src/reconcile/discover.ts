import type { Authority } from '../acme/issuance.ts';
import { allAddresses, lookUpAddresses, type Resolver } from '../dns/resolver.ts';
import { isIngressError, messageOf } from '../errors.ts';
import { friendlyName } from '../records/alias.ts';
import type { CaaOwner } from '../records/desired.ts';
import type { Gateway, RecordFacts } from '../records/name-records.ts';
import type { Authorities, ReadDeps } from './deps.ts';

/** What the desired records depend on, as far as it is known. */
export interface Facts {
  readonly gateway: Gateway;
  /** Undefined when it is unknown what the records of any name are. */
  readonly records: RecordFacts | undefined;
  /** Why it is unknown. */
  readonly failure: unknown;
  /** Our identity is unknown: it decides the records, not the certificates. */
  readonly isUnidentified: boolean;
}

/**
 * Asks the guest agent who we are and the resolvers where the gateway is, and, for CAA records, the
 * CAs for our accounts, which are registered where there is none. Rejects with the signal's reason
 * only.
 */
export async function discover(deps: ReadDeps, signal: AbortSignal): Promise<Facts> {
  const lookingUp = lookUpGateway(deps, signal);
  try {
    const [identity, gateway] = await Promise.all([deps.identify(signal), lookingUp]);
    if (identity.warning !== undefined) deps.warn(identity.warning.sentence);
    const caa = deps.spec.setCaa ? await deps.caaOwners(signal) : undefined;
    const records = { appId: identity.appId, gateway, caa };
    return { gateway, records, failure: undefined, isUnidentified: false };
  } catch (failure) {
    signal.throwIfAborted();
    const isUnidentified =
      isIngressError(failure, 'IDENTITY_UNKNOWN') || isIngressError(failure, 'GUEST_AGENT_FAILED');
    return { gateway: await lookingUp, records: undefined, failure, isUnidentified };
  }
}

/**
 * Looks up every name of the gateway concurrently. A failed look-up decides nothing: the published
 * alias stays.
 */
async function lookUpGateway({ spec, resolver }: ReadDeps, signal: AbortSignal): Promise<Gateway> {
  const { gatewayDomain, injectedGateway } = spec;
  const injected = injectedGateway === undefined ? undefined : `_.${injectedGateway}`;
  const lookUp = async (name: string | undefined) =>
    name === undefined ? undefined : lookUpName(name, resolver, signal);
  const [configured, friendly, other] = await Promise.all([
    lookUpName(gatewayDomain, resolver, signal),
    lookUp(friendlyName(gatewayDomain)),
    lookUp(injected === gatewayDomain ? undefined : injected),
  ]);
  return {
    gatewayDomain,
    ...configured,
    configured: addressesOf(configured),
    friendly: addressesOf(friendly),
    injected: addressesOf(other),
  };
}

type LookUp = Pick<Gateway, 'addresses' | 'failure'>;

async function lookUpName(name: string, resolver: Resolver, signal: AbortSignal): Promise<LookUp> {
  try {
    return { addresses: await lookUpAddresses(name, resolver, signal), failure: undefined };
  } catch (thrown) {
    return { addresses: undefined, failure: messageOf(thrown) };
  }
}

function addressesOf(found: LookUp | undefined): readonly string[] | undefined {
  return found?.addresses && allAddresses(found.addresses);
}

/**
 * The accounts that CAA records permit, at every CA that may be asked; an account is registered
 * where there is none. A CA that is down does not keep the records of the others back: it issues
 * nothing meanwhile. Throws the first CA's error when no account is known, and every error that
 * does not pass by itself.
 */
export function caaOwnersOf({ primary, fallback, staging }: Authorities) {
  return async (signal: AbortSignal): Promise<CaaOwner[]> => {
    const issuing = [primary, fallback?.authority].filter((authority) => authority !== undefined);
    const found = await Promise.allSettled(issuing.map((authority) => ownerAt(authority, signal)));
    signal.throwIfAborted();
    const owners = found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failures = found.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const lasting = failures.find((failure) => !isOutage(failure));
    if (failures.length > 0 && (owners.length === 0 || lasting)) throw lasting ?? failures[0];
    return staging ? [...owners, ...(await stagingOwner(staging, signal))] : owners;
  };
}

async function stagingOwner(staging: Authority, signal: AbortSignal): Promise<CaaOwner[]> {
  try {
    return [await ownerAt(staging, signal)];
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isOutage(thrown)) throw thrown;
    return [];
  }
}

function isOutage(thrown: unknown): boolean {
  return isIngressError(thrown) && thrown.code.startsWith('ACME_') && thrown.retryable;
}

async function ownerAt({ client }: Authority, signal: AbortSignal): Promise<CaaOwner> {
  const accountUrl = await client.accountUrl(signal);
  const issuer = await client.caaIdentity(signal);
  return { accountUrl, issuer, ended: await client.endedAccountUrls() };
}
