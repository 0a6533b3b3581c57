import { errorPage } from './error-pages.ts';

/** The largest header of a request or response that is forwarded. */
export const HEADER_LIMIT = { bytes: 65_536, fields: 256 } as const;

/**
 * HAProxy's own limits: `tune.bufsize` and `tune.http.maxhdr`. They are more than twice
 * HEADER_LIMIT, so that HAProxy can parse a header slightly above the limit, refuse only that
 * message and log it. A header above HAProxy's limits ends the whole HTTP/2 connection, because the
 * state of its compression is lost (RFC 7541 §4.1), and HAProxy cannot announce
 * SETTINGS_MAX_HEADER_LIST_SIZE.
 */
export const BUFFER = { bytes: 135_168, fields: 1_024 } as const;

/**
 * For the global section. A buffer holds eight HTTP/2 frames with little left over. The frame size
 * stays at its default: with frames of a whole buffer, concurrent uploads would alternate in pieces
 * of that size.
 */
export const bufferSettings: readonly string[] = [
  `tune.bufsize ${BUFFER.bytes}`,
  `tune.http.maxhdr ${BUFFER.fields}`,
  'tune.h2.max-frame-size 16384',
];

/**
 * The HTTP/2 flow-control window in bytes (RFC 9113 §5.2), for versions of HAProxy that do not
 * adapt it.
 */
const H2_WINDOW = 1_048_576;

/**
 * For the global section: how much of a request body an HTTP/2 client may send ahead. Every version
 * of HAProxy extends the window of a stream by what it has received, whether or not the app has
 * read it. Once it has no buffer left for one stream, it stops reading from the connection,
 * whatever the window is. From 3.1 on a connection has room for a hundred buffers and the window
 * follows that room. Earlier versions have room for one buffer, and an upload transfers one window
 * in a round trip: the default of 64 kB limits it to 650 kB/s at 100 ms, which is slower than
 * HTTP/1.1.
 */
export const h2WindowSettings: readonly string[] = [
  '.if !version_atleast(3.1)',
  '.if version_atleast(2.9)',
  `tune.h2.fe.initial-window-size ${H2_WINDOW}`,
  '.else',
  `tune.h2.initial-window-size ${H2_WINDOW}`,
  '.endif',
  '.endif',
];

/** The variable that holds the side whose header was too large, for the log. */
export const TOO_LARGE_VARIABLE = 'txn.too_large';
/** The direction of a message. */
export type Side = 'request' | 'response';

const rules = (when: 'http-request' | 'http-response', fetch: 'req' | 'res', side: Side, denial: string) => [
  `${when} set-var(${TOO_LARGE_VARIABLE}) str(${side}) if { ${fetch}.fhdr_cnt gt ${HEADER_LIMIT.fields} } || { ${fetch}.hdrs,length gt ${HEADER_LIMIT.bytes} }`,
  `${when} deny ${denial} if { var(${TOO_LARGE_VARIABLE}) -m found }`,
];

/** Refuse requests and responses whose header exceeds HEADER_LIMIT. */
export const headerLimitRules: readonly string[] = [
  ...rules('http-request', 'req', 'request', errorPage(431)),
  ...rules('http-response', 'res', 'response', 'deny_status 502'),
];
