/** The bodies of responses that HAProxy sends itself: plain text, never cached. */
const PAGES = {
  400: 'Bad Request: the URL or the port in the Host field is not valid.',
  413: 'Content Too Large: a request for evidence must not have a body.',
  421: 'Misdirected Request: this name is not served on this connection.',
  431: 'Request Header Fields Too Large: the limit is 64 kB and 256 fields.',
  500: 'Internal Server Error: the request could not be forwarded.',
  502: 'Bad Gateway: the app closed the connection or sent no valid response.',
  503: 'Service Unavailable: the app cannot be reached.',
  504: 'Gateway Timeout: the app did not respond in time.',
} as const;

/** The statuses of an app that did not respond. */
const UPSTREAM_FAILURES = [502, 503, 504] as const;

/** The page of a status, as the arguments of `http-error` and `http-request return`. */
export function errorPage(status: keyof typeof PAGES): string {
  return `status ${status} content-type text/plain hdr cache-control no-store string "${status} ${PAGES[status]}\\n"`;
}

/**
 * Replace HAProxy's HTML pages. Its response to a request that it cannot parse (400) is built in
 * and cannot be replaced.
 */
export const errorPages: readonly string[] = ([500, ...UPSTREAM_FAILURES] as const).map(
  (status) => `http-error ${errorPage(status)}`,
);

/**
 * The same for targets that speak HTTP/2. A gRPC client takes a body for the start of a response,
 * after which no retry policy applies. So a gRPC call gets a response without a body and with the
 * status UNAVAILABLE (14). gRPC-Web has another content type, and its clients read the HTTP status.
 */
export const grpcErrorPages: readonly string[] = [
  'http-request set-var(txn.grpc) bool(false)',
  'http-request set-var(txn.grpc) bool(true) if { req.fhdr(content-type) -m reg ^application/grpc([+;]|$) }',
  ...UPSTREAM_FAILURES.map((status) => {
    const text = `${status} ${PAGES[status]}`;
    const either = (forGrpc: string, forOthers: string) =>
      `"%[var(txn.grpc),iif('${forGrpc}','${forOthers}')]"`;
    // HAProxy omits an empty header field. The text has no line feed, because older versions would
    // encode it.
    const fields = `hdr cache-control no-store hdr grpc-status ${either('14', '')} hdr grpc-message ${either(text, '')}`;
    return `http-error status ${status} content-type text/plain ${fields} lf-string ${either('', text)}`;
  }),
];

/**
 * For frontends: no response to a request that did not arrive in time. Browsers open connections in
 * advance, and would take such a response for the response to their next request.
 */
export const noPageOnTimeout = 'errorfile 408 /dev/null';
