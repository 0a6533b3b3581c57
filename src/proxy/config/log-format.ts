import { type Side, TOO_LARGE_VARIABLE } from './buffers.ts';

/** The errors of one side of a stream: of its connection, and of its TLS. */
const errors = (side: 'fc' | 'bc') => `%[${side}_err_str]|%[ssl_${side}_err_str]`;

const format = (name: string) =>
  `"ended %ts %[${name},url_enc] %b/%s %ci ${errors('bc')}|${errors('fc')}|%ST|%[var(${TOO_LARGE_VARIABLE})]"`;

/**
 * The `log-format` of a stream: termination state (configuration.txt §8.5), name, backend and
 * server, client address, the errors between HAProxy and the app, those between the client and
 * HAProxy, the status, and the side whose header was too large. Under a wildcard the client chooses
 * the name, and an SNI may hold any byte, so bytes that could end a word or the line are encoded.
 */
export const LOG_FORMAT = format('var(sess.name)');
/**
 * The `error-log-format`, for connections that end before their TLS handshake is complete.
 * `sess.name` is not set yet, so the name is read from the connection.
 */
export const ERROR_LOG_FORMAT = format('ssl_fc_sni,lower');
/**
 * The maximum length of a log line in bytes. An encoded name can be three times as long as the
 * name, and the backend's name contains a host too.
 */
export const LOG_LINE_BYTES = 2_048;

/** One line of LOG_FORMAT or ERROR_LOG_FORMAT. */
export interface LogLine {
  /** The two characters of the termination state. */
  readonly state: string;
  /** Percent-encoded; undefined when the client has sent no name yet. */
  readonly name: string | undefined;
  /** The backend, or the frontend while no backend is chosen. */
  readonly proxy: string;
  /** Empty if HAProxy writes no server. */
  readonly server: string;
  readonly client: string;
  /** The errors of HAProxy and OpenSSL for the connection to the app. `-` stands for none. */
  readonly upstreamErrors: readonly string[];
  /** The same for the connection to the client. */
  readonly clientErrors: readonly string[];
  /** 0 or -1 if no status was sent. */
  readonly status: number;
  readonly tooLarge: Side | undefined;
}

/** Parses a line of either format; undefined for any other line. Pure. */
export function parseLogLine(line: string): LogLine | undefined {
  const match =
    /^ended (\S\S) (\S+) ([^\s/]+)(?:\/(\S+))? (\S+) ([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|(-?\d+)\|(\S+)$/.exec(
      line,
    );
  if (!match) return undefined;
  const [, state = '', name = '', proxy = '', server = '', client = '', ...rest] = match;
  const side = rest[5];
  return {
    ...{ state, name: name === '-' ? undefined : name, proxy, server, client },
    ...{ upstreamErrors: rest.slice(0, 2), clientErrors: rest.slice(2, 4), status: Number(rest[4]) },
    tooLarge: side === 'request' || side === 'response' ? side : undefined,
  };
}
