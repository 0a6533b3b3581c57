/**
 * Errors are data: a code from one registry, a sentence for a person, a hint what to do, and whether trying
 * again can help. docs/errors.md is generated from the registry.
 */

/** What is known of an error before it happens. */
export interface ErrorKind {
  /** What went wrong, in one sentence, for the table of errors. */
  readonly meaning: string;
  /** What a person does about it. */
  readonly hint: string;
  /** What a running ingress does about it. */
  readonly byItself?: string;
  /** Whether the same attempt can succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

export const errorRegistry = {
  CONFIG_INVALID: {
    meaning: 'The environment has faults; each is listed with its variable and the remedy.',
    hint: 'Mend the variables that are listed and start again.',
    retryable: false,
  },
  IDENTITY_UNKNOWN: {
    meaning: 'The app id is not known, so the app-address record cannot be written.',
    hint: 'Mount the guest agent into the container (volumes: - /var/run/dstack.sock:/var/run/dstack.sock) or set APP_ID.',
    retryable: true,
  },
  GUEST_AGENT_FAILED: {
    meaning: 'The guest agent is there but did not answer as documented.',
    hint: 'Check that the mounted socket is the dstack guest agent; set APP_ID to go on without it.',
    retryable: true,
  },
  PROVIDER_UNREACHABLE: {
    meaning: "The DNS provider's API could not be reached, or did not answer in time.",
    hint: 'Check the outgoing network of the container.',
    byItself: 'It is tried again by itself.',
    retryable: true,
  },
  PROVIDER_UNAVAILABLE: {
    meaning: "The DNS provider's API answered with an error of its own.",
    hint: 'See the status page of the provider if it lasts.',
    byItself: 'It is tried again by itself.',
    retryable: true,
  },
  PROVIDER_RATE_LIMITED: {
    meaning: 'The DNS provider asks to slow down.',
    hint: 'If it lasts, find out what else uses the same account.',
    byItself: 'It is tried again by itself after the time the provider named.',
    retryable: true,
  },
  PROVIDER_BAD_ANSWER: {
    meaning: "The DNS provider's API answered something that is not in its documentation.",
    hint: 'Check the base URL of the provider and anything (a proxy, a captive portal) that stands between.',
    retryable: true,
  },
  PROVIDER_CREDENTIALS_REJECTED: {
    meaning: 'The DNS provider does not accept the credentials.',
    hint: 'Make new credentials as docs/providers.md says and set them whole.',
    retryable: false,
  },
  PROVIDER_PERMISSION_MISSING: {
    meaning: 'The credentials are good but lack a permission.',
    hint: 'Add the permission that the message names.',
    retryable: false,
  },
  PROVIDER_CONFLICT: {
    meaning: 'The zone changed between reading and writing it.',
    hint: 'If it lasts, somebody else keeps writing the same records.',
    byItself: 'It is read and planned again by itself.',
    retryable: true,
  },
  PROVIDER_REJECTED: {
    meaning: 'The DNS provider refused a record.',
    hint: 'The message is the words of the provider; the record is named beside it.',
    retryable: false,
  },
  ZONE_NOT_FOUND: {
    meaning: 'No zone of the account holds the name.',
    hint: 'Add the zone to the account, or let the token see it.',
    retryable: false,
  },
  ZONE_MISMATCH: {
    meaning: 'The zone that was configured does not hold the name.',
    hint: 'Correct or remove the zone id; without it the zone is found by itself.',
    retryable: false,
  },
  ZONE_NOT_PUBLIC: {
    meaning:
      'The public DNS looks for the name in another zone than the one that it would be written into, so nothing was written.',
    hint: 'Mend the delegation that the message names, or give access to the zone in which the name is looked for.',
    byItself: 'It is looked up again by itself.',
    retryable: false,
  },
  ZONE_NOT_UNDERSTOOD: {
    meaning: 'The zone holds something that a write would lose, so nothing was written.',
    hint: 'Change or remove what the message names at the DNS provider.',
    retryable: false,
  },
  ZONE_DAMAGED: {
    meaning: 'After a write the zone lacks something that nobody asked to touch.',
    hint: 'Restore it from the file that the message names.',
    retryable: false,
  },
  DNS_LOOKUP_FAILED: {
    meaning: 'A DNS look-up failed that the work depends on.',
    hint: 'Check that the resolvers (DNS_RESOLVERS, else those of the system) answer from inside the container.',
    retryable: true,
  },
  PROPAGATION_TIMEOUT: {
    meaning: 'Published records were not seen at every authoritative name server in time.',
    hint: 'Check that the domain is delegated to the name servers of this provider; raise DNS_PROPAGATION_TIMEOUT if it is only slow.',
    retryable: true,
  },
  CHALLENGE_NAME_IS_ALIAS: {
    meaning: 'A CNAME stands at the challenge name, so the CA would look elsewhere.',
    hint: 'Remove the CNAME at the name that the message gives. Where it is there for DELEGATION_ZONE of the older container, keep that container: this version answers challenges in the zone of the name only.',
    retryable: false,
  },
  CAA_FORBIDS: {
    meaning: 'CAA records forbid the certificate, so it was not ordered.',
    hint: 'Add the CAA record that the hint in the log gives in full, or remove the one that it names.',
    byItself: 'It is tried again by itself.',
    retryable: false,
  },
  ACME_UNREACHABLE: {
    meaning: 'The certificate authority could not be reached, or did not answer in time.',
    hint: 'Check the outgoing network of the container.',
    byItself: 'It is tried again by itself.',
    retryable: true,
  },
  ACME_PROBLEM: {
    meaning: 'The certificate authority refused a request.',
    hint: 'The message is the words of the certificate authority.',
    retryable: true,
  },
  ACME_ORDER_FAILED: {
    meaning: 'The certificate authority could not validate the name, or did not issue.',
    hint: 'Read the detail. A CAA record that does not name this account, or name servers that disagree, are the usual causes.',
    retryable: true,
  },
  ACME_SLOW: {
    meaning: 'The certificate authority has not finished in time with what it was asked for.',
    hint: 'See the status page of the certificate authority if it lasts.',
    byItself: 'The same order is gone on with by itself.',
    retryable: true,
  },
  ACME_BAD_ANSWER: {
    meaning: 'The certificate authority answered something that RFC 8555 does not allow.',
    hint: 'Check ACME_DIRECTORY_URL.',
    retryable: true,
  },
  ACME_PROFILE_UNKNOWN: {
    meaning: 'The certificate authority has no certificate profile of the name that is configured.',
    hint: 'Set ACME_PROFILE to one of the profiles that the message lists, or remove it.',
    retryable: false,
  },
  ACME_ACCOUNT_REPLACED: {
    meaning:
      'The account at the certificate authority cannot be used any more (deactivated, revoked, or not the one of the key on the volume), so another one is used.',
    hint: 'Where somebody else keeps CAA records that name the account, or another client uses the volume, they need the new one, which the message names.',
    byItself: 'The certificate is ordered with it in the next round.',
    retryable: true,
  },
  ACME_ACCOUNT_BINDING_MISSING: {
    meaning:
      'The certificate authority opens accounts only for its customers, by an external account binding.',
    hint: 'Set ACME_EAB_KID and ACME_EAB_HMAC_KEY (those that begin with ACME_FALLBACK_EAB for a fallback) to what the certificate authority gave you.',
    retryable: false,
  },
  CLOCK_WRONG: {
    meaning: "The clock differs too much from the certificate authority's for a certificate to be ordered.",
    hint: 'Set the clock of the host. By one that is an hour late a new certificate is not valid yet, by one that is ahead it is renewed too early.',
    byItself: 'It is tried again by itself.',
    retryable: true,
  },
  CERTIFICATE_UNUSABLE: {
    meaning: 'A certificate does not fit: another key, another name, not valid, or not parsable.',
    hint: 'Nothing was replaced.',
    byItself: 'A new one is ordered by itself.',
    retryable: true,
  },
  STORE_FAILED: {
    meaning: 'The certificate volume could not be read or written.',
    hint: 'Check that the volume is mounted, writable and not full.',
    retryable: true,
  },
  PROXY_CONFIG_REJECTED: {
    meaning: 'HAProxy refused its configuration.',
    hint: 'The message is the words of HAProxy. Please report it: no environment should lead here.',
    retryable: false,
  },
  PROXY_START_FAILED: {
    meaning: 'HAProxy could not be started.',
    hint: 'Check that nothing else listens on PORT, and that HAPROXY_BIN is an HAProxy 2.6 or newer (Debian: apt-get install haproxy).',
    retryable: true,
  },
  PROXY_COMMAND_FAILED: {
    meaning: 'HAProxy did not carry out a command on its runtime socket.',
    hint: 'If it lasts, please report it with the words of HAProxy.',
    byItself: 'It is tried again by itself, after a restart of HAProxy if need be.',
    retryable: true,
  },
  HANDSHAKE_FAILED: {
    meaning: 'A TLS handshake with HAProxy did not show the certificate that was just installed.',
    hint: 'If it lasts, check that nothing else uses RUNTIME_DIR.',
    byItself: 'It is tried again by itself.',
    retryable: true,
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorRegistry;

export interface ErrorContext {
  /** Replaces the registry's hint where more is known, and what is said there of what happens by itself. */
  readonly hint?: string;
  /** What a running ingress does about it, beside a hint of its own. */
  readonly byItself?: string;
  /** Replaces the registry's answer where more is known. */
  readonly retryable?: boolean;
  /** Milliseconds that the other side asked to wait before the next attempt (Retry-After). */
  readonly retryAfterMs?: number;
  /** What a log line carries beside the sentence. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error class of this program. */
export class IngressError extends Error {
  override readonly name = 'IngressError';
  readonly code: ErrorCode;
  /** What a person does about it. */
  readonly remedy: string;
  /** The remedy, and what a running ingress does about it. */
  readonly hint: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, sentence: string, context: ErrorContext = {}) {
    super(sentence, context.cause === undefined ? {} : { cause: context.cause });
    this.code = code;
    const kind: ErrorKind = errorRegistry[code];
    const { hint = kind.hint, byItself = context.hint === undefined ? kind.byItself : undefined } = context;
    this.remedy = hint;
    this.hint = fullHint({ hint, byItself });
    this.retryable = context.retryable ?? errorRegistry[code].retryable;
    this.retryAfterMs = context.retryAfterMs;
    this.details = context.details ?? {};
  }
}

/** What is to be done about a kind of error, and what happens by itself. */
export function fullHint({ hint, byItself }: { hint: string; byItself?: string | undefined }): string {
  return byItself === undefined ? hint : `${byItself} ${hint}`;
}

/** Tells whether something thrown is ours and, when given, has this code. */
export function isIngressError(thrown: unknown, code?: ErrorCode): thrown is IngressError {
  return thrown instanceof IngressError && (code === undefined || thrown.code === code);
}

/** The message of anything that can be thrown. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // Of a host with several addresses, none of which can be connected to.
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join('; ');
  return thrown.message;
}
