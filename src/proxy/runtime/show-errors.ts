/**
 * What HAProxy tells of the latest message that a proxy could not read (management.txt, `show errors`). The words are the same in
 * versions 2.6 to 3.4.
 */
export interface CapturedError {
  readonly client: string;
  /** Milliseconds since. */
  readonly ageMs: number;
  /** Whether it was a header that found no room, and not one with a mistake in it. */
  readonly tooLarge: boolean;
}

/** With less, the buffer counts as full: HAProxy keeps `tune.maxrewrite` and a little. Bytes. */
const BUFFER_FULL_BYTES = 1_200;

/** Reads the reply to `show errors` about one proxy and direction; undefined where there was nothing. `fields` is tune.http.maxhdr. Pure. */
export function readShowErrors(reply: string, fields: number): CapturedError | undefined {
  const asked = timeIn(/^Total events captured on \[(\S+)\]/m.exec(reply));
  const event = /^ *\[(\S+)\] (?:frontend|backend) .*: invalid (?:request|response)$/m.exec(reply);
  const client = /, src (\S+):\d+$/m.exec(reply)?.[1];
  const room = /, (\d+) free,\s+len (\d+), wraps at \d+, error at position (\d+)$/m.exec(reply)?.slice(1);
  const at = timeIn(event);
  if (!room || client === undefined || asked === undefined || at === undefined) return undefined;
  const [free = 0, length = 0, position = 0] = room.map(Number);
  const inHeader = /H1 msg state MSG_(?:RP|RQ|HDR_)/.test(reply);
  const whole = free < BUFFER_FULL_BYTES && position >= length;
  return {
    client,
    ageMs: asked - at,
    tooLarge: inHeader && (whole || linesBefore(reply, position) >= fields),
  };
}

/** Lines of a message up to a position, by the dump of it: each begins with where it stands, a `+` behind that goes on with one. */
function linesBefore(reply: string, position: number): number {
  return [...reply.matchAll(/^ {2}(\d+) {2}/gm)].filter(([, start]) => Number(start) <= position).length;
}

/** `30/Nov/2026:12:22:27.011`, of a clock whose zone is not told. */
function timeIn(match: RegExpExecArray | null): number | undefined {
  const [, day, month, year, time] = /^(\d+)\/(\w+)\/(\d+):(\S+)$/.exec(match?.[1] ?? '') ?? [];
  const parsed = Date.parse(`${day} ${month} ${year} ${time}`);
  return Number.isNaN(parsed) ? undefined : parsed;
}
