import { targetOfBackend } from '../config/backends.ts';
import { HEADER_LIMIT, type Side } from '../config/buffers.ts';
import { parseLogLine } from '../config/log-format.ts';
import { EVIDENCE_BACKEND, PUBLIC_FRONTEND } from '../config/syntax.ts';

/** A connection or request that did not end normally. */
export interface ConnectionFailure {
  /**
   * The requested name, served or not, percent-encoded; undefined if the client has not sent one.
   */
  readonly domain: string | undefined;
  /** See targetName; undefined if none was chosen. */
  readonly target: string | undefined;
  readonly client: string;
  /**
   * The HTTP status sent to the client; undefined if HAProxy reports none, as for a request that it
   * cannot parse.
   */
  readonly status: number | undefined;
  /** The reason, as one word for filters. */
  readonly why: string;
  /** The reason in words. */
  readonly message: string;
  /** The error that HAProxy or OpenSSL reports, if any. */
  readonly error: string | undefined;
  /**
   * `warn`: the app needs attention; `info`: a client was refused; `debug`: ordinary behaviour of
   * clients.
   */
  readonly level: 'warn' | 'info' | 'debug';
}

type Reason = readonly [why: string, message: string];

/** Reasons on the app's side, by termination state. */
const UPSTREAM: Readonly<Record<string, Reason>> = {
  SC: ['refused', 'the app refused the connection: nothing listens on its port, or its host is unreachable'],
  sC: ['connect-timeout', 'the app did not accept the connection within TIMEOUT_CONNECT'],
  SH: ['broke-off', 'the app closed the connection before it responded'],
  PH: ['not-http', 'the app sent a response that is not valid HTTP'],
  sH: ['no-answer', 'the app did not respond within TIMEOUT_SERVER'],
  SD: ['broke-off', 'the app closed the connection before the end of its response'],
  PD: ['not-http', 'the app sent a response that is not valid HTTP'],
  SL: ['broke-off', 'the app closed the connection before the end of its response'],
  sD: ['silent', 'the app sent nothing for TIMEOUT_SERVER'],
  sQ: ['busy', 'the app had MAXCONN requests in progress, and none ended within TIMEOUT_CONNECT'],
};
/**
 * HAProxy writes this server if none is enabled. The control plane enables one as soon as the app
 * has an address.
 */
const NO_SERVER = '<NOSRV>';
const NO_ADDRESS: Reason = ['no-address', "the app has no address: its host's name does not resolve"];
const UPSTREAM_TLS: Reason = ['tls', 'the app accepted the connection, but the TLS handshake with it failed'];

const NO_RESOURCES: Reason = ['resources', 'HAProxy has no resources left for a connection'];
/** Reasons within HAProxy, by the first character of the termination state. */
const INTERNAL: Readonly<Record<string, Reason>> = {
  R: NO_RESOURCES,
  I: ['internal', 'HAProxy closed a connection because of an internal error'],
};

const NO_HEADER: Reason = ['proxy-header', 'a connection did not begin with a valid PROXY header'];
const NO_HANDSHAKE: Reason = ['handshake', 'the TLS handshake with a client failed'];
const NO_REQUEST: Reason = ['bad-request', 'a client sent no complete, valid request in time'];
const NOT_SERVED: Reason = [
  'handshake',
  'a client sent no server name, or one that is not served or has no certificate yet',
];
const LIMIT = `${HEADER_LIMIT.bytes / 1_024} kB or ${HEADER_LIMIT.fields} fields`;
const TOO_LARGE: Readonly<Record<Side, Pick<ConnectionFailure, 'why' | 'message' | 'level'>>> = {
  request: {
    why: 'request-header-too-large',
    message: `header too large: a client's request header exceeded ${LIMIT}`,
    level: 'info',
  },
  response: {
    why: 'header-too-large',
    message: `header too large: the app's response header exceeded ${LIMIT}`,
    level: 'warn',
  },
};
const EVIDENCE: Reason = ['evidence', 'a request for evidence was not answered in time'];
const ABANDONED: Reason = [
  'let-go',
  'an HTTP/1.1 client had closed its side, and nothing was transferred for 30 s: the request was ended',
];
const OTHER: Reason = ['ended', 'a client or a limit ended a connection'];
const NORMAL: Reason = ['ended', 'a connection succeeded after a retry, or the app responded with an error'];

/** Reads a log line of HAProxy (see LOG_FORMAT); undefined for any other line. Pure. */
export function readFailure(line: string): ConnectionFailure | undefined {
  const parsed = parseLogLine(line);
  if (!parsed) return undefined;
  const { state, name, proxy, server, client, tooLarge } = parsed;
  const upstreamError = errorText(parsed.upstreamErrors);
  const clientError = errorText(parsed.clientErrors);
  const [[why, message], level] =
    proxy === EVIDENCE_BACKEND
      ? ([EVIDENCE, 'info'] as const)
      : classify(state, server, upstreamError, clientError);
  const failure: ConnectionFailure = {
    domain: name,
    // Until a backend is chosen, HAProxy logs the frontend in its place.
    target: proxy === PUBLIC_FRONTEND ? undefined : targetOfBackend(proxy),
    ...{ client, why, message, level },
    // HAProxy logs the status that it would have sent to the client of an abandoned request.
    status: parsed.status >= 100 && why !== ABANDONED[0] ? parsed.status : undefined,
    error: upstreamError ?? clientError,
  };
  return tooLarge ? asTooLarge(failure, tooLarge) : failure;
}

/** The same failure with a header that is too large as its reason. Pure. */
export function asTooLarge(failure: ConnectionFailure, side: Side): ConnectionFailure {
  return { ...failure, ...TOO_LARGE[side] };
}

/**
 * If a failure is a message that HAProxy could not parse: the proxy that captured it for `show
 * errors`, and its side. Pure.
 */
export function unparsedMessage(
  { why, status }: ConnectionFailure,
  line: string,
): { readonly proxy: string; readonly side: Side } | undefined {
  const { state, proxy } = parseLogLine(line) ?? {};
  if (proxy === undefined) return undefined;
  if (state === 'PH' && why === 'not-http') return { proxy, side: 'response' };
  if (state === 'PR' && why === 'bad-request' && status === undefined) return { proxy, side: 'request' };
  return undefined;
}

function classify(
  state: string,
  server: string,
  upstreamError: string | undefined,
  clientError: string | undefined,
): readonly [Reason, ConnectionFailure['level']] {
  if (state === '--') return [NORMAL, 'debug'];
  if (state === 'SC' && upstreamError?.includes('SSL')) return [UPSTREAM_TLS, 'warn'];
  if (state === 'SC' && upstreamError?.includes('maxconn')) return [NO_RESOURCES, 'warn'];
  if (state === 'SC' && server === NO_SERVER) return [NO_ADDRESS, 'warn'];
  const reason = UPSTREAM[state] ?? INTERNAL[state.charAt(0)];
  if (reason) return [reason, 'warn'];
  if (state.startsWith('K')) return [ABANDONED, 'debug'];
  if (state !== 'PR') return [OTHER, 'debug'];
  if (clientError === undefined) return [NO_REQUEST, 'debug'];
  // Port scanners send nothing, nor do clients on connections that they opened in advance.
  const level = /^(Connection|Timeout|Poller|E[A-Z]+) /.test(clientError) ? 'debug' : 'info';
  if (clientError.includes('PROXY')) return [NO_HEADER, level];
  // The only callback that can refuse a handshake is HAProxy's choice of the certificate.
  return [clientError.endsWith('callback failed') ? NOT_SERVED : NO_HANDSHAKE, level];
}

/**
 * The errors of a connection and its TLS, without OpenSSL's numbers. HAProxy writes `-` for none.
 */
function errorText(errors: readonly string[]): string | undefined {
  const some = errors.filter((text) => !['', '-', 'Success'].includes(text));
  return some.length === 0 ? undefined : some.map((text) => text.replace(/^error:.*:/, '')).join(': ');
}
