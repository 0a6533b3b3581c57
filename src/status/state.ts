import * as z from 'zod';

/**
 * What the ingress is doing, as a fold over its own log: what is logged is what is known, so the two cannot disagree.
 * Times are ISO 8601 in UTC, as in the log.
 */
export interface State {
  readonly pid: number;
  readonly version: string;
  readonly domain: string;
  /** The DNS provider's name. */
  readonly provider: string;
  readonly startedAt: string;
  /** What is served. */
  readonly certificate?: { readonly serial: string; readonly notAfter: string } | undefined;
  /** The last pass that ended. */
  readonly pass?: { readonly at: string; readonly outcome: 'finished' | 'failed' } | undefined;
  /** Why the last pass failed, and when it is tried again. */
  readonly failure?:
    | { readonly code: string; readonly message: string; readonly hint: string; readonly nextAttempt: string }
    | undefined;
  /** What is waited for now, in words. */
  readonly waiting?:
    | { readonly since: string; readonly sentence: string; readonly until?: string | undefined }
    | undefined;
  /** A sentence each, once. */
  readonly warnings: readonly string[];
}

const time = z.string();

const started = z.object({ version: z.string(), domain: z.string(), provider: z.string(), time });
const serving = z.object({ serial: z.string(), notAfter: z.string() });
const waiting = z.object({ msg: z.string(), time, until: z.string().optional() });
const failed = z.object({
  time,
  nextAttempt: z.string(),
  err: z.object({
    code: z.string().default('UNEXPECTED'),
    message: z.string(),
    hint: z.string().default(''),
  }),
});
const warning = z.object({ msg: z.string() });

/** A line of the log, as it was written. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The state after a line of the log; undefined until the ingress has started. Pure. */
export function fold(before: State | undefined, line: LogLine, pid: number): State | undefined {
  const event = line['event'];
  if (event === 'starting') {
    const { time: startedAt, ...known } = started.parse(line);
    return { pid, ...known, startedAt, warnings: [] };
  }
  if (before === undefined) return undefined;
  // Whatever happens next, the wait before it is over.
  const state = { ...before, waiting: event === 'warning' ? before.waiting : undefined };
  switch (event) {
    case 'serving':
      return { ...state, certificate: serving.parse(line) };
    case 'waiting': {
      const { msg, until, time: since } = waiting.parse(line);
      return { ...state, waiting: { since, sentence: msg, ...(until === undefined ? {} : { until }) } };
    }
    case 'pass-finished':
      return { ...state, pass: { at: String(line['time']), outcome: 'finished' }, failure: undefined };
    case 'pass-failed': {
      const { err, nextAttempt, time: at } = failed.parse(line);
      const known = { ...state, pass: { at, outcome: 'failed' as const }, failure: { ...err, nextAttempt } };
      // What is lost stays lost, although the next pass has nothing to complain of.
      return err.code === 'ZONE_DAMAGED' ? withWarning(known, `${at}: ${err.message} ${err.hint}`) : known;
    }
    case 'warning':
      return withWarning(state, warning.parse(line).msg);
    default:
      return state;
  }
}

function withWarning(state: State, sentence: string): State {
  return { ...state, warnings: [...new Set([...state.warnings, sentence])] };
}
