/** What a visitor reads when there is no answer of the app's: short and plain, and never kept by a cache. */
const PAGES = {
  413: 'Content Too Large: who reads evidence sends nothing.',
  421: 'Misdirected Request: this name is not served on this connection.',
  500: 'Internal Server Error: the request could not be forwarded.',
  502: 'Bad Gateway: the app broke off or gave no valid answer.',
  503: 'Service Unavailable: the app cannot be reached.',
  504: 'Gateway Timeout: the app gave no answer in time.',
} as const;

/** The page of a status as the words that `http-error` and `http-request return` take. */
export function page(status: keyof typeof PAGES): string {
  return `status ${status} content-type text/plain hdr cache-control no-store string "${status} ${PAGES[status]}\\n"`;
}

/**
 * Replaces the pages of HAProxy's own, which are in HTML. What HAProxy says of a request that it cannot even read (400) is built into
 * it.
 */
export const errorPages: readonly string[] = ([500, 502, 503, 504] as const).map(
  (status) => `http-error ${page(status)}`,
);

/**
 * For frontends: a request that did not arrive in time is answered by nothing, because browsers open connections ahead, and
 * would take an answer for that to a later request.
 */
export const silentTimeout = 'errorfile 408 /dev/null';
