import { messageOf } from '../errors.ts';
import { asObject, asText } from '../json.ts';

/** The kinds of failure that leave a request without a response. */
export type SilenceKind =
  | 'connection-refused'
  | 'name-not-found'
  | 'dns-silent'
  | 'timeout'
  | 'no-route'
  | 'connection-closed'
  | 'certificate-untrusted'
  | 'certificate-of-another-name'
  | 'certificate-not-valid-now'
  | 'no-tls'
  | 'unknown';

/** Why a request got no response. */
export interface Silence {
  readonly kind: SilenceKind;
  /** The host of the URL, with a port if the URL has one, or the one that a redirect led to. */
  readonly host: string;
  /**
   * A sentence with the system's message: `ca.example refused the connection (connect ECONNREFUSED
   * 192.0.2.1:443)`.
   */
  readonly why: string;
  /** What the user can do about it, if the failure says. */
  readonly advice: string | undefined;
  /** The root cause. */
  readonly failure: unknown;
}

/**
 * Interprets what an HTTP client threw for a request to a URL. `server` describes it in the advice,
 * such as `the certificate authority`. Pure.
 */
export function whyUnanswered(thrown: unknown, url: string, server: string): Silence {
  const { failure, code, words } = rootOf(thrown);
  const known = KINDS.find(({ codes }) => codes.has(code));
  const host = hostOf(url, failure);
  const why = known ? `${known.said(host)} (${words})` : words;
  return { kind: known?.kind ?? 'unknown', host, why, advice: known?.advice?.(server), failure };
}

/** Whether an HTTP client's error means that a timeout has passed. Pure. */
export function isTimeout(thrown: unknown): boolean {
  return TIMEOUTS.has(rootOf(thrown).code);
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'ECONNABORTED',
  'ESOCKETTIMEDOUT',
  'TimeoutError',
]);

interface Kind {
  readonly kind: SilenceKind;
  readonly codes: ReadonlySet<string>;
  readonly said: (host: string) => string;
  readonly advice?: (server: string) => string;
}

/** Error codes of the operating system, of Node.js, and of OpenSSL for certificates. */
const KINDS: readonly Kind[] = [
  {
    kind: 'connection-refused',
    codes: new Set(['ECONNREFUSED']),
    said: (host) => `${host} refused the connection`,
    advice: (server) => `Check that ${server} runs at this URL, and that no firewall blocks it.`,
  },
  {
    kind: 'name-not-found',
    codes: new Set(['ENOTFOUND']),
    said: (host) => `the name ${host} was not found`,
    advice: () => "Check the spelling of the URL, and the container's DNS.",
  },
  {
    kind: 'dns-silent',
    codes: new Set(['EAI_AGAIN']),
    said: (host) => `the DNS gave no answer for ${host}`,
    advice: () => "Check the container's DNS and its outgoing network.",
  },
  {
    kind: 'timeout',
    codes: TIMEOUTS,
    said: (host) => `${host} did not answer in time`,
    advice: () => 'Check the outgoing network of the container: a firewall may drop packets to this host.',
  },
  {
    kind: 'no-route',
    codes: new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL']),
    said: (host) => `there is no route to ${host}`,
  },
  {
    kind: 'connection-closed',
    codes: new Set(['ECONNRESET', 'EPIPE']),
    said: (host) => `the connection to ${host} was closed before the answer`,
  },
  {
    kind: 'certificate-untrusted',
    codes: new Set([
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'CERT_UNTRUSTED',
      'INVALID_CA',
    ]),
    said: (host) => `the TLS certificate of ${host} is not trusted`,
    advice: (server) =>
      `Set NODE_EXTRA_CA_CERTS to a PEM file with the root certificate, if ${server} is a private one or an intercepting proxy opens TLS.`,
  },
  {
    kind: 'certificate-of-another-name',
    codes: new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH']),
    said: (host) => `the TLS certificate of ${host} is for another name`,
    advice: () => 'Check the URL, and whether a proxy or a captive portal intercepts the connection.',
  },
  {
    kind: 'certificate-not-valid-now',
    codes: new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']),
    said: (host) => `the TLS certificate of ${host} is not valid now`,
    advice: (server) => `Check the clock of the host: by it the certificate of ${server} is not valid.`,
  },
  {
    kind: 'no-tls',
    // Node.js uses EPROTO for any failure inside OpenSSL.
    codes: new Set(['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']),
    said: (host) => `${host} does not speak TLS correctly`,
    advice: () =>
      'Check scheme and port of the URL, and whether a proxy or a captive portal intercepts the connection.',
  },
];

interface Root {
  readonly failure: unknown;
  readonly code: string;
  readonly words: string;
}

/**
 * The root cause: clients wrap the socket's error in their own, and a host with several addresses
 * fails with one error for each.
 */
function rootOf(thrown: unknown): Root {
  const { code, cause, errors, name } = asObject(thrown);
  if (Array.isArray(errors) && errors.length > 0)
    return { ...rootOf(errors[0]), failure: thrown, words: errors.map(wordsOf).join(', ') };
  const root = cause === undefined ? undefined : rootOf(cause);
  if (root && isKnown(root.code)) return root;
  const own = asText(code) ?? asText(name) ?? '';
  return root && !isKnown(own) ? root : { failure: thrown, code: own, words: wordsOf(thrown) || own };
}

function isKnown(code: string): boolean {
  return KINDS.some(({ codes }) => codes.has(code));
}

/** OpenSSL's messages end with a line break. */
function wordsOf(thrown: unknown): string {
  return messageOf(thrown).replaceAll(/\s+/g, ' ').trim();
}

/** The host of the URL, or the one that a redirect or a proxy led to. */
function hostOf(url: string, failure: unknown): string {
  const asked = URL.parse(url)?.host ?? url;
  const looked = asText(asObject(failure)['hostname']);
  return looked === undefined || asked.includes(looked) ? asked : looked;
}
