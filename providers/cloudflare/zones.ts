import { isWithin } from '../../src/dns/names.ts';
import type { ApiZone } from './answers.ts';

/**
 * The zone that answers for a name: the longest that holds it, by whole labels. Active ones first, since a zone of any
 * other status (pending, moved, deactivated) is not delegated to Cloudflare, and a shorter active one answers in its
 * place. Pure.
 */
export function chooseZone(zones: readonly ApiZone[], name: string): ApiZone | undefined {
  const holding = zones.filter((zone) => isWithin(name, zone.name));
  return holding.toSorted(byPreference)[0];
}

function byPreference(a: ApiZone, b: ApiZone): number {
  return Number(isActive(b)) - Number(isActive(a)) || b.name.length - a.name.length;
}

function isActive(zone: ApiZone): boolean {
  return zone.status === 'active';
}

/** What a list of records asks for, so that one read brings every record of the names and few others. */
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
