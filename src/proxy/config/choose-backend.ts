import { type Backend, ONCE_SUFFIX } from './backends.ts';

/** True for a request that an app may not be sent twice: its method is not safe (RFC 9110 §9.2.1). */
const UNSAFE = '!{ method GET HEAD OPTIONS TRACE }';
/** True for connections to targets that take bytes. */
export const OF_TCP = '{ var(sess.route) -m beg tcp: tls: }';
const OF_HTTP = '{ var(sess.route) -m beg http: https: }';

/** Which backend of its target a connection or a request goes to: the first rule that fits. */
export function useBackends(backends: readonly Backend[]): string[] {
  const rule = ({ kind, suffix }: Backend) => {
    const ofTarget = kind === 'http' ? OF_HTTP : OF_TCP;
    const h2 = suffix.startsWith('.h2');
    const ofClient =
      kind === 'plain-http' && !h2 ? '{ ssl_fc_alpn http/1.1 }' : `${h2 ? '' : '!'}{ ssl_fc_alpn h2 }`;
    const conditions = [ofClient, ofTarget, ...(suffix.endsWith(ONCE_SUFFIX) ? [UNSAFE] : [])];
    return `use_backend %[var(sess.route)]${suffix} if ${conditions.join(' ')}`;
  };
  const rules = backends.filter(({ suffix }) => suffix !== '').map(rule);
  return [...new Set(rules), 'use_backend %[var(sess.route)]'];
}
