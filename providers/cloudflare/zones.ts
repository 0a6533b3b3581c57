import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import { IngressError } from '../../src/errors.ts';
import { summarize } from '../shared/errors.ts';
import { longestZone } from '../shared/zones.ts';
import type { ApiZone } from './answers.ts';

/**
 * The zone for a name: the longest active zone that contains it. A zone of another status (pending,
 * moved, deactivated) is not delegated to Cloudflare, so it is chosen only if no active zone
 * contains the name. Pure.
 */
export function chooseZone(zones: readonly ApiZone[], name: string): ApiZone | undefined {
  const active = zones.filter(({ status }) => status === 'active');
  return longestZone(active, name) ?? longestZone(zones, name);
}

/** The error for a name for which no zone was chosen. */
export function zoneNotFound(zones: readonly ApiZone[], name: string): IngressError {
  const seen = summarize(zones.map((zone) => zone.name));
  return new IngressError('ZONE_NOT_FOUND', `The Cloudflare token sees no zone that holds ${name}`, {
    hint: `The token sees ${seen}. Add the zone to the account, or include it in the token's Zone Resources.`,
    details: NAME_IN_DOUBT,
  });
}

/**
 * The filter for a list of records, so that one read returns every record of the names and few
 * others.
 */
export function nameFilter(names: readonly string[]): { exact: string } | { endswith: string } | undefined {
  const [first, ...others] = names;
  if (first === undefined) return undefined;
  if (others.length === 0) return { exact: first };
  const suffix = others.reduce(commonSuffix, first);
  return suffix === '' ? undefined : { endswith: suffix };
}

function commonSuffix(a: string, b: string): string {
  const left = a.split('.').reverse();
  const right = b.split('.').reverse();
  const differs = left.findIndex((label, index) => label !== right[index]);
  const shared = differs === -1 ? left : left.slice(0, differs);
  return shared.reverse().join('.');
}
