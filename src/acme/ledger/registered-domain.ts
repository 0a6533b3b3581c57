import { getDomain } from 'tldts';
import { baseName } from '../../dns/name.ts';

/**
 * The registered domain of a name as certificate authorities count it: by the whole public suffix list, its private part too; a name
 * that is a public suffix stands for itself. Only needed where `limits.perDomain` holds, and to be imported late, since the list is large.
 * Pure.
 */
export function registeredDomain(name: string): string {
  const base = baseName(name);
  const options = { allowPrivateDomains: true, extractHostname: false, validateHostname: false };
  return getDomain(base, options) ?? base;
}
