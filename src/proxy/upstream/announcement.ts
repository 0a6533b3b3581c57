import { type Route, targetUrl } from '../config/routes.ts';

/**
 * What a person opens, and where it leads: `https://app.example.com is up, forwarding to http://app:3000`. `doubts` are the
 * subjects of warnings that speak against it. Pure.
 */
export function upMessage({ name, target, alpn }: Route, doubts: readonly string[] = []): string {
  const own = alpn.filter((protocol) => protocol !== 'h2' && protocol !== 'http/1.1');
  const tls = ['TLS', ...own].join(', ');
  const where = target.speaks === 'tcp' ? `${name}:443 (${tls})` : `https://${name}`;
  const warning = doubts.length === 1 ? 'the warning' : 'the warnings';
  const but =
    doubts.length === 0 ? '' : `, but see ${warning} about ${doubts.join(' and ')}: it may not be reached`;
  return `${where} is up, forwarding to ${targetUrl(target)}${but}`;
}
