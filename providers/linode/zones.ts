import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import { IngressError } from '../../src/errors.ts';
import { summarize } from '../shared/errors.ts';
import { longestZone } from '../shared/zones.ts';
import type { ApiDomain } from './answers.ts';

/** Chooses the domain of an account for a name. Pure. */

/** A domain of the account, with its canonical name. */
export interface LinodeDomain extends Omit<ApiDomain, 'domain'> {
  readonly name: string;
}

/**
 * The longest domain that contains the name, if its records can be written. A disabled domain is
 * not served, so a shorter one is used instead. A secondary domain (type slave) is served, but its
 * records come from another server.
 */
export function chooseDomain(domains: readonly LinodeDomain[], name: string): LinodeDomain | undefined {
  const served = longestZone(domains.filter(isServed), name);
  return served?.type === 'master' ? served : undefined;
}

/** The error for a name for which no domain was chosen. */
export function domainNotFound(domains: readonly LinodeDomain[], name: string): IngressError {
  const sentence = `No domain of the Linode account can hold ${name}`;
  const longest = longestZone(domains.filter(isServed), name) ?? longestZone(domains, name);
  if (longest) {
    const { type, status } = longest;
    const [reason, obstacle, hint] = isServed(longest)
      ? ['secondary', `is a secondary one (type ${type})`, SECONDARY]
      : ['not-served', `is not served (status ${status})`, NOT_SERVED];
    return new IngressError('ZONE_NOT_FOUND', `${sentence}: the domain ${longest.name} ${obstacle}`, {
      hint,
      details: { reason, domain: longest.name, type, status },
    });
  }
  const sees =
    domains.length > 0 ? `sees ${summarize(domains.map((domain) => domain.name))}` : 'sees none at all';
  return new IngressError('ZONE_NOT_FOUND', sentence, {
    hint: `The token ${sees}. Add the domain at cloud.linode.com > Domains > Create Domain, or let the user of the token see it (User Permissions > Domains).`,
    details: { ...NAME_IN_DOUBT, domains: domains.length },
  });
}

// A domain with errors is served in its last good state, and a write may repair it.
function isServed({ status }: LinodeDomain): boolean {
  return status === 'active' || status === 'has_errors';
}

const SECONDARY =
  'Choose the provider of its primary name server: the records come from there and cannot be written at Linode.';
const NOT_SERVED = 'Enable it: cloud.linode.com > Domains > the menu of the domain > Enable.';
