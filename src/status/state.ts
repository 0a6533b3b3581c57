import * as z from 'zod';

/**
 * What the ingress is doing, as a fold over its own log: what is logged is what is known, so the two cannot disagree.
 * Times are ISO 8601 in UTC, as in the log.
 */
export interface State {
  readonly pid: number;
  readonly version: string;
  /** The DNS provider's name. */
  readonly provider: string;
  readonly startedAt: string;
  /** Every name that is to be served. */
  readonly names: readonly NameState[];
  /** What is waited for now, in words. */
  readonly waiting?:
    | {
        readonly since: string;
        readonly sentence: string;
        readonly until?: string | undefined;
        /** The name that it is for, where it is for one. */
        readonly domain?: string | undefined;
      }
    | undefined;
  /** A sentence each, once. */
  readonly warnings: readonly string[];
}

/** How one name fares. */
export interface NameState {
  readonly domain: string;
  /** What is served. */
  readonly certificate?: { readonly serial: string; readonly notAfter: string } | undefined;
  /** One that has expired and was not renewed; it may still be what is served. */
  readonly expired?: { readonly serial: string; readonly notAfter: string } | undefined;
  /** When and why it is renewed; without a moment it is due. */
  readonly renewal?: { readonly at?: string; readonly reason: string } | undefined;
  /** The last pass that ended. */
  readonly pass?: { readonly at: string; readonly outcome: 'finished' | 'failed' } | undefined;
  /** Why a certificate that is due is not ordered yet. */
  readonly held?: { readonly until: string; readonly sentence: string } | undefined;
  /** Why the last pass failed, and when it is tried again. */
  readonly failure?:
    | {
        readonly code: string;
        readonly message: string;
        readonly hint: string;
        /** Whether another attempt can succeed without anybody changing anything. */
        readonly retryable: boolean;
        readonly nextAttempt: string;
      }
    | undefined;
}

const time = z.string();

const started = z.object({
  version: z.string(),
  domains: z.array(z.string()),
  provider: z.string(),
  time,
});
const serving = z.object({ serial: z.string(), notAfter: z.string() });
const waiting = z.object({
  msg: z.string(),
  time,
  until: z.string().optional(),
  domain: z.string().optional(),
});
const failed = z.object({
  time,
  nextAttempt: z.string(),
  err: z.object({
    code: z.string().default('UNEXPECTED'),
    message: z.string(),
    hint: z.string().default(''),
    retryable: z.boolean().default(true),
  }),
});
const heldBack = z.object({ until: z.string(), why: z.string() });
const kept = z.object({ until: z.string(), msg: z.string() });
const due = z.object({ msg: z.string() });
const warning = z.object({ msg: z.string(), replaces: z.string().optional() });
const warningOver = z.object({ warning: z.string() });

/** Events of things that are said beside what is being done. */
const NO_STEPS: readonly unknown[] = ['warning', 'warning-over'];

/** A line of the log, as it was written. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The state after a line of the log; undefined until the ingress has started. Pure. */
export function fold(before: State | undefined, line: LogLine, pid: number): State | undefined {
  const event = line['event'];
  if (event === 'starting') {
    const { time: startedAt, domains, ...known } = started.parse(line);
    return { pid, ...known, startedAt, names: domains.map((domain) => ({ domain })), warnings: [] };
  }
  // What HAProxy has to say is about connections, which go on beside what is being done.
  if (before === undefined || line['component'] === 'haproxy') return before;
  // Whatever happens next, the wait before it is over.
  const state = { ...before, waiting: NO_STEPS.includes(event) ? before.waiting : undefined };
  const about = namesOf(line);
  const ofName = (change: Partial<NameState>): State => ({
    ...state,
    names: state.names.map((name) => (about.includes(name.domain) ? { ...name, ...change } : name)),
  });
  switch (event) {
    case 'serving':
      return ofName({ certificate: serving.parse(line), expired: undefined });
    case 'certificate-expired':
      return ofName({ expired: serving.parse(line) });
    case 'certificate-kept': {
      const { until, msg: reason } = kept.parse(line);
      return ofName({ renewal: { at: until, reason } });
    }
    case 'renewal-due':
      return ofName({ renewal: { reason: due.parse(line).msg } });
    case 'waiting': {
      const { msg, until, domain, time: since } = waiting.parse(line);
      const more = { ...(until === undefined ? {} : { until }), ...(domain === undefined ? {} : { domain }) };
      return { ...state, waiting: { since, sentence: msg, ...more } };
    }
    case 'order-held-back': {
      const { until, why: sentence } = heldBack.parse(line);
      return ofName({ held: { until, sentence } });
    }
    case 'order':
    case 'certificate-issued':
      return ofName({ held: undefined });
    case 'pass-finished':
      return ofName({ pass: { at: String(line['time']), outcome: 'finished' }, failure: undefined });
    case 'pass-failed': {
      const { err, nextAttempt, time: at } = failed.parse(line);
      const known = ofName({ pass: { at, outcome: 'failed' }, failure: { ...err, nextAttempt } });
      // What is lost stays lost, although the next pass has nothing to complain of.
      return err.code === 'ZONE_DAMAGED' ? withWarning(known, `${at}: ${err.message} ${err.hint}`) : known;
    }
    case 'warning': {
      const { msg, replaces } = warning.parse(line);
      return withWarning(withoutWarning(state, replaces), msg);
    }
    case 'warning-over':
      return withoutWarning(state, warningOver.parse(line).warning);
    default:
      return state;
  }
}

/** The names that a line is about: those of a certificate, or one. */
function namesOf({ names, domain }: LogLine): readonly unknown[] {
  return Array.isArray(names) ? names : [domain];
}

function withWarning(state: State, sentence: string): State {
  return { ...state, warnings: [...new Set([...state.warnings, sentence])] };
}

function withoutWarning(state: State, sentence: string | undefined): State {
  return { ...state, warnings: state.warnings.filter((one) => one !== sentence) };
}
