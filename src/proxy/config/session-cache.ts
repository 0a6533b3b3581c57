import type { Backend } from './backends.ts';
import { targetName } from './routes.ts';

const LIFETIME_S = 3_600;
/** 230 bytes each; every TLS 1.3 connection takes one, and the oldest makes room. */
const SESSIONS = 10_000;

/**
 * Sessions are kept in HAProxy's memory, and what a client gets as a ticket names one (RFC 8446 §4.6.1). So there is no key of
 * tickets to keep, to rotate or to lose; HAProxy's tickets with keys of one's own (`tls-ticket-keys`) are moreover not renewed
 * when they are used, so that clients, which use each once, resume only some of their connections.
 *
 * HAProxy resumes a session also for a client that names another name than it began with: versions before 3.2.23 whatever the
 * certificates, later ones where the names share theirs. In TLS 1.2 it then tells us the first name (`ssl_fc_sni`), and bytes would
 * go to the app of a name that the client has not asked for. There is nothing to compare it with, so that no session is kept where
 * this could matter.
 */
export function sessionCache(backends: readonly Backend[]): readonly string[] {
  if (!keepsApart(backends)) return ['tune.ssl.cachesize 0'];
  return [`tune.ssl.cachesize ${SESSIONS}`, `tune.ssl.lifetime ${LIFETIME_S}s`];
}

/** Whether no name's bytes can reach another one's app: there is one app, or each request says again whom it is for. */
function keepsApart(backends: readonly Backend[]): boolean {
  const apps = new Set(backends.map(({ target }) => targetName(target)));
  return apps.size <= 1 || backends.every(({ kind }) => kind === 'http');
}
