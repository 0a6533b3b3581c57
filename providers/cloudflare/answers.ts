import * as z from 'zod';

/**
 * Schemas of the API's responses, as far as this program reads them; every response is parsed by
 * one. The SDK alone would accept an HTML page as a result without a value, and a list without a
 * value as an empty zone.
 */

const page = z.object({ total_count: z.number().optional() }).nullish();

/**
 * The envelope of every success
 * (https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/).
 */
export function success<T extends z.ZodType>(result: T) {
  return z.object({ success: z.literal(true), result, result_info: page });
}

const fault = z.object({ code: z.number(), message: z.string() });

/**
 * The envelope of every error response. `error_chain` holds the root cause if an older part of the
 * API responds.
 */
export const failure = z.object({
  errors: z.array(fault.extend({ error_chain: z.array(fault).nullish() })).min(1),
});

/** https://developers.cloudflare.com/api/resources/zones/methods/list/ */
export const zone = z.object({ id: z.string(), name: z.string(), status: z.string().nullish() });
export type ApiZone = z.infer<typeof zone>;

/** https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/list/ */
export const record = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string().nullish(),
  /** Seconds, or 1 for "automatic". */
  ttl: z.number(),
  proxied: z.boolean().nullish(),
  /** The fields of structured types such as CAA. */
  data: z.record(z.string(), z.unknown()).nullish(),
});
export type ApiRecord = z.infer<typeof record>;

const written = z
  .array(record)
  .nullish()
  .transform((list) => list ?? []);

/** The records that a batch wrote, each list in the order of the request. */
export const batch = z.object({ puts: written, posts: written });
export type ApiBatch = z.infer<typeof batch>;

/** https://developers.cloudflare.com/api/resources/user/subresources/tokens/methods/verify/ */
export const token = z.object({ status: z.string() });
