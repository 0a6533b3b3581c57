import { page } from './error-pages.ts';

/** Bytes and fields that the header of a request or of an answer may have. */
export const LARGEST_HEADER = { bytes: 65_536, fields: 256 } as const;

/**
 * What HAProxy has room for is twice the bytes and more of the fields: what is a little too large can be read, refused by itself and told
 * of. What does not fit at all ends in HTTP/2 with the whole connection, whose compression nobody could follow any further
 * (RFC 7541 §4.1), and HAProxy cannot announce a limit (SETTINGS_MAX_HEADER_LIST_SIZE).
 */
export const ROOM = { bytes: 135_168, fields: 1_024 } as const;

/**
 * For `global`. Eight frames of HTTP/2 fit a buffer, with little left over. They stay as small as they are by default, else uploads would take
 * turns in pieces of a whole buffer.
 */
export const headerRoom: readonly string[] = [
  `tune.bufsize ${ROOM.bytes}`,
  `tune.http.maxhdr ${ROOM.fields}`,
  'tune.h2.max-frame-size 16384',
];

/** Whose header was too large, in the log. */
export const TOO_LARGE = 'txn.too_large';
export type Side = 'request' | 'answer';

const rules = (when: 'http-request' | 'http-response', fetch: 'req' | 'res', side: Side, denial: string) => [
  `${when} set-var(${TOO_LARGE}) str(${side}) if { ${fetch}.fhdr_cnt gt ${LARGEST_HEADER.fields} } || { ${fetch}.hdrs,length gt ${LARGEST_HEADER.bytes} }`,
  `${when} deny ${denial} if { var(${TOO_LARGE}) -m found }`,
];

/** Refuses what is too large, in either direction. */
export const headerLimits: readonly string[] = [
  ...rules('http-request', 'req', 'request', page(431)),
  ...rules('http-response', 'res', 'answer', 'deny_status 502'),
];
