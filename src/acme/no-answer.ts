import { errorRegistry, IngressError, messageOf } from '../errors.ts';
import type { ProxyTrouble } from '../outgoing.ts';
import { asObject, asText } from './json.ts';

/** A request that was made of a certificate authority. */
export interface Asked {
  readonly method: string;
  readonly url: string;
}

/**
 * The error for a request that got no answer. `thrown` is what the HTTP client threw, `trouble` what that says of a proxy. Pure.
 */
export function unreachable({ method, url }: Asked, thrown: unknown, trouble?: ProxyTrouble): IngressError {
  const { failure, code, words } = rootOf(thrown);
  const asked = `${method.toUpperCase()} ${url}`;
  if (trouble) {
    const { problem, hint } = trouble;
    return new IngressError('ACME_UNREACHABLE', `no answer to ${asked}: ${problem}`, {
      cause: failure,
      hint,
    });
  }
  const { said, advice } = KINDS.find(({ codes }) => codes.has(code)) ?? {
    said: undefined,
    advice: undefined,
  };
  const why = said === undefined ? words : `${said(hostOf(url, failure))} (${words})`;
  const hint =
    advice === undefined ? {} : { hint: advice, byItself: errorRegistry.ACME_UNREACHABLE.byItself };
  return new IngressError('ACME_UNREACHABLE', `no answer to ${asked}: ${why}`, {
    cause: failure,
    ...hint,
  });
}

interface Kind {
  readonly codes: ReadonlySet<string>;
  readonly said: (host: string) => string;
  readonly advice?: string;
}

const OTHER_ROOT =
  'If the certificate authority is a private one, or a proxy between opens TLS, set NODE_EXTRA_CA_CERTS to a PEM file with its root certificate.';

/** The codes are those of the operating system, of Node.js, and of OpenSSL for certificates. */
const KINDS: readonly Kind[] = [
  {
    codes: new Set(['ECONNREFUSED']),
    said: (host) => `${host} refused the connection`,
    advice: 'Check that the certificate authority runs at this URL, and that no firewall stands between.',
  },
  {
    codes: new Set(['ENOTFOUND']),
    said: (host) => `the name ${host} was not found`,
    advice: "Check the URL for a misspelt name, and the container's DNS.",
  },
  {
    codes: new Set(['EAI_AGAIN']),
    said: (host) => `the DNS gave no answer for ${host}`,
    advice: "Check the container's DNS and its outgoing network.",
  },
  {
    codes: new Set(['ETIMEDOUT', 'ECONNABORTED', 'ESOCKETTIMEDOUT', 'TimeoutError']),
    said: (host) => `${host} did not answer in time`,
    advice: 'Check the outgoing network of the container: a firewall may drop what is sent to this host.',
  },
  {
    codes: new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL']),
    said: (host) => `there is no route to ${host}`,
  },
  {
    codes: new Set(['ECONNRESET', 'EPIPE']),
    said: (host) => `the connection to ${host} was closed before the answer`,
  },
  {
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
    advice: OTHER_ROOT,
  },
  {
    codes: new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH']),
    said: (host) => `the TLS certificate of ${host} is for another name`,
    advice: 'Check the URL, and anything (a proxy, a captive portal) that stands between.',
  },
  {
    codes: new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']),
    said: (host) => `the TLS certificate of ${host} is not valid now`,
    advice: 'Check the clock of the host: by it the certificate of the certificate authority is not valid.',
  },
  {
    // Node.js gives this code to whatever OpenSSL cannot go on with.
    codes: new Set(['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']),
    said: (host) => `${host} does not speak TLS as it should`,
    advice: 'Check scheme and port of the URL, and anything (a proxy, a captive portal) that stands between.',
  },
];

interface Root {
  readonly failure: unknown;
  readonly code: string;
  readonly words: string;
}

/**
 * The failure that began it: clients put errors of their own around that of the socket, and a name with several addresses
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

/** OpenSSL ends its words with a line break. */
function wordsOf(thrown: unknown): string {
  return messageOf(thrown).replaceAll(/\s+/g, ' ').trim();
}

/** The host of the URL, or the one that a redirection or a proxy led to. */
function hostOf(url: string, failure: unknown): string {
  const asked = URL.parse(url)?.host ?? url;
  const looked = asText(asObject(failure)['hostname']);
  return looked === undefined || asked.includes(looked) ? asked : looked;
}
