import { page } from './error-pages.ts';

/** What servers that want TLS answer to a request without, with a 400 (Go, nginx, Apache, Tomcat). */
const WORDS = [
  'Client sent an HTTP request to an HTTPS server',
  'The plain HTTP request was sent to HTTPS port',
  'speaking plain HTTP to an SSL-enabled server port',
  'This combination of host and port requires TLS',
];

/** Whether an answer says so. Pure. */
export function asksForTls(answer: string): boolean {
  return WORDS.some((words) => answer.includes(words));
}

/** Takes such an answer for what it is, no answer of the app: the visitor did nothing wrong. It is logged as `not-http`. */
export const plainToTls: readonly string[] = WORDS.map(
  (words) => `http-response deny ${page(502)} if { status 400 } { res.body -m sub "${words}" }`,
);
