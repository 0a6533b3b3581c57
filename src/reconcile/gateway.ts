import { type Addresses, allAddresses, lookUpAddresses, type Resolver } from '../dns/resolver.ts';
import { messageOf } from '../errors.ts';
import { friendlyName, type GatewayLookups } from '../records/alias.ts';
import type { Deps } from './deps.ts';

/** What the resolvers know of the gateway. */
export interface Gateway extends Omit<GatewayLookups, 'published'> {
  /** Of the configured name; undefined when the look-up failed. */
  readonly addresses: Addresses | undefined;
  /** Why it failed. */
  readonly failure: string | undefined;
  /** Addresses of the gateway that dstack names; undefined when they are not known, or it names no other one. */
  readonly injected: readonly string[] | undefined;
}

/** Looks up every name that the gateway may have, at the same time. A look-up that fails decides nothing: what is published stays. */
export async function lookUpGateway(
  { spec, resolver }: Pick<Deps, 'spec' | 'resolver'>,
  signal: AbortSignal,
): Promise<Gateway> {
  const { gatewayDomain, injectedGateway } = spec;
  const friendly = friendlyName(gatewayDomain);
  const injected = injectedGateway === undefined ? undefined : `_.${injectedGateway}`;
  const lookUp = async (name: string | undefined) =>
    name === undefined ? undefined : lookUpOne(name, resolver, signal);
  const [own, other, named] = await Promise.all([
    lookUpOne(gatewayDomain, resolver, signal),
    lookUp(friendly),
    lookUp(injected === gatewayDomain ? undefined : injected),
  ]);
  return {
    gatewayDomain,
    ...own,
    configured: known(own),
    friendly: known(other),
    injected: known(named),
  };
}

interface LookedUp {
  readonly addresses: Addresses | undefined;
  readonly failure: string | undefined;
}

async function lookUpOne(name: string, resolver: Resolver, signal: AbortSignal): Promise<LookedUp> {
  try {
    return { addresses: await lookUpAddresses(name, resolver, signal), failure: undefined };
  } catch (thrown) {
    return { addresses: undefined, failure: messageOf(thrown) };
  }
}

function known(found: LookedUp | undefined): readonly string[] | undefined {
  return found?.addresses && allAddresses(found.addresses);
}
