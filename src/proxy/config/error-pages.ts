/** What a visitor reads when there is no answer of the app's: short and plain, and never kept by a cache. */
const PAGES = {
  400: 'Bad Request: the URL or the port in the Host field is not valid.',
  413: 'Content Too Large: who reads evidence sends nothing.',
  421: 'Misdirected Request: this name is not served on this connection.',
  431: 'Request Header Fields Too Large: 64 kB and 256 fields are taken.',
  500: 'Internal Server Error: the request could not be forwarded.',
  502: 'Bad Gateway: the app broke off or gave no valid answer.',
  503: 'Service Unavailable: the app cannot be reached.',
  504: 'Gateway Timeout: the app gave no answer in time.',
} as const;

/** Of an app that did not answer. */
const UNANSWERED = [502, 503, 504] as const;

/** The page of a status as the words that `http-error` and `http-request return` take. */
export function page(status: keyof typeof PAGES): string {
  return `status ${status} content-type text/plain hdr cache-control no-store string "${status} ${PAGES[status]}\\n"`;
}

/**
 * Replaces the pages of HAProxy's own, which are in HTML. What HAProxy says of a request that it cannot even read (400) is built into
 * it.
 */
export const errorPages: readonly string[] = ([500, ...UNANSWERED] as const).map(
  (status) => `http-error ${page(status)}`,
);

/**
 * The same for targets that speak HTTP/2. A gRPC call takes a page for an answer that has begun, and no retry policy repeats it; so it gets no
 * page, but the status UNAVAILABLE (14) in an answer without a body. gRPC-Web has another form, and reads the status of HTTP.
 */
export const grpcPages: readonly string[] = [
  'http-request set-var(txn.grpc) bool(false)',
  'http-request set-var(txn.grpc) bool(true) if { req.fhdr(content-type) -m reg ^application/grpc([+;]|$) }',
  ...UNANSWERED.map((status) => {
    const words = `${status} ${PAGES[status]}`;
    const either = (forGrpc: string, forOthers: string) =>
      `"%[var(txn.grpc),iif('${forGrpc}','${forOthers}')]"`;
    // A header field that is empty is left out. There is no end of line, because older versions would encode it.
    const fields = `hdr cache-control no-store hdr grpc-status ${either('14', '')} hdr grpc-message ${either(words, '')}`;
    return `http-error status ${status} content-type text/plain ${fields} lf-string ${either('', words)}`;
  }),
];

/**
 * For frontends: a request that did not arrive in time is answered by nothing, because browsers open connections ahead, and
 * would take an answer for that to a later request.
 */
export const silentTimeout = 'errorfile 408 /dev/null';
