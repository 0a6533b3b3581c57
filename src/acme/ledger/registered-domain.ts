import { getDomain } from 'tldts';
import { baseName } from '../../dns/name.ts';

/**
 * The registered domain of a name as CAs determine it: from the whole public suffix list, including
 * its private part. A name that is itself a public suffix is its own registered domain. Import it
 * only when needed (`limits.perDomain`): the list is large. Pure.
 */
export function registeredDomain(name: string): string {
  const base = baseName(name);
  const options = { allowPrivateDomains: true, extractHostname: false, validateHostname: false };
  return getDomain(base, options) ?? base;
}
