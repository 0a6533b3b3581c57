import { parse } from 'tldts';

/** A registrable domain in the two parts by which Namecheap calls it. */
export interface DomainParts {
  /** `example.co.uk` */
  readonly domain: string;
  /** `example` */
  readonly sld: string;
  /** `co.uk` */
  readonly tld: string;
}

/**
 * The domain that a registry sells and that holds the name, by the ICANN part of the public suffix list; undefined for a
 * public suffix itself. This file is imported late, since the list is large.
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
