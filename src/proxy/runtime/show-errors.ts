/**
 * The latest message that a proxy could not parse (management.txt, `show errors`). The format is
 * the same in versions 2.6 to 3.4.
 */
export interface CapturedError {
  readonly client: string;
  /** Milliseconds since it was captured. */
  readonly ageMs: number;
  /** Whether the header exceeded HAProxy's limits, rather than being malformed. */
  readonly tooLarge: boolean;
}

/**
 * With fewer free bytes a buffer counts as full: HAProxy reserves `tune.maxrewrite` and a little
 * more.
 */
const BUFFER_FULL_BYTES = 1_200;

/**
 * Reads the reply to `show errors` for one proxy and direction; undefined if nothing was captured.
 * `maxFields` is tune.http.maxhdr. Pure.
 */
export function readShowErrors(reply: string, maxFields: number): CapturedError | undefined {
  const now = timeIn(/^Total events captured on \[(\S+)\]/m.exec(reply));
  const event = /^ *\[(\S+)\] (?:frontend|backend) .*: invalid (?:request|response)$/m.exec(reply);
  const client = /, src (\S+):\d+$/m.exec(reply)?.[1];
  const buffer = /, (\d+) free,\s+len (\d+), wraps at \d+, error at position (\d+)$/m.exec(reply)?.slice(1);
  const at = timeIn(event);
  if (!buffer || client === undefined || now === undefined || at === undefined) return undefined;
  const [free = 0, length = 0, position = 0] = buffer.map(Number);
  const inHeader = /H1 msg state MSG_(?:RP|RQ|HDR_)/.test(reply);
  const isFull = free < BUFFER_FULL_BYTES && position >= length;
  return {
    client,
    ageMs: now - at,
    tooLarge: inHeader && (isFull || linesBefore(reply, position) >= maxFields),
  };
}

/**
 * The lines of the message up to a position. In the dump each begins with its position; a `+` there
 * marks a continuation.
 */
function linesBefore(reply: string, position: number): number {
  return [...reply.matchAll(/^ {2}(\d+) {2}/gm)].filter(([, start]) => Number(start) <= position).length;
}

/**
 * A time such as `30/Nov/2026:12:22:27.011`, in HAProxy's time zone, which the reply does not name.
 */
function timeIn(match: RegExpExecArray | null): number | undefined {
  const [, day, month, year, time] = /^(\d+)\/(\w+)\/(\d+):(\S+)$/.exec(match?.[1] ?? '') ?? [];
  const parsed = Date.parse(`${day} ${month} ${year} ${time}`);
  return Number.isNaN(parsed) ? undefined : parsed;
}
