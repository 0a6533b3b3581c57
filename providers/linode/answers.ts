import * as z from 'zod';

/**
 * Schemas of the API's responses, as far as this program reads them; every response is parsed by
 * one, so that the page of an intercepting proxy never counts as an empty zone.
 */

/** One page of a list (https://techdocs.akamai.com/linode-api/reference/pagination). */
export function page<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    page: z.int().positive(),
    pages: z.int().nonnegative(),
    results: z.int().nonnegative(),
  });
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const number = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);

/** https://techdocs.akamai.com/linode-api/reference/get-domains */
export const domain = z.object({
  id: z.int(),
  domain: z.string(),
  /** `master`, or `slave`, whose records come from another server. */
  type: z.string(),
  /** `active`, `disabled`, and the undocumented `edit_mode` and `has_errors`. */
  status: z.string(),
  /** Seconds; the TTL of records without their own. 0 means Linode's default. */
  ttl_sec: number,
});
export type ApiDomain = z.infer<typeof domain>;

/** https://techdocs.akamai.com/linode-api/reference/get-domain-records */
export const record = z.object({
  id: z.int(),
  type: z.string(),
  /** Relative to the domain, empty at the apex. */
  name: text,
  target: text,
  /** Seconds, or 0 for the domain's default. */
  ttl_sec: number,
  /** Of CAA records. */
  tag: text,
  priority: number,
  weight: number,
  port: number,
});
export type ApiRecord = z.infer<typeof record>;

/** The response to a removal: an empty object. */
export const nothing = z.object({});

/** Every error response (https://techdocs.akamai.com/linode-api/reference/errors). */
export const failure = z.object({
  errors: z.array(z.object({ reason: z.string(), field: z.string().nullish() })).min(1),
});
