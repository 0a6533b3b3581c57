import { baseName, challengeName } from '../dns/name.ts';
import type { Zone } from '../dns/provider.ts';
import { delegationFault, findZoneCut } from '../dns/zone-cut.ts';
import type { IngressError } from '../errors.ts';
import { atOnce } from './at-once.ts';
import type { Deps } from './deps.ts';
import type { ServerFinder } from './seen.ts';

/** Milliseconds: it is asked beside the provider, and must not make a start slower. */
const LIMIT_MS = 3000;
const NAMES_AT_ONCE = 10;

type PlacingParts = Pick<Deps, 'ask' | 'shared' | 'warnOf'>;

/**
 * Finds names that would be written into a zone in which the public DNS does not look for them: one that has delegated them away, or
 * one that nobody delegates. What cannot be found out is no fault. A name that nothing speaks against is not looked at again by
 * this process unless `again` says so. Throws the signal's reason only.
 */
export async function findMisplaced(
  parts: PlacingParts,
  zone: Zone,
  names: readonly { readonly name: string; readonly again: boolean }[],
  servers: ServerFinder,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, IngressError>> {
  const { shared } = parts;
  const misplaced = new Map<string, IngressError>();
  const asked = names.filter(({ name, again }) => again || !shared.placed.has(name));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  await atOnce(NAMES_AT_ONCE, asked, async ({ name }) => {
    shared.placed.add(name);
    try {
      const fault = await whyMisplaced(parts, name, zone, servers, limit);
      if (!fault) return;
      misplaced.set(name, fault);
      shared.placed.delete(name);
    } catch {
      // Whoever waits for the records finds out what the matter is, and says it.
      signal.throwIfAborted();
    }
  });
  return misplaced;
}

async function whyMisplaced(
  { ask, warnOf }: PlacingParts,
  name: string,
  zone: Zone,
  servers: ServerFinder,
  signal: AbortSignal,
): Promise<IngressError | undefined> {
  const { name: apex } = zone;
  if (apex === undefined) return undefined;
  const found = await servers(name, zone, signal);
  const { apex: holder, isAuthoritative } = await findZoneCut(challengeName(name), found, ask, signal);
  const fault = holder === apex ? undefined : await faultOf(name, apex, holder);
  if (fault && isAuthoritative) return fault;
  warnOf(`zone of ${name}`, fault && `${fault.message}, say the resolvers; no name server could be asked`);
  return undefined;
}

async function faultOf(name: string, zone: string, holder: string): Promise<IngressError | undefined> {
  // The list of public suffixes is large, and rarely needed.
  const { registeredDomain } = await import('../acme/ledger/registered-domain.ts');
  return delegationFault({ domain: baseName(name), zone, registeredDomain: registeredDomain(zone) }, holder);
}
