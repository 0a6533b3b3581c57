/**
 * The events of a running program, as one union. The log and the status subscribe to them. The
 * sentence of each event is in event-messages.ts.
 */

/** The names that a certificate is for. They identify it, and it is named after the first. */
export type CertificateNames = readonly [string, ...string[]];

interface OfCertificate {
  readonly certificate: CertificateNames;
}

/** Why an earlier order failed. */
interface PastFailure {
  readonly at: Date;
  /** A code of the error registry. */
  readonly code: string;
  readonly message?: string | undefined;
}

/** The process: its start, its end, and its files. */
type ProcessEvent =
  | {
      readonly type: 'starting';
      readonly version: string;
      /** Every name that is to be served. */
      readonly domains: readonly string[];
      /** The DNS provider's name. */
      readonly provider: string;
      readonly directoryUrl: string;
    }
  | { readonly type: 'https-proxy'; readonly proxy: string; readonly noProxy: string | undefined }
  | { readonly type: 'stopping'; readonly signal: string | undefined }
  | { readonly type: 'stopped' }
  | { readonly type: 'proxy-not-started'; readonly error: unknown }
  /** A name is served for the first time. `announcement` has its URL and its target. */
  | { readonly type: 'up'; readonly name: string; readonly announcement: string }
  /** Temporary files that a crash left were removed. */
  | { readonly type: 'volume-tidied'; readonly removed: readonly string[] }
  | { readonly type: 'volume-not-tidied'; readonly error: unknown }
  /** Without `certificate` the ledger cannot be written. */
  | {
      readonly type: 'volume-not-writable';
      readonly certificate?: CertificateNames | undefined;
      readonly error: unknown;
    }
  | {
      readonly type: 'evidence-failed';
      /** The failed step: opening the port, reading for a request, or the server itself. */
      readonly during: 'listen' | 'request' | 'serve';
      readonly url?: string | undefined;
      readonly error: unknown;
    }
  | {
      readonly type: 'renewal-conf-written';
      /** The first name of the certificate. */
      readonly domain: string;
      readonly path: string;
      /** Whether certbot had left an empty file there. */
      readonly wasEmpty: boolean;
    }
  | { readonly type: 'renewal-conf-not-written'; readonly domain: string; readonly error: unknown };

/** Something the operator should know. The status shows it until it is cleared. */
type WarningEvent =
  | {
      readonly type: 'warning';
      readonly sentence: string;
      /** The subject of the warning; a warning with a subject can be cleared. */
      readonly subject?: string;
      /** The previous warning about the subject. */
      readonly replaces?: string;
    }
  | { readonly type: 'warning-over'; readonly subject: string; readonly warning: string }
  /**
   * The zone of a challenge is no longer in the account, so its record cannot be removed. `zone` is
   * its name or id.
   */
  | { readonly type: 'challenge-abandoned'; readonly name: string; readonly zone: string }
  /** Another client removed a challenge from the zone while it was still needed. */
  | { readonly type: 'challenge-vanished'; readonly name: string }
  /** Another container has the records of a name. */
  | {
      readonly type: 'name-taken';
      readonly name: string;
      /** The other container's app-address. */
      readonly otherOwner: string;
      readonly sentence: string;
    };

/** A wait whose end may be known. */
type WaitEvent =
  | {
      readonly type: 'waiting';
      readonly for: 'provider';
      /** The DNS provider's name, and its name in messages. */
      readonly provider: string;
      readonly title: string;
      /** Our own limit of calls, or the provider's Retry-After. */
      readonly reason: 'budget' | 'asked-to-wait';
      readonly waitMs: number;
      readonly until: Date;
    }
  /** Another client has a challenge at the same name, which the CA's resolvers may have cached. */
  | ({
      readonly type: 'waiting';
      readonly for: 'resolvers';
      readonly name: string;
      readonly until: Date;
    } & OfCertificate)
  | ({ readonly type: 'waiting'; readonly for: 'records' | 'challenge' } & PropagationProgress &
      OfCertificate);

/** How far published records have propagated. */
export interface PropagationProgress {
  readonly zone: string;
  /** How many servers there are, and how many of them serve the records. */
  readonly servers: number;
  readonly seenBy: number;
  /** One sentence for each problem of a pending server. */
  readonly waitingFor: readonly string[];
  /**
   * Set if no server answers: when the resolvers are queried instead, and whether that time has
   * passed.
   */
  readonly resolvers?: { readonly from: Date; readonly isDue: boolean } | undefined;
}

/** Reconciliation of all certificates. */
type ReconcileEvent =
  | ({ readonly type: 'reconcile-finished'; readonly seconds: number } & OfCertificate)
  | ({
      readonly type: 'reconcile-failed';
      readonly step: string;
      readonly error: unknown;
      readonly seconds: number;
      /** How many times in a row it has failed. */
      readonly attempt: number;
      readonly nextAttempt: Date;
    } & OfCertificate)
  /**
   * A step failed in addition to the one that determines the next attempt, or a step that the wait
   * can do without (`stillWaiting`).
   */
  | ({
      readonly type: 'step-failed';
      readonly step: string;
      readonly error: unknown;
      readonly stillWaiting?: boolean;
    } & OfCertificate)
  | { readonly type: 'progress'; readonly done: number; readonly due: number };

/** One certificate: stored, served, renewed, ordered. */
type CertificateEvent =
  | ({ readonly type: 'certificate-unusable'; readonly error: unknown } & OfCertificate)
  | ({
      readonly type: 'serving';
      /** The name that it is served for. */
      readonly name: string;
      readonly serial: string;
      readonly notAfter: Date;
      readonly seconds: number;
    } & OfCertificate)
  | ({ readonly type: 'chain-cleaned'; readonly dropped: readonly string[] } & OfCertificate)
  | ({ readonly type: 'renewal-scheduled'; readonly until: Date; readonly reason: string } & OfCertificate)
  | ({ readonly type: 'renewal-due'; readonly reason: string } & OfCertificate)
  | {
      readonly type: 'renewal-advice';
      /** The unique identifier of RFC 9773 §4.1. */
      readonly certificateId: string;
      readonly start: Date;
      readonly end: Date;
      readonly explanationUrl: string | undefined;
    }
  | { readonly type: 'renewal-advice-failed'; readonly error: unknown }
  /**
   * Found expired on the volume at the start (no `renewal`), or not renewed in time. `words`:
   * `expired 2 days ago, at …`.
   */
  | ({
      readonly type: 'certificate-expired';
      readonly serial: string;
      readonly notAfter: Date;
      readonly words: string;
      readonly renewal?: FailedRenewal;
    } & OfCertificate)
  /** Past its urgent time and not renewed. `words`: `ends in 5 hours, at …`. */
  | ({
      readonly type: 'certificate-ends-soon';
      readonly serial: string;
      readonly notAfter: Date;
      readonly words: string;
      readonly isLastDay: boolean;
      readonly renewal: FailedRenewal;
    } & OfCertificate)
  | ({ readonly type: 'order'; readonly reason: string } & OfCertificate)
  | ({
      readonly type: 'order-opened';
      /** Whether an earlier run opened it. */
      readonly resumed: boolean;
      readonly createdAt: string;
      readonly seconds: number;
    } & OfCertificate)
  | ({
      readonly type: 'order-deferred';
      readonly until: Date;
      readonly reason: string;
      /** Why the previous order failed. */
      readonly failure?: PastFailure | undefined;
      /** Whether no certificate is served until then. */
      readonly isFirst: boolean;
    } & OfCertificate)
  | ({ readonly type: 'caa-unclear'; readonly error: unknown } & OfCertificate)
  | ({ readonly type: 'ledger-failed'; readonly error: unknown } & OfCertificate)
  /** The staging CA has validated the names that are about to be ordered. */
  | ({ readonly type: 'staging-dry-run'; readonly directoryUrl: string } & OfCertificate)
  | ({
      readonly type: 'certificate-issued';
      readonly serial: string;
      readonly notAfter: Date;
      readonly seconds: number;
    } & OfCertificate);

/** Why a certificate has not been renewed yet. */
interface FailedRenewal {
  readonly cause: string | undefined;
  readonly nextAttempt: Date | undefined;
}

/** Records and challenges in the zones. */
type RecordEvent =
  | {
      readonly type: 'records-published';
      /** Its name, or its id if the name is not known. */
      readonly zone: string;
      /** Records as `name TYPE value`. */
      readonly written: readonly string[];
      readonly removed: readonly string[];
      readonly seconds: number;
    }
  | { readonly type: 'challenge-published'; readonly names: readonly string[]; readonly seconds: number }
  | ({ readonly type: 'records-propagated' } & PropagationOutcome & OfCertificate)
  | ({ readonly type: 'challenge-propagated' } & PropagationOutcome & OfCertificate)
  /** Challenges of an earlier attempt were removed. */
  | { readonly type: 'challenge-pruned'; readonly names: readonly string[] }
  | { readonly type: 'challenge-removed'; readonly names: readonly string[] }
  /** Not removed yet, because each write replaces the whole zone. */
  | { readonly type: 'challenge-retained'; readonly names: readonly string[] }
  | { readonly type: 'challenge-not-removed'; readonly error: unknown }
  /** Another container no longer has the records of a name. */
  | { readonly type: 'name-regained'; readonly name: string; readonly sentence: string };

/** Every name server of a zone that answers, or the resolvers, serve the published records. */
export interface PropagationOutcome {
  readonly zone: string;
  readonly servers: number;
  /** Which servers were queried. */
  readonly by: 'name servers' | 'resolvers';
  /** Whether some servers gave no answer and were left out. */
  readonly someSilent: boolean;
  readonly seconds: number;
}

/** Something that happened. `error` is the thrown value, unchanged. */
export type IngressEvent =
  | ProcessEvent
  | WarningEvent
  | WaitEvent
  | ReconcileEvent
  | CertificateEvent
  | RecordEvent;

/** The names of the events. */
export type EventType = IngressEvent['type'];

/** The event or events of one type. */
export type EventOf<T extends EventType> = Extract<IngressEvent, { readonly type: T }>;

/** Reports an event. Never throws. */
export type Emit = (event: IngressEvent) => void;

/** Receives every event, in order. */
export type Subscriber = (event: IngressEvent) => void;

/**
 * Passes each event on to every subscriber. One that throws affects neither the others nor the
 * emitter.
 */
export function emitTo(...subscribers: readonly Subscriber[]): Emit {
  return (event) => {
    for (const subscriber of subscribers) {
      try {
        subscriber(event);
      } catch {
        // Reporting must never stop what is reported.
      }
    }
  };
}
