import { targetOfBackend } from '../config/backends.ts';
import { HEADER_LIMIT, type Side, TOO_LARGE_VARIABLE } from '../config/buffers.ts';
import { EVIDENCE_BACKEND, PUBLIC_FRONTEND } from '../config/syntax.ts';

/** What HAProxy knows of errors on a side of a connection: of the connection itself, and of its TLS. */
const errors = (side: 'fc' | 'bc') => `%[${side}_err_str]|%[ssl_${side}_err_str]`;

const format = (name: string) =>
  `"ended %ts %[${name},url_enc] %b/%s %ci ${errors('bc')}|${errors('fc')}|%ST|%[var(${TOO_LARGE_VARIABLE})]"`;

/**
 * How HAProxy words the end of a connection or request that it logs (configuration.txt §8.5): the termination state, the
 * name, the target and its server, who asked, what went wrong between us and the app, and between the client and us, and the status
 * that was answered. A wildcard lets clients choose the name, and a name in a handshake may hold any byte: what could end a line or
 * a word is encoded.
 */
export const LOG_FORMAT = format('var(sess.name)');
/** The same for who got no further than the handshake: its name has not been kept yet, but its connection is still there to ask. */
export const ERROR_LOG_FORMAT = format('ssl_fc_sni,lower');
/** Bytes of a line. A name that is encoded can be three times as long as a name can be, and a target has one too. */
export const LOG_LINE_BYTES = 2_048;

/** A connection or request that did not end well. */
export interface ConnectionFailure {
  /** The name that was asked for, served or not, percent-encoded; undefined where nothing got as far. */
  readonly domain: string | undefined;
  /** See targetName; undefined where none was chosen yet. */
  readonly target: string | undefined;
  readonly client: string;
  /** What the client was answered; undefined where HAProxy does not say, such as for a request that it cannot read. */
  readonly status: number | undefined;
  /** A word for filters. */
  readonly why: string;
  readonly message: string;
  /** HAProxy's own words, where it has some. */
  readonly error: string | undefined;
  /** `warn`: the app has to be looked at; `info`: somebody did not get in; `debug`: what clients do every day. */
  readonly level: 'warn' | 'info' | 'debug';
}

type Reason = readonly [why: string, sentence: string];

const OF_APP: Readonly<Record<string, Reason>> = {
  SC: [
    'refused',
    'the app refused the connection: nothing listens at its port, or its host cannot be reached',
  ],
  sC: ['connect-timeout', 'the app did not accept the connection within TIMEOUT_CONNECT'],
  SH: ['broke-off', 'the app closed the connection before it answered'],
  PH: ['not-http', 'the app answered something that is not HTTP'],
  sH: ['no-answer', 'the app gave no answer within TIMEOUT_SERVER'],
  SD: ['broke-off', 'the app broke the connection off'],
  PD: ['not-http', 'the app answered something that is not HTTP'],
  SL: ['broke-off', 'the app broke the connection off'],
  sD: ['silent', 'the app was silent for TIMEOUT_SERVER'],
  sQ: ['busy', 'the app took no further connection within TIMEOUT_CONNECT'],
};
/** What HAProxy writes for the server where it has none to choose: it has one as soon as the app has an address. */
const NO_SERVER = '<NOSRV>';
const NO_ADDRESS: Reason = ['no-address', 'the app has no address: its name does not resolve'];
const APP_TLS: Reason = ['tls', 'the app was reached, but no TLS connection to it came about'];

const NO_RESOURCES: Reason = ['resources', 'HAProxy has no resources left for a connection'];
const OF_US: Readonly<Record<string, Reason>> = {
  R: NO_RESOURCES,
  I: ['internal', 'HAProxy could not go on with a connection'],
};

const NO_HEADER: Reason = ['proxy-header', 'a connection did not begin with a valid PROXY header'];
const NO_HANDSHAKE: Reason = ['handshake', 'no TLS connection to a client came about'];
const NO_REQUEST: Reason = [
  'bad-request',
  'a client sent no request that HAProxy could read in whole and in time',
];
const NOT_SERVED: Reason = [
  'handshake',
  'a client asked for no name, or for one that is not served or has no certificate yet',
];
const LARGEST = `${HEADER_LIMIT.bytes / 1_024} kB or ${HEADER_LIMIT.fields} fields`;
const TOO_LARGE_OF: Readonly<Record<Side, Pick<ConnectionFailure, 'why' | 'sentence' | 'level'>>> = {
  request: {
    why: 'request-header-too-large',
    message: `header too large: the request of a client had more than ${LARGEST} of it`,
    level: 'info',
  },
  answer: {
    why: 'header-too-large',
    message: `header too large: the answer of the app had more than ${LARGEST} of it`,
    level: 'warn',
  },
};
const OF_EVIDENCE: Reason = ['evidence', 'a request for evidence was not answered in time'];
const LET_GO: Reason = [
  'let-go',
  'a client of HTTP/1.1 that had closed its side was let go after 30 s in which nothing moved',
];
const OTHER: Reason = ['ended', 'a client or a limit ended a connection'];
const WELL: Reason = [
  'ended',
  'a connection came about after a retry, or the app answered with an error of its own',
];

/** Reads a line of LOG_FORMAT; undefined for any other line. Pure. */
export function readFailure(line: string): ConnectionFailure | undefined {
  const match =
    /^ended (\S\S) (\S+) ([^\s/]+)(?:\/(\S+))? (\S+) ([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|(-?\d+)\|(\S+)$/.exec(
      line,
    );
  if (!match) return undefined;
  const [, state = '', name = '', backend = '', server = '', client = '', ...words] = match;
  const ofApp = errorText(words.slice(0, 2));
  const ofClient = errorText(words.slice(2, 4));
  const status = Number(words[4]);
  const side = words[5];
  const [[why, sentence], level] =
    backend === EVIDENCE_BACKEND ? ([OF_EVIDENCE, 'info'] as const) : classify(state, server, ofApp, ofClient);
  const failure: ConnectionFailure = {
    domain: name === '-' ? undefined : name,
    // Before a target is chosen, the frontend stands in its place.
    target: backend === PUBLIC_FRONTEND ? undefined : targetOfBackend(backend),
    ...{ client, why, message: sentence, level },
    // Who was let go was answered nothing, whatever HAProxy meant to say.
    status: status >= 100 && why !== LET_GO[0] ? status : undefined,
    error: ofApp ?? ofClient,
  };
  return side === 'request' || side === 'answer' ? asTooLarge(failure, side) : failure;
}

/** The same failure, once it is known that a header was too large. */
export function asTooLarge(failure: ConnectionFailure, side: Side): ConnectionFailure {
  return { ...failure, ...TOO_LARGE_OF[side] };
}

/** Of which proxy HAProxy has kept the message, where a line says that one could not be read. Pure. */
export function unparsedMessage(
  { why, status }: ConnectionFailure,
  line: string,
): { readonly proxy: string; readonly side: Side } | undefined {
  const [, state, proxy] = /^ended (P[HR]) \S+ ([^\s/]+)/.exec(line) ?? [];
  if (proxy === undefined) return undefined;
  if (state === 'PH' && why === 'not-http') return { proxy, side: 'answer' };
  if (state === 'PR' && why === 'bad-request' && status === undefined) return { proxy, side: 'request' };
  return undefined;
}

function classify(
  state: string,
  server: string,
  ofApp: string | undefined,
  ofClient: string | undefined,
): readonly [Reason, ConnectionFailure['level']] {
  if (state === '--') return [WELL, 'debug'];
  if (state === 'SC' && ofApp?.includes('SSL')) return [APP_TLS, 'warn'];
  if (state === 'SC' && ofApp?.includes('maxconn')) return [NO_RESOURCES, 'warn'];
  if (state === 'SC' && server === NO_SERVER) return [NO_ADDRESS, 'warn'];
  const guilty = OF_APP[state] ?? OF_US[state.charAt(0)];
  if (guilty) return [guilty, 'warn'];
  if (state.startsWith('K')) return [LET_GO, 'debug'];
  if (state !== 'PR') return [OTHER, 'debug'];
  if (ofClient === undefined) return [NO_REQUEST, 'debug'];
  // Who looks whether the port is open, or leaves a connection that was opened ahead, says nothing.
  const level = /^(Connection|Timeout|Poller|E[A-Z]+) /.test(ofClient) ? 'debug' : 'info';
  if (ofClient.includes('PROXY')) return [NO_HEADER, level];
  // Our choice of a certificate is the one callback that can refuse.
  return [ofClient.endsWith('callback failed') ? NOT_SERVED : NO_HANDSHAKE, level];
}

/** Of a connection and its TLS, the latter in OpenSSL's words without its numbers; HAProxy writes `-` for what is not there. */
function errorText(words: readonly string[]): string | undefined {
  const some = words.filter((word) => !['', '-', 'Success'].includes(word));
  return some.length === 0 ? undefined : some.map((word) => word.replace(/^error:.*:/, '')).join(': ');
}
