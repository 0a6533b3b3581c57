import { page } from './error-pages.ts';
import { lookUp, type RouteMap } from './route-map.ts';

/** The whole field: `req.hdr` would try each part between commas. */
const HOST = 'req.fhdr(host)';
/** True for the few requests whose Host field is not just the name of the handshake: only these are looked at more closely. */
const OTHER = '{ var(txn.other) -m found }';

/** What is done with each request of a target that takes requests. */
export function requestRules(map: RouteMap): string[] {
  return [
    `http-request set-var(txn.other) bool(true) if !{ ${HOST},strcmp(sess.name) eq 0 }`,
    ...misdirected(map),
    ...badPort,
    ...forwarded,
  ];
}

/**
 * Refuses a request for a name of another target (RFC 9110 §15.5.20). What a connection reaches is decided by the name in
 * its handshake; a client may ask for further names of the same target on it, as browsers do.
 */
function misdirected(map: RouteMap): string[] {
  return [
    `http-request set-var(txn.name) ${HOST},host_only,lower,rtrim(.) if ${OTHER}`,
    ...lookUp('http-request', 'txn', map, OTHER),
    `http-request return ${page(421)} if ${OTHER} { ${HOST} -m found } !{ var(txn.route),strcmp(sess.route) eq 0 }`,
    // HTTP/1.0 knows requests without a Host; then a name in the request target is one that was not compared.
    `http-request return ${page(421)} if ${OTHER} !{ ${HOST} -m found } !{ url -m beg / * }`,
  ];
}

/**
 * What follows the name in a Host field is a port, nothing, or a mistake (RFC 3986 §3.2.3): `port_only` reads a number out of anything.
 * Here the name is known for one of ours.
 */
const badPort = [`!{ ${HOST} -m reg ^[^:]+(:(0*[1-9][0-9]{0,4})?)?$ }`, `{ ${HOST},port_only gt 65535 }`].map(
  (term) => `http-request deny ${page(400)} if ${OTHER} { ${HOST} -m found } ${term}`,
);

/** What a client says about itself is replaced by what is known (the names that people use for it, and RFC 7239). */
const forwarded = [
  'http-request del-header ^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$) -m reg',
  'http-request add-header X-Forwarded-For %[src]',
  'http-request add-header X-Forwarded-Proto https',
  `http-request add-header X-Forwarded-Host %[${HOST}]`,
  `http-request del-header X-Forwarded-Host if ${OTHER} !{ ${HOST} -m found }`,
  'http-request add-header X-Forwarded-Port 443',
  `http-request set-header X-Forwarded-Port %[${HOST},port_only] if ${OTHER} { ${HOST},port_only gt 0 }`,
  // An app that is a proxy itself would drop what is named there (RFC 9110 §7.6.1), and believe nobody had asked.
  'http-request del-header connection if { req.hdr(connection) -m reg -i ^(x[-_]forwarded|x[-_]real|forwarded) }',
];

/** What follows an agreement on HTTP/2 by Upgrade would be requests that nobody looks at. HAProxy 3.0 sees to some of it. */
export const noH2c: readonly string[] = [
  'http-request del-header http2-settings',
  'http-request del-header upgrade if { req.hdr(upgrade) -i h2c }',
];

/**
 * Refuses over HTTP/2 what HAProxy refuses over HTTP/1.1: bytes in a URL that are not ASCII (RFC 3986 §2). What would take them in
 * HTTP/1.1 (`option accept-invalid-http-request`) takes a `Transfer-Encoding : chunked` too, and a NUL; from HAProxy 3.2 on
 * the field is left out before any rule could see it.
 */
export const asciiUrl = `http-request deny ${page(400)} if { url -m reg [^!-~] }`;
