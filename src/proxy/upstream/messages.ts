import { messageOf, systemErrorCode } from '../../errors.ts';
import { type ProxyRoute, targetUrl } from '../config/routes.ts';
import { SLOTS } from '../config/servers.ts';

/** Warnings and log messages about upstreams, for the operator. Everything here is pure. */

/** A host and port that HAProxy connects to. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The subject of warnings about the host of an app, or about one of its ports. */
export function upstreamSubject(host: string, port?: number): string {
  return `the app at ${port === undefined ? host : formatEndpoint({ host, port })}`;
}

/** The subject of the warning about the number of an app's addresses. */
export function addressCountSubject(endpoint: Endpoint): string {
  return `the number of addresses of ${formatEndpoint(endpoint)}`;
}

/**
 * The announcement of a served name: `https://app.example.com is up, forwarding to
 * http://app:3000`. `warnings` are the subjects of current warnings that may make it unreachable.
 */
export function upMessage({ name, target, alpn }: ProxyRoute, warnings: readonly string[] = []): string {
  const protocols = alpn.filter((protocol) => protocol !== 'h2' && protocol !== 'http/1.1');
  const tls = ['TLS', ...protocols].join(', ');
  const where = target.speaks === 'tcp' ? `${name}:443 (${tls})` : `https://${name}`;
  const which = warnings.length === 1 ? 'the warning' : 'the warnings';
  const but =
    warnings.length === 0 ? '' : `; it may not be reachable, see ${which} about ${warnings.join(' and ')}`;
  return `${where} is up, forwarding to ${targetUrl(target)}${but}`;
}

/** Why a lookup found no address, with the system's error code. */
export function lookupFailure(thrown: unknown): string {
  const code = systemErrorCode(thrown);
  if (code === 'ENOTFOUND') return 'the resolver reports that it does not exist, ENOTFOUND';
  if (code === 'EAI_AGAIN') return 'the resolver did not answer or failed, EAI_AGAIN';
  return messageOf(thrown);
}

/** The warning that the host of an app has no address; `last` are the addresses that it had. */
export function doesNotResolve(host: string, why: string, last: readonly string[]): string {
  const [addresses, are] = last.length === 1 ? ['address', 'is'] : ['addresses', 'are'];
  const consequence =
    last.length === 0
      ? 'nothing can be forwarded to it. Check TARGET_ENDPOINT or ROUTING_MAP, and that the app and this container share a network'
      : `its last ${addresses}, ${last.join(', ')}, ${are} used until it does`;
  return `the app's name ${host} does not resolve (${why}): ${consequence}`;
}

/** The warning that the app has not answered yet; `reasons` are the failures by address. */
export function doesNotAnswer(
  endpoint: Endpoint,
  reasons: ReadonlyMap<string, string>,
  inContainer: boolean,
): string {
  const list = [...reasons].map(([address, why]) => `${address}: ${why}`).join(', ');
  const refused = [...reasons.values()].some((why) => why === 'ECONNREFUSED');
  const what = refused
    ? `nothing listens at ${formatEndpoint(endpoint)}`
    : `${formatEndpoint(endpoint)} does not accept connections`;
  const fix = isOwnLoopback(endpoint, inContainer)
    ? LOOPBACK_FIX
    : 'Check the port in TARGET_ENDPOINT or ROUTING_MAP, that the app has started (depends_on starts it first), and that it listens on 0.0.0.0 and not only on its own localhost';
  return `${what} (${list}). ${fix}. The ingress forwards to it as soon as it answers`;
}

/**
 * The warning that the target is the container of the ingress itself, which is rarely intended;
 * undefined for any other target.
 */
export function pointsToIngress(endpoint: Endpoint, inContainer: boolean): string | undefined {
  if (!isOwnLoopback(endpoint, inContainer)) return undefined;
  return `${formatEndpoint(endpoint)} is the container of the ingress itself. ${LOOPBACK_FIX}`;
}

/** The warning that more addresses answer than are used. */
export function tooManyAddresses(endpoint: Endpoint, count: number): string {
  return `${count} addresses of ${formatEndpoint(endpoint)} answer, but at most ${SLOTS} are used at once. Reduce their number, or put a load balancer of your own in front of them`;
}

/** The fix for a target that is the container of the ingress itself. */
export const LOOPBACK_FIX =
  "Set TARGET_ENDPOINT or ROUTING_MAP to the name of the app's service in the compose file, unless both share one network (network_mode)";

function isOwnLoopback({ host }: Endpoint, inContainer: boolean): boolean {
  return (
    inContainer &&
    /^(?:(?:.+\.)?localhost|ip6-localhost|ip6-loopback|127(?:\.\d+){3}|::1|::ffff:127\..*)$/i.test(host)
  );
}

function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
