import type { Authority } from '../acme/issuance.ts';
import { allAddresses, lookUpAddresses, type Resolver } from '../dns/resolver.ts';
import { isIngressError, messageOf } from '../errors.ts';
import { friendlyName } from '../records/alias.ts';
import type { CaaOwner } from '../records/desired.ts';
import type { Gateway, RecordFacts } from '../records/name-records.ts';
import type { Authorities, ReadDeps } from './deps.ts';

/** What the desired records depend on, as far as known. */
export interface Facts {
  readonly gateway: Gateway;
  /** Undefined if the desired records are unknown. */
  readonly records: RecordFacts | undefined;
  /** Why they are unknown. */
  readonly failure: unknown;
  /** Whether our identity is unknown. The records depend on it, the certificates do not. */
  readonly isUnidentified: boolean;
}

/**
 * Requests our identity from the guest agent, looks up the gateway, and, for CAA records,
 * determines our accounts at the CAs and registers missing ones. Rejects only with the signal's
 * reason.
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
 * Looks up every name of the gateway concurrently. A failed lookup decides nothing: the published
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
 * The accounts that CAA records permit, at every configured CA; missing ones are registered. A CA
 * that is down does not delay the records for the others, because it issues nothing in the
 * meantime. Throws the first CA's error if no account is known, and any error that is not an
 * outage.
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
