/**
 * Every error has a code from one registry, a message, and a hint. docs/errors.md is generated from
 * the registry.
 */

/** The registry's entry for an error code. */
export interface ErrorKind {
  /** The meaning in one sentence, for the table of errors. */
  readonly meaning: string;
  /** The operator's action; begins with a verb. */
  readonly hint: string;
  /** The reaction of a running ingress. */
  readonly byItself?: string;
  /**
   * Whether the same attempt can succeed later without a change by the operator. If it cannot,
   * `health` reports unhealthy rather than starting.
   */
  readonly retryable: boolean;
}

/** The reaction of a running ingress to most errors. */
export const RETRIES = 'The ingress retries by itself.';

/** Every error code, in the order of docs/errors.md. */
export const errorRegistry = {
  CONFIG_INVALID: {
    meaning: 'The configuration is invalid; every fault is listed with its variable and the fix.',
    hint: 'Fix the listed variables and start again.',
    retryable: false,
  },
  IDENTITY_UNKNOWN: {
    meaning: 'The app id is unknown, so the app-address record cannot be written.',
    hint: 'Mount the guest agent into the container (volumes: - /var/run/dstack.sock:/var/run/dstack.sock), or set APP_ID.',
    retryable: true,
  },
  GUEST_AGENT_FAILED: {
    meaning: 'The guest agent did not answer as documented.',
    hint: 'Check that the mounted socket is that of the dstack guest agent, or set APP_ID instead.',
    retryable: true,
  },
  PROVIDER_UNREACHABLE: {
    meaning: "The DNS provider's API could not be reached or did not answer in time.",
    hint: 'Check the outgoing network of the container.',
    byItself: RETRIES,
    retryable: true,
  },
  PROVIDER_UNAVAILABLE: {
    meaning: "The DNS provider's API reported an error on its side.",
    hint: "Check the provider's status page if it persists.",
    byItself: RETRIES,
    retryable: true,
  },
  PROVIDER_RATE_LIMITED: {
    meaning: "The DNS provider's rate limit is reached.",
    hint: 'Find out what else uses the same account if it persists.',
    byItself: 'The ingress retries by itself after the time that the provider asked for.',
    retryable: true,
  },
  PROVIDER_BAD_ANSWER: {
    meaning: "The DNS provider's API gave an answer that its documentation does not describe.",
    hint: 'Check the base URL of the provider, and anything in between (a proxy, a captive portal).',
    retryable: true,
  },
  PROVIDER_CREDENTIALS_REJECTED: {
    meaning: 'The DNS provider rejected the credentials.',
    hint: 'Create new credentials as docs/providers.md describes, and set them in full.',
    retryable: false,
  },
  PROVIDER_PERMISSION_MISSING: {
    meaning: 'The credentials are valid but lack a permission.',
    hint: 'Add the permission that the message names.',
    retryable: false,
  },
  PROVIDER_CONFLICT: {
    meaning: 'The zone changed between reading and writing it.',
    hint: 'Find out what else writes the same records if it persists.',
    byItself: 'The ingress reads the zone again and retries by itself.',
    retryable: true,
  },
  PROVIDER_REJECTED: {
    meaning: 'The DNS provider rejected a record.',
    hint: "Read the provider's reason in the message, and check the record that the message names.",
    retryable: false,
  },
  ZONE_NOT_FOUND: {
    meaning: 'No zone in the account contains the name.',
    hint: 'Add the zone to the account, or give the credentials access to it.',
    retryable: false,
  },
  ZONE_MISMATCH: {
    meaning: 'The configured zone does not contain the name.',
    hint: 'Correct or remove the zone id; without it the ingress finds the zone.',
    retryable: false,
  },
  ZONE_NOT_PUBLIC: {
    meaning:
      'Public DNS serves the name from a zone other than the one to be written, so nothing was written.',
    hint: 'Fix the delegation that the message names, or give access to the zone that serves the name.',
    byItself: 'The ingress checks again by itself.',
    retryable: false,
  },
  ZONE_NOT_UNDERSTOOD: {
    meaning: 'The zone contains something that a write would lose, so nothing was written.',
    hint: 'Change or remove what the message names at the DNS provider.',
    retryable: false,
  },
  ZONE_DAMAGED: {
    meaning: 'After a write, something that the write did not concern is missing from the zone.',
    hint: 'Restore it from the file that the message names.',
    retryable: false,
  },
  DNS_LOOKUP_FAILED: {
    meaning: 'A required DNS lookup failed.',
    hint: 'Check that the resolvers (DNS_RESOLVERS, else those of the system) answer from inside the container.',
    retryable: true,
  },
  PROPAGATION_TIMEOUT: {
    meaning: 'Published records did not reach every authoritative server in time.',
    hint: 'Check that the domain is delegated to the name servers of this provider; raise DNS_PROPAGATION_TIMEOUT if they are only slow.',
    retryable: true,
  },
  CHALLENGE_NAME_IS_ALIAS: {
    meaning: 'There is a CNAME at the challenge name, so the CA would look elsewhere.',
    hint: 'Remove the CNAME at the name that the message gives. If it is there for DELEGATION_ZONE of the older container, keep using that container: this version answers challenges only in the zone of the name.',
    retryable: false,
  },
  CAA_FORBIDS: {
    meaning: 'CAA records forbid the certificate, so it was not ordered.',
    hint: 'Add the CAA record that the hint in the log gives in full, or remove the one that it names.',
    byItself: RETRIES,
    retryable: false,
  },
  ACME_UNREACHABLE: {
    meaning: 'The certificate authority could not be reached or did not answer in time.',
    hint: 'Check the outgoing network of the container.',
    byItself: RETRIES,
    retryable: true,
  },
  ACME_PROBLEM: {
    meaning: 'The certificate authority refused a request.',
    hint: "Read the certificate authority's reason in the message.",
    retryable: true,
  },
  ACME_ORDER_FAILED: {
    meaning: 'The certificate authority could not validate the name, or did not issue.',
    hint: 'Read the detail. The usual causes are a CAA record that does not name this account, and name servers that disagree.',
    retryable: true,
  },
  ACME_SLOW: {
    meaning: 'The certificate authority did not finish in time.',
    hint: "Check the certificate authority's status page if it persists.",
    byItself: 'The ingress continues with the same order by itself.',
    retryable: true,
  },
  ACME_BAD_ANSWER: {
    meaning: 'The certificate authority gave an answer that RFC 8555 does not allow.',
    hint: 'Check ACME_DIRECTORY_URL.',
    retryable: true,
  },
  ACME_PROFILE_UNKNOWN: {
    meaning: 'The certificate authority has no certificate profile with the configured name.',
    hint: 'Set ACME_PROFILE to one of the profiles that the message lists, or remove it.',
    retryable: false,
  },
  ACME_ACCOUNT_REPLACED: {
    meaning:
      'The account at the certificate authority can no longer be used (deactivated, revoked, or not that of the key on the volume), so another one is used.',
    hint: 'Update CAA records that name the ended account, and other clients that use the volume; the message names the new account.',
    byItself: 'The ingress orders the certificate with it in the next reconciliation.',
    retryable: true,
  },
  ACME_ACCOUNT_BINDING_MISSING: {
    meaning:
      'The certificate authority opens accounts only for its customers, by an external account binding.',
    hint: 'Set ACME_EAB_KID and ACME_EAB_HMAC_KEY (for a fallback, those that begin with ACME_FALLBACK_EAB) to the values that the certificate authority gave you.',
    retryable: false,
  },
  CLOCK_WRONG: {
    meaning: "The clock differs too much from the certificate authority's to order a certificate.",
    hint: 'Set the clock of the host. If it is an hour slow, a new certificate is not valid yet; if it is fast, certificates are renewed too early.',
    byItself: RETRIES,
    retryable: true,
  },
  CERTIFICATE_UNUSABLE: {
    meaning: 'A certificate cannot be used: wrong key, wrong name, not valid now, or not parsable.',
    hint: 'Wait for the next certificate: nothing was replaced.',
    byItself: 'The ingress orders a new one by itself.',
    retryable: true,
  },
  STORE_FAILED: {
    meaning: 'The certificate volume could not be read or written.',
    hint: 'Check that the volume is mounted, writable and not full.',
    retryable: true,
  },
  PROXY_CONFIG_REJECTED: {
    meaning: 'HAProxy rejected its configuration.',
    hint: 'Report it with the message, which quotes HAProxy: no configuration should cause it.',
    retryable: false,
  },
  PROXY_START_FAILED: {
    meaning: 'HAProxy could not be started.',
    hint: 'Check that nothing else listens on PORT, and that HAPROXY_BIN is HAProxy 2.6 or newer (Debian: apt-get install haproxy).',
    retryable: true,
  },
  PROXY_COMMAND_FAILED: {
    meaning: 'HAProxy did not carry out a command on its runtime API.',
    hint: 'Report it with the message, which quotes HAProxy, if it persists.',
    byItself: 'The ingress retries by itself, and restarts HAProxy if necessary.',
    retryable: true,
  },
  HANDSHAKE_FAILED: {
    meaning: 'A TLS handshake with HAProxy did not present the certificate that was just installed.',
    hint: 'Check that nothing else uses RUNTIME_DIR if it persists.',
    byItself: RETRIES,
    retryable: true,
  },
} as const satisfies Record<string, ErrorKind>;

/** A code of the registry. */
export type ErrorCode = keyof typeof errorRegistry;

/** What an error adds to the entry of its code. */
export interface ErrorContext {
  /** Replaces the registry's hint, and its `byItself`, if more is known. */
  readonly hint?: string;
  /** The reaction of a running ingress, in addition to `hint`. */
  readonly byItself?: string;
  /** Replaces the registry's value if more is known. */
  readonly retryable?: boolean;
  /** Milliseconds that the server asked to wait before the next attempt (Retry-After). */
  readonly retryAfterMs?: number;
  /** More fields for the log line. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error class of this program. */
export class IngressError extends Error {
  override readonly name = 'IngressError';
  readonly code: ErrorCode;
  /** The operator's action. */
  readonly fix: string;
  /** The fix, and the reaction of a running ingress. */
  readonly hint: string;
  /** See ErrorKind. */
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? {} : { cause: context.cause });
    this.code = code;
    const kind: ErrorKind = errorRegistry[code];
    const { hint = kind.hint, byItself = context.hint === undefined ? kind.byItself : undefined } = context;
    this.fix = hint;
    this.hint = fullHint({ hint, byItself });
    this.retryable = context.retryable ?? kind.retryable;
    this.retryAfterMs = context.retryAfterMs;
    this.details = context.details ?? {};
  }
}

/** The operator's action, then the reaction of a running ingress. */
export function fullHint({ hint, byItself }: { hint: string; byItself?: string | undefined }): string {
  return byItself === undefined ? hint : `${hint} ${byItself}`;
}

/** Whether something thrown is ours and, when a code is given, has this code. */
export function isIngressError(thrown: unknown, code?: ErrorCode): thrown is IngressError {
  return thrown instanceof IngressError && (code === undefined || thrown.code === code);
}

/**
 * The code of an error of Node.js, such as `ENOENT`, or of OpenSSL, such as
 * `ERR_TLS_CERT_ALTNAME_INVALID`; undefined for anything else.
 */
export function systemErrorCode(thrown: unknown): string | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The message of anything that can be thrown. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // Node.js throws it for a host with several addresses if none accepts a connection.
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join('; ');
  return thrown.message;
}
