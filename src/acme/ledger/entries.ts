import * as z from 'zod';

/**
 * The entries of a CA's ledger: one for each step that the CA counts, written before the step, and
 * one for its result. Times are in ISO 8601 and UTC. Pure.
 */

const moment = z.string().refine((text) => !Number.isNaN(Date.parse(text)));
const names = z.array(z.string()).readonly();
/** An opaque id that the entries of one order share. */
const attempt = z.string();
/** When the entry was made. */
const at = moment;

const entrySchema = z.discriminatedUnion('event', [
  /** Before newOrder (RFC 8555 §7.4). */
  z.object({
    ...{ event: z.literal('order'), at, attempt, names },
    /** The ARI id of the certificate to replace (RFC 9773 §5). */
    replaces: z.string().optional(),
  }),
  /**
   * Before the responses to the challenges (RFC 8555 §7.5.1); `names` are the identifiers to
   * validate.
   */
  z.object({ event: z.literal('validate'), at, attempt, names }),
  /** Every authorization of the order is valid. */
  z.object({ event: z.literal('validated'), at, attempt }),
  /** Before finalization. */
  z.object({ event: z.literal('finalize'), at, attempt, names }),
  z.object({ event: z.literal('issued'), at, attempt, names, serial: z.string(), notAfter: moment }),
  z.object({
    ...{ event: z.literal('failed'), at, names, attempt: attempt.optional() },
    /** From src/errors.ts. */
    code: z.string(),
    /**
     * The message, including the CA's own text if it sent any. Entries of early versions have none.
     */
    message: z.string().optional(),
    /** Whether the CA counts it against a limit. */
    refused: z.boolean(),
    /** Names whose authorization failed, if the CA named them. */
    invalid: names.optional(),
    /** False if the preceding finalization certainly issued nothing. */
    counted: z.boolean().optional(),
    /** No order before this time. */
    notBefore: moment.optional(),
  }),
  /** The CA asked to pause all requests (Retry-After of a 503 or 429). */
  z.object({
    ...{ event: z.literal('pause'), at, until: moment },
    /** As in `failed`; entries of early versions have neither. */
    code: z.string().optional(),
    message: z.string().optional(),
  }),
  /** The CA's latest renewal information on a certificate (RFC 9773 §4.2). */
  z.object({
    ...{ event: z.literal('advice'), at },
    /** ARI id. */
    certificate: z.string(),
    start: moment,
    end: moment,
    explanationUrl: z.string().optional(),
    askAgainAt: moment,
  }),
]);

export type LedgerEntry = Readonly<z.infer<typeof entrySchema>>;

/** `Omit`, applied to each member of a union separately. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An entry before the ledger adds its time. */
export type NewEntry = Without<LedgerEntry, 'at'>;

/** Parses a segment, which has one entry per line. Torn and damaged lines are only counted. */
export function readEntries(text: string): { readonly entries: LedgerEntry[]; readonly damaged: number } {
  const lines = text.split('\n').filter((line) => line !== '');
  const entries = lines.flatMap((line) => readEntry(line) ?? []);
  return { entries, damaged: lines.length - entries.length };
}

function readEntry(line: string): LedgerEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/**
 * The entry as of now. If the clock was set back, an entry may lie in the future: it counts as made
 * now, and the times derived from it move by the same amount.
 */
export function asOf(entry: LedgerEntry, now: Date): LedgerEntry {
  const aheadMs = Date.parse(entry.at) - now.getTime();
  if (aheadMs <= 0) return entry;
  const made = { at: now.toISOString() };
  const earlier = (text: string) => new Date(Math.max(Date.parse(text) - aheadMs, 0)).toISOString();
  switch (entry.event) {
    case 'failed':
      return { ...entry, ...made, ...(entry.notBefore && { notBefore: earlier(entry.notBefore) }) };
    case 'pause':
      return { ...entry, ...made, until: earlier(entry.until) };
    case 'advice':
      return { ...entry, ...made, askAgainAt: earlier(entry.askAgainAt) };
    default:
      return { ...entry, ...made };
  }
}
