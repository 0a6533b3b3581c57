import { isIngressError } from '../errors.ts';
import { messageFor, sentenceOf, untilOf } from '../event-messages.ts';
import type { IngressEvent } from '../events.ts';

/**
 * The state of the ingress, as a fold over its events. Times are ISO 8601 in UTC, as in the log.
 */
export interface State {
  readonly pid: number;
  readonly version: string;
  /** The DNS provider's name. */
  readonly provider: string;
  readonly startedAt: string;
  /** Every name that is to be served. */
  readonly names: readonly NameState[];
  /** The current wait. */
  readonly waiting?:
    | {
        readonly since: string;
        readonly sentence: string;
        readonly until?: string | undefined;
        /** The first name of the certificate that waits, if only one waits. */
        readonly domain?: string | undefined;
      }
    | undefined;
  /** One sentence each, without repetitions. */
  readonly warnings: readonly string[];
}

/** The state of one name. */
export interface NameState {
  readonly domain: string;
  /** The certificate that is served. */
  readonly certificate?: { readonly serial: string; readonly notAfter: string } | undefined;
  /** A certificate that expired without being renewed; it may still be the one that is served. */
  readonly expired?: { readonly serial: string; readonly notAfter: string } | undefined;
  /** When and why the certificate is renewed; without `at` renewal is due now. */
  readonly renewal?: { readonly at?: string; readonly reason: string } | undefined;
  /** How the last reconciliation ended. */
  readonly pass?: { readonly at: string; readonly outcome: 'finished' | 'failed' } | undefined;
  /** Why a due certificate is not ordered yet. */
  readonly held?: { readonly until: string; readonly sentence: string } | undefined;
  /** Why the last reconciliation failed, and when the next one starts. */
  readonly failure?:
    | {
        readonly code: string;
        readonly message: string;
        readonly hint: string;
        /** Whether another attempt can succeed without a change by the operator. */
        readonly retryable: boolean;
        readonly nextAttempt: string;
      }
    | undefined;
}

/** Events that do not end a wait: they have nothing to do with it, or are not logged by default. */
const ASIDE: ReadonlySet<IngressEvent['type']> = new Set([
  'warning',
  'warning-over',
  'renewal-advice-failed',
  'volume-not-tidied',
]);

/**
 * The state after an event that happened at `time`; undefined until the ingress has started. Pure.
 */
export function fold(
  before: State | undefined,
  event: IngressEvent,
  time: string,
  pid: number,
): State | undefined {
  if (event.type === 'starting') {
    const { version, provider, domains } = event;
    const names = domains.map((domain) => ({ domain }));
    return { pid, version, provider, startedAt: time, names, warnings: [] };
  }
  if (before === undefined) return undefined;
  const { isWarning } = messageFor(event);
  // Every other event ends the wait before it.
  const state = isWarning || ASIDE.has(event.type) ? before : { ...before, waiting: undefined };
  return isWarning ? withWarning(state, sentenceOf(event)) : apply(state, event, time);
}

function apply(state: State, event: IngressEvent, time: string): State {
  switch (event.type) {
    case 'serving':
      return withNames(state, [event.name], { certificate: lifeOf(event), expired: undefined });
    case 'certificate-expired':
      return withNames(state, event.certificate, { expired: lifeOf(event) });
    case 'renewal-scheduled':
      return withNames(state, event.certificate, {
        renewal: { at: event.until.toISOString(), reason: sentenceOf(event) },
      });
    case 'renewal-due':
      return withNames(state, event.certificate, { renewal: { reason: sentenceOf(event) } });
    case 'waiting': {
      const until = untilOf(event)?.toISOString();
      const domain = 'certificate' in event ? event.certificate[0] : undefined;
      const more = { ...(until === undefined ? {} : { until }), ...(domain === undefined ? {} : { domain }) };
      return { ...state, waiting: { since: time, sentence: sentenceOf(event), ...more } };
    }
    case 'order-deferred':
      return withNames(state, event.certificate, {
        held: { until: event.until.toISOString(), sentence: event.reason },
      });
    case 'order':
    case 'certificate-issued':
      return withNames(state, event.certificate, { held: undefined });
    case 'reconcile-finished':
      return withNames(state, event.certificate, {
        pass: { at: time, outcome: 'finished' },
        failure: undefined,
      });
    case 'reconcile-failed': {
      const { error, nextAttempt } = event;
      const failure = { ...factsOf(error), nextAttempt: nextAttempt.toISOString() };
      const failed = withNames(state, event.certificate, { pass: { at: time, outcome: 'failed' }, failure });
      // The next reconciliation does not notice the loss, so the warning stays.
      return failure.code === 'ZONE_DAMAGED'
        ? withWarning(failed, `${time}: ${failure.message} ${failure.hint}`)
        : failed;
    }
    case 'warning':
      return withWarning(withoutWarning(state, event.replaces), event.sentence);
    case 'warning-over':
      return withoutWarning(state, event.warning);
    default:
      return state;
  }
}

function factsOf(thrown: unknown): Omit<NonNullable<NameState['failure']>, 'nextAttempt'> {
  if (isIngressError(thrown)) {
    const { code, message, hint, retryable } = thrown;
    return { code, message, hint, retryable };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'UNEXPECTED', message, hint: '', retryable: true };
}

function lifeOf({ serial, notAfter }: { readonly serial: string; readonly notAfter: Date }) {
  return { serial, notAfter: notAfter.toISOString() };
}

/** The state with a change for each of these names. */
function withNames(state: State, names: readonly string[], change: Partial<NameState>): State {
  return {
    ...state,
    names: state.names.map((name) => (names.includes(name.domain) ? { ...name, ...change } : name)),
  };
}

function withWarning(state: State, sentence: string): State {
  return { ...state, warnings: [...new Set([...state.warnings, sentence])] };
}

function withoutWarning(state: State, sentence: string | undefined): State {
  return { ...state, warnings: state.warnings.filter((one) => one !== sentence) };
}
