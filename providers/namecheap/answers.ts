import * as z from 'zod';

/**
 * Schemas of the API's responses, as far as this program reads them; every response is parsed by
 * one. Attributes are called `@Name`, text `#text`. Objects are loose where unknown parts have to
 * be detected later, because they could not be written back.
 */

/** The envelope of every response (https://www.namecheap.com/support/api/methods/). */
export const envelope = z.object({
  ApiResponse: z.object({
    '@Status': z.enum(['OK', 'ERROR']),
    Errors: z.unknown().optional(),
    // An error response has none.
    CommandResponse: z.unknown().optional(),
  }),
});

const refusal = z.union([
  z.string().transform((text) => ({ '#text': text, '@Number': '' })),
  z.object({ '#text': z.string().default(''), '@Number': z.string().default('') }),
]);

/** The content of `<Errors>` in an error response. */
export const refusals = z.object({ Error: z.array(refusal).min(1) });

const host = z.looseObject({
  '@Name': z.string().min(1),
  '@Type': z.string().min(1),
  '@Address': z.string(),
  '@TTL': z.string().regex(/^\d{1,9}$/),
});
export type ApiHost = z.infer<typeof host>;

const hosts = z.looseObject({
  '@Domain': z.string().min(1),
  '@IsUsingOurDNS': z.string(),
  // The API writes it in lower case, its documentation in upper case.
  host: z.array(host).optional(),
  Host: z.array(host).optional(),
});
export type ApiHosts = z.infer<typeof hosts>;

/** https://www.namecheap.com/support/api/methods/domains-dns/get-hosts/ */
export const gotHosts = z.object({ DomainDNSGetHostsResult: hosts });

/** https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/ */
export const didSetHosts = z.object({
  DomainDNSSetHostsResult: z.object({ '@Domain': z.string(), '@IsSuccess': z.string() }),
});

/**
 * https://www.namecheap.com/support/api/methods/domains/get-list/; an account without domains has
 * an empty list.
 */
export const gotList = z.object({ DomainGetListResult: z.union([z.string(), z.looseObject({})]) });
