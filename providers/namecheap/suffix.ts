import { parse } from 'tldts';

/** A registrable domain, and the two parts by which the API names it. */
export interface DomainParts {
  /** `example.co.uk` */
  readonly domain: string;
  /** `example` */
  readonly sld: string;
  /** `co.uk` */
  readonly tld: string;
}

/**
 * The registrable domain of a name, by the ICANN section of the public suffix list. Undefined for a
 * public suffix. Import this file only when needed: the list is large.
 */
export function registrableDomain(name: string): DomainParts | undefined {
  const { domain, domainWithoutSuffix, publicSuffix } = parse(name, {
    allowPrivateDomains: false,
    extractHostname: false,
    validateHostname: false,
  });
  if (!domain || !domainWithoutSuffix || !publicSuffix) return undefined;
  return { domain, sld: domainWithoutSuffix, tld: publicSuffix };
}
