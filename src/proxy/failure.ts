/**
 * How HAProxy words the end of a connection or request that it logs (configuration.txt §8.5): the termination state, the
 * name and the target, who asked, and the error of the connection to the app if there was one.
 */
export const LOG_FORMAT = '"ended %ts %[var(sess.name)] %b %ci %[bc_err_str]"';

/** A connection or request that did not end well. */
export interface Failure {
  /** The name that was asked for; undefined where nothing got as far. */
  readonly domain: string | undefined;
  /** See targetName. */
  readonly target: string;
  readonly client: string;
  /** A word for filters. */
  readonly why: string;
  readonly sentence: string;
  /** HAProxy's own words, where it has some. */
  readonly error: string | undefined;
  /** Whether it is the app that has to be looked at; else it is what clients do every day. */
  readonly ofApp: boolean;
}

type Reason = readonly [why: string, sentence: string];

const OF_APP: Readonly<Record<string, Reason>> = {
  SC: ['unreachable', 'the app refused the connection, or has no address yet'],
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

const OF_US: Readonly<Record<string, Reason>> = {
  R: ['resources', 'HAProxy has no resources left for a connection'],
  I: ['internal', 'HAProxy could not go on with a connection'],
};

const OTHER: Reason = ['ended', 'a client or a limit ended a connection'];

/** Reads a line of LOG_FORMAT; undefined for any other line. Pure. */
export function readFailure(line: string): Failure | undefined {
  const match = /^ended (\S\S) (\S+) (\S+) (\S+) (.*)$/.exec(line);
  if (!match) return undefined;
  const [, state = '', name = '', backend = '', client = '', error = ''] = match;
  const guilty = OF_APP[state] ?? OF_US[state.charAt(0)];
  const [why, sentence] = guilty ?? OTHER;
  return {
    domain: known(name),
    target: backend.replace(/\.h[12]$/, ''),
    client,
    why,
    sentence,
    error: known(error.trim()),
    ofApp: guilty !== undefined,
  };
}

/** HAProxy writes `-` for what is not there. */
function known(word: string): string | undefined {
  return word === '-' || word === '' ? undefined : word;
}
