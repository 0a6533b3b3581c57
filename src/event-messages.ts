import { isIngressError } from './errors.ts';
import type { EventOf, EventType, IngressEvent, PropagationOutcome } from './events.ts';

/** How an event is logged: its line, and its sentence, which the status shows too. */
interface Message<E> {
  readonly level: Level | ((event: E) => Level);
  /**
   * The event's old name, which the log uses until the next release; the line has the new one in
   * `renamed`.
   */
  readonly loggedAs?: string;
  /** Logged as `warning`, and shown by the status among the warnings. */
  readonly isWarning?: true;
  /** The other fields of the line, in this order. */
  readonly fields: (event: E) => Readonly<Record<string, unknown>>;
  readonly sentence: (event: E) => string;
}

/** The level of a log line. */
type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

type Messages = { readonly [T in EventType]: Message<EventOf<T>> };

/** The log line and sentence of every event. */
const eventMessages: Messages = {
  starting: {
    level: 'info',
    fields: ({ version, domains, provider, directoryUrl }) => ({ version, domains, provider, directoryUrl }),
    sentence: () => 'starting',
  },
  'https-proxy': {
    level: 'info',
    fields: ({ proxy, noProxy }) => ({ proxy, noProxy }),
    sentence: ({ proxy }) => `HTTPS goes through the proxy ${proxy}`,
  },
  stopping: {
    level: 'info',
    fields: ({ signal }) => ({ signal }),
    sentence: () => 'stopping; open connections may finish',
  },
  stopped: { level: 'info', fields: () => ({}), sentence: () => 'stopped' },
  'proxy-not-started': {
    level: 'fatal',
    fields: withError,
    sentence: () => 'HAProxy could not be started; exiting',
  },
  up: {
    level: 'info',
    fields: ({ name }) => ({ domain: name }),
    sentence: ({ announcement }) => announcement,
  },
  'volume-tidied': {
    level: 'info',
    fields: ({ removed }) => ({ removed }),
    sentence: () => 'removed temporary files that a crash had left on the volume',
  },
  'volume-not-tidied': {
    level: 'debug',
    fields: withError,
    sentence: () =>
      'temporary files that a crash left on the volume could not be removed; the next start retries',
  },
  'volume-not-writable': {
    level: 'warn',
    fields: withError,
    sentence: ({ certificate }) =>
      certificate === undefined
        ? 'volume not writable: no order can be recorded, so no certificate can be ordered'
        : 'volume not writable: a new certificate could not be stored',
  },
  'evidence-failed': {
    level: ({ during }) => (during === 'listen' ? 'error' : 'warn'),
    fields: ({ url, error }) => ({ url, err: error }),
    sentence: ({ during }) => evidenceFailed[during],
  },
  'renewal-conf-written': {
    level: 'info',
    fields: ({ domain, path }) => ({ domain, path }),
    sentence: ({ path, wasEmpty }) =>
      wasEmpty
        ? `filled in ${path}: it was empty, as a failed certbot leaves it, and every "certbot renew" would have failed`
        : `wrote ${path}, so that certbot can renew this certificate later`,
  },
  'renewal-conf-not-written': {
    level: 'warn',
    fields: ({ domain, error }) => ({ domain, err: error }),
    sentence: () =>
      'could not write renewal/*.conf; everything else works, but certbot cannot renew this certificate later',
  },

  warning: {
    level: 'warn',
    fields: ({ subject, replaces }) => ({ subject, replaces }),
    sentence: ({ sentence }) => sentence,
  },
  'warning-over': {
    level: 'info',
    fields: ({ subject, warning }) => ({ subject, warning }),
    sentence: ({ subject }) => `${subject}: the warning no longer applies`,
  },
  'challenge-abandoned': {
    level: 'warn',
    isWarning: true,
    fields: () => ({}),
    sentence: ({ name, zone }) =>
      `the challenge of an earlier attempt at ${name} cannot be removed: the account no longer has the zone ${zone}`,
  },
  'challenge-vanished': {
    level: 'warn',
    isWarning: true,
    fields: ({ name }) => ({ name }),
    sentence: ({ name }) =>
      `the challenge at ${name} has vanished from the zone, which another client writes too; writing it again`,
  },
  'name-taken': {
    level: 'warn',
    isWarning: true,
    fields: ({ name, otherOwner }) => ({ domain: name, rival: otherOwner }),
    sentence: ({ sentence }) => sentence,
  },

  waiting: {
    level: (event) => (event.for === 'provider' && event.waitMs >= LONG_WAIT_MS ? 'warn' : 'info'),
    fields: waitingFields,
    sentence: waitingSentence,
  },

  'reconcile-finished': {
    level: 'info',
    loggedAs: 'pass-finished',
    fields: ({ seconds }) => ({ seconds }),
    sentence: () => 'reconciliation finished',
  },
  'reconcile-failed': {
    level: 'error',
    loggedAs: 'pass-failed',
    fields: ({ step, error, seconds, attempt, nextAttempt }) => ({
      ...{ step, err: error, seconds, attempt, nextAttempt },
    }),
    sentence: ({ step, nextAttempt }) =>
      `reconciliation failed (${step}); retrying at ${toSeconds(nextAttempt)}`,
  },
  'step-failed': {
    level: 'warn',
    fields: ({ step, error }) => ({ step, err: error }),
    sentence: ({ step, stillWaiting }) => `step failed: ${step}${stillWaiting ? '; still waiting' : ''}`,
  },
  progress: {
    level: 'info',
    fields: ({ done, due }) => ({ done, due }),
    sentence: ({ done, due }) => `attempted ${done} of ${due} certificates`,
  },

  'certificate-unusable': {
    level: 'warn',
    fields: withError,
    sentence: () => 'the stored certificate cannot be served; it counts as missing',
  },
  serving: {
    level: 'info',
    fields: ({ name, serial, notAfter, seconds }) => ({ domain: name, serial, notAfter, seconds }),
    sentence: () => 'serving, verified by a handshake',
  },
  'chain-cleaned': {
    level: 'info',
    fields: ({ dropped }) => ({ dropped }),
    sentence: ({ dropped }) =>
      `serving the certificate without chain entries that do not belong to it: ${dropped.join('; ')}`,
  },
  'renewal-scheduled': {
    level: 'info',
    loggedAs: 'certificate-kept',
    fields: ({ until }) => ({ until }),
    sentence: ({ reason }) => reason,
  },
  'renewal-due': { level: 'info', fields: () => ({}), sentence: ({ reason }) => reason },
  'renewal-advice': {
    level: 'info',
    fields: ({ certificateId, start, end, explanationUrl }) => ({
      ...{ certificate: certificateId, start, end, explanationUrl },
    }),
    sentence: ({ start, end }) =>
      `the CA suggests renewal between ${toSeconds(start)} and ${toSeconds(end)} (ARI)`,
  },
  'renewal-advice-failed': {
    level: 'debug',
    fields: withError,
    sentence: () => 'no renewal information (ARI) from the CA; using what is known',
  },
  'certificate-expired': {
    level: 'error',
    fields: ({ serial, notAfter, renewal }) => ({ serial, notAfter, ...renewal }),
    sentence: ({ words, renewal }) =>
      renewal
        ? notRenewed(words, renewal)
        : `the certificate ${words}: it is not served, and a new one is due`,
  },
  'certificate-ends-soon': {
    level: ({ isLastDay }) => (isLastDay ? 'error' : 'warn'),
    fields: ({ serial, notAfter, renewal }) => ({ serial, notAfter, ...renewal }),
    sentence: ({ words, renewal }) => notRenewed(words, renewal),
  },
  order: {
    level: 'info',
    fields: ({ reason }) => ({ reason }),
    sentence: ({ reason }) => `ordering a certificate: ${reason}`,
  },
  'order-opened': {
    level: 'info',
    loggedAs: 'order-created',
    fields: ({ resumed, seconds }) => ({ resumed, seconds }),
    sentence: ({ resumed, createdAt }) =>
      resumed ? `resuming the order created at ${createdAt}` : 'order created',
  },
  'order-deferred': {
    // The end of a stored certificate has events of its own.
    level: ({ failure, isFirst }) => (failure !== undefined && isFirst ? 'warn' : 'info'),
    loggedAs: 'order-held-back',
    fields: ({ until, reason, failure }) => ({ until, why: reason, failure }),
    sentence: ({ until, reason }) => `no order before ${until.toISOString()}: ${reason}`,
  },
  'caa-unclear': {
    level: 'warn',
    fields: withError,
    sentence: ({ error }) =>
      isIngressError(error, 'CAA_FORBIDS')
        ? 'CAA seems to forbid the certificate, but the current one ends soon; ordering anyway'
        : 'CAA check inconclusive; ordering anyway',
  },
  'ledger-failed': {
    level: 'warn',
    fields: withError,
    sentence: () => 'the failure could not be recorded in the ledger',
  },
  'staging-dry-run': {
    level: 'info',
    loggedAs: 'rehearsed',
    fields: ({ directoryUrl }) => ({ directoryUrl }),
    sentence: () => 'dry run passed at the staging CA; continuing with the production CA',
  },
  'certificate-issued': {
    level: 'info',
    fields: ({ serial, notAfter, seconds }) => ({ serial, notAfter, seconds }),
    sentence: () => 'certificate issued',
  },

  'records-published': {
    level: 'info',
    fields: ({ zone, written, removed, seconds }) => ({ zone, written, removed, seconds }),
    sentence: ({ zone }) => `records published in zone ${zone}`,
  },
  'challenge-published': {
    level: 'info',
    fields: ({ names, seconds }) => ({ names, seconds }),
    sentence: () => 'challenge published',
  },
  'records-propagated': { ...propagated('records'), loggedAs: 'records-seen' },
  'challenge-propagated': { ...propagated('challenge'), loggedAs: 'challenge-seen' },
  'challenge-pruned': {
    level: 'info',
    loggedAs: 'challenge-swept',
    fields: ({ names }) => ({ names }),
    sentence: () => 'removed challenges that an earlier attempt had left',
  },
  'challenge-removed': {
    level: 'info',
    fields: ({ names }) => ({ names }),
    sentence: () => 'challenge removed',
  },
  'challenge-retained': {
    level: 'info',
    loggedAs: 'challenge-stays',
    fields: ({ names }) => ({ names }),
    sentence: () =>
      'the challenge stays until the next reconciliation, because each write replaces the whole zone',
  },
  'challenge-not-removed': {
    level: 'warn',
    loggedAs: 'challenge-left',
    fields: withError,
    sentence: () => 'the challenge could not be removed; the next start removes it',
  },
  'name-regained': {
    level: 'info',
    fields: ({ name }) => ({ domain: name }),
    sentence: ({ sentence }) => sentence,
  },
};

/** The row of an event. */
export function messageFor(event: IngressEvent): Message<IngressEvent> {
  // The row is found by the event's own type, so its functions take this event.
  return eventMessages[event.type] as Message<IngressEvent>;
}

/** The event's sentence. Pure. */
export function sentenceOf(event: IngressEvent): string {
  return messageFor(event).sentence(event);
}

/** Old and new names of the events that are logged by their old name in this release. */
export function renamedEvents(): readonly { readonly before: string; readonly now: EventType }[] {
  const rows = Object.entries<{ readonly loggedAs?: string }>(eventMessages);
  return rows.flatMap(([now, { loggedAs }]) =>
    // The keys of the table are the types.
    loggedAs === undefined ? [] : [{ before: loggedAs, now: now as EventType }],
  );
}

/**
 * A wait for the provider of this many milliseconds is logged as a warning; shorter pauses between
 * calls are normal.
 */
const LONG_WAIT_MS = 1000;

const evidenceFailed = {
  listen: '/evidences/ is not served: the evidence server cannot listen on any port of 127.0.0.1',
  request: 'evidence could not be read; the request failed',
  serve: 'the evidence server reported an error',
} as const;

function withError({ error }: { readonly error: unknown }): { readonly err: unknown } {
  return { err: error };
}

function notRenewed(
  words: string,
  { cause, nextAttempt }: EventOf<'certificate-ends-soon'>['renewal'],
): string {
  return [
    `the certificate ${words}, and is not renewed`,
    ...(cause === undefined ? [] : [`: ${cause}`]),
    ...(nextAttempt === undefined ? [] : [`; the next attempt is at ${toSeconds(nextAttempt)}`]),
  ].join('');
}

function propagated(what: 'records' | 'challenge'): Message<PropagationOutcome> {
  return {
    level: 'info',
    fields: ({ zone, servers, by, seconds }) => ({ zone, servers, by, seconds }),
    sentence: ({ by, someSilent }) => {
      const where = someSilent ? 'every name server that answers' : 'every name server';
      return `${what} propagated: served by ${by === 'resolvers' ? 'the resolvers' : where}`;
    },
  };
}

type Waiting = EventOf<'waiting'>;

function waitingFields(event: Waiting): Readonly<Record<string, unknown>> {
  switch (event.for) {
    case 'provider': {
      const { provider, reason, waitMs, until } = event;
      return { for: event.for, provider, reason, waitMs, until };
    }
    case 'resolvers':
      return { for: event.for, name: event.name, until: event.until };
    default: {
      const { servers, seenBy, waitingFor } = event;
      return { for: event.for, servers, seenBy, waitingFor, until: untilOf(event) };
    }
  }
}

/** When the wait ends or changes, if that is known. Pure. */
export function untilOf(event: Waiting): Date | undefined {
  if ('until' in event) return event.until;
  const { resolvers } = event;
  return resolvers && !resolvers.isDue ? resolvers.from : undefined;
}

function waitingSentence(event: Waiting): string {
  switch (event.for) {
    case 'provider': {
      const { title, reason, waitMs, until } = event;
      const why = reason === 'budget' ? "the ingress's own limit of calls is reached" : 'it asked to wait';
      return `waiting ${seconds(waitMs)} s before the next call to ${title}, until ${until.toISOString()}: ${why}`;
    }
    case 'resolvers':
      return `another client has a challenge at ${event.name}, so the CA may have cached an answer without ours; waiting until ${event.until.toISOString()} before asking the CA to validate`;
    default: {
      const { for: what, zone, resolvers } = event;
      if (!resolvers) return `waiting for every name server to serve the ${what}`;
      const sentence = `no name server of ${zone} answers at any address, so outgoing port 53 seems to be filtered or redirected; waiting for the resolvers to return the ${what}`;
      if (resolvers.isDue) return sentence;
      return `${sentence}; they are queried from ${resolvers.from.toISOString()} on, because a resolver that is queried too early caches the absence`;
    }
  }
}

function seconds(ms: number): string {
  return ms < 10_000 ? (Math.ceil(ms / 100) / 10).toFixed(1) : String(Math.ceil(ms / 1000));
}

/** The time without milliseconds. */
function toSeconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, 'Z');
}
