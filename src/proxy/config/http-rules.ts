import { errorPage } from './error-pages.ts';
import { type RouteMap, routeLookupRules } from './route-map.ts';

/** Fetches the whole field; `req.hdr` would look at each part between commas. */
const HOST = 'req.fhdr(host)';
/**
 * True for the few requests whose Host field differs from the SNI. Only these are checked further.
 */
const IS_OTHER_HOST = '{ var(txn.other) -m found }';

/** The rules for requests to HTTP targets. */
export function requestRules(map: RouteMap): string[] {
  return [
    `http-request set-var(txn.other) bool(true) if !{ ${HOST},strcmp(sess.name) eq 0 }`,
    ...misdirectedRules(map),
    ...badPortRules,
    ...forwardedRules,
  ];
}

/**
 * Refuse a request for a name of another target (RFC 9110 §15.5.20). The SNI decides which target a
 * connection reaches. A client may send requests for other names of the same target on it, as
 * browsers do.
 */
function misdirectedRules(map: RouteMap): string[] {
  return [
    `http-request set-var(txn.name) ${HOST},host_only,lower,rtrim(.) if ${IS_OTHER_HOST}`,
    ...routeLookupRules('http-request', 'txn', map, IS_OTHER_HOST),
    `http-request return ${errorPage(421)} if ${IS_OTHER_HOST} { ${HOST} -m found } !{ var(txn.route),strcmp(sess.route) eq 0 }`,
    // An HTTP/1.0 request may have no Host; then the name in its request target, if any, has not
    // been compared.
    `http-request return ${errorPage(421)} if ${IS_OTHER_HOST} !{ ${HOST} -m found } !{ url -m beg / * }`,
  ];
}

/**
 * Refuse a Host field in which the name is followed by anything but a port (RFC 3986 §3.2.3):
 * `port_only` reads a number from any text. At this point the name is known to be served.
 */
const badPortRules = [
  `!{ ${HOST} -m reg ^[^:]+(:(0*[1-9][0-9]{0,4})?)?$ }`,
  `{ ${HOST},port_only gt 65535 }`,
].map((term) => `http-request deny ${errorPage(400)} if ${IS_OTHER_HOST} { ${HOST} -m found } ${term}`);

/**
 * Replace what a client says about itself (the de facto field names, and RFC 7239) with what
 * HAProxy knows.
 */
const forwardedRules = [
  'http-request del-header ^(x[-_]forwarded[-_]|x[-_]real[-_]ip$|forwarded$) -m reg',
  'http-request add-header X-Forwarded-For %[src]',
  'http-request add-header X-Forwarded-Proto https',
  `http-request add-header X-Forwarded-Host %[${HOST}]`,
  `http-request del-header X-Forwarded-Host if ${IS_OTHER_HOST} !{ ${HOST} -m found }`,
  'http-request add-header X-Forwarded-Port 443',
  `http-request set-header X-Forwarded-Port %[${HOST},port_only] if ${IS_OTHER_HOST} { ${HOST},port_only gt 0 }`,
  // An app that is itself a proxy would remove the fields that Connection names (RFC 9110 §7.6.1),
  // and lose the client's address.
  'http-request del-header connection if { req.hdr(connection) -m reg -i ^(x[-_]forwarded|x[-_]real|forwarded) }',
];

/**
 * Prevent an upgrade to HTTP/2, after which no rule would see the requests. HAProxy 3.0 does some
 * of this itself.
 */
export const noH2cRules: readonly string[] = [
  'http-request del-header http2-settings',
  'http-request del-header upgrade if { req.hdr(upgrade) -i h2c }',
];

/**
 * Refuse non-ASCII bytes in a URL over HTTP/2 too, as HAProxy does over HTTP/1.1 (RFC 3986 §2). The
 * option that would accept them in HTTP/1.1 (`option accept-invalid-http-request`) also accepts
 * `Transfer-Encoding : chunked` and NUL; from HAProxy 3.2 on that field is dropped before any rule
 * can see it.
 */
export const asciiUrlRule = `http-request deny ${errorPage(400)} if { url -m reg [^!-~] }`;

/** Texts of Go, nginx, Apache and Tomcat in a TLS port's 400 response to a request without TLS. */
const TLS_REQUIRED = [
  'Client sent an HTTP request to an HTTPS server',
  'The plain HTTP request was sent to HTTPS port',
  'speaking plain HTTP to an SSL-enabled server port',
  'This combination of host and port requires TLS',
];

/** Whether a response says that its port requires TLS. Pure. */
export function saysTlsRequired(response: string): boolean {
  return TLS_REQUIRED.some((text) => response.includes(text));
}

/**
 * Replace such a 400 response with a 502, because the client made no mistake. HAProxy logs it as an
 * invalid response (`not-http`).
 */
export const tlsRequiredRules: readonly string[] = TLS_REQUIRED.map(
  (text) => `http-response deny ${errorPage(502)} if { status 400 } { res.body -m sub "${text}" }`,
);
