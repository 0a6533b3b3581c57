import { canonicalName, isWithin } from '../../src/dns/names.ts';
import { type Decoded, TYPES } from './wire.ts';

/** Which zone of the name server holds a name, by what the server answers. Pure. */

const NOERROR = 0;
const NXDOMAIN = 3;

/**
 * The apex of the zone in which the server looked for a name's SOA record: it answers with that of the name, or says
 * with that of its zone that there is none (RFC 2308 §2). Undefined where it is not authoritative, and where an alias
 * leads elsewhere; then the name itself is no apex, and the one above it is asked for.
 */
export function apexOf(
  name: string,
  { rcode, isAuthoritative, answers, authorities }: Decoded,
): string | undefined {
  if (!isAuthoritative || (rcode !== NOERROR && rcode !== NXDOMAIN)) return undefined;
  const section = answers.length > 0 ? answers : authorities;
  const soa = section.find(({ type }) => type === TYPES.SOA);
  const owner = soa && canonicalName(soa.name);
  if (owner === undefined || !isWithin(name, owner)) return undefined;
  return answers.length === 0 || owner === name ? owner : undefined;
}

/** The delegation that takes a name out of a zone: the nearest to the apex, the name's own included. */
export function cutAbove(name: string, apex: string, cuts: readonly string[]): string | undefined {
  return cuts
    .filter((cut) => cut !== apex && isWithin(cut, apex) && isWithin(name, cut))
    .toSorted((a, b) => a.length - b.length)[0];
}
