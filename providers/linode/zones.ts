import { isWithin } from '../../src/dns/names.ts';
import type { ApiDomain } from './answers.ts';

/** A domain whose records can be written, or why the one that answers for the name is none. */
export type Choice =
  | { readonly domain: ApiDomain }
  | { readonly domain: undefined; readonly obstacle: string; readonly hint: string };

/**
 * The domain that answers for a name: the longest that holds it, by whole labels, and that is served. One that is
 * disabled is not, so a shorter one answers in its place. A secondary domain (type slave) is served, but takes its records
 * from somewhere else. Undefined when no domain holds the name. Pure.
 */
export function chooseDomain(domains: readonly ApiDomain[], name: string): Choice | undefined {
  const holding = domains
    .filter(({ domain }) => isWithin(name, domain))
    .toSorted((a, b) => b.domain.length - a.domain.length);
  const [longest] = holding;
  if (!longest) return undefined;
  const served = holding.find(isServed);
  if (served?.type === 'master') return { domain: served };
  if (served) {
    const obstacle = `the domain ${served.domain} is a secondary one (type ${served.type})`;
    return { domain: undefined, obstacle, hint: SECONDARY };
  }
  const obstacle = `the domain ${longest.domain} is not served (status ${longest.status})`;
  return { domain: undefined, obstacle, hint: NOT_SERVED };
}

// One with errors stays served as it last was, and a write may be what mends it.
function isServed({ status }: ApiDomain): boolean {
  return status === 'active' || status === 'has_errors';
}

const SECONDARY =
  'Its records come from its primary name server, so they cannot be written at Linode. Choose the provider of that server.';
const NOT_SERVED = 'Enable it: cloud.linode.com > Domains > the menu of the domain > Enable.';
