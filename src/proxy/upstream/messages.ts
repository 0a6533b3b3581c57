import { messageOf } from '../../errors.ts';
import { SLOTS } from './server-plan.ts';

/** What is said of an app that is not reached, in words for whoever configures the ingress. All of it is pure. */

/** Where connections to an app go. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What a warning about the host of an app, or about one of its ports, is about. */
export function upstreamSubject(host: string, port?: number): string {
  return `the app at ${port === undefined ? host : formatEndpoint({ host, port })}`;
}

/** What a warning about the number of addresses of an app is about. */
export function addressCountSubject(place: Endpoint): string {
  return `the number of addresses of ${formatEndpoint(place)}`;
}

/** Why a look-up found no address, in words and that of the system. */
export function lookupFailure(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ENOTFOUND') return 'the resolver says that it does not exist, ENOTFOUND';
  if (code === 'EAI_AGAIN') return 'the resolver gave no answer, or failed, EAI_AGAIN';
  return messageOf(thrown);
}

/** The name of an app has no address; `last` are those that it had. */
export function doesNotResolve(host: string, why: string, last: readonly string[]): string {
  const addresses = last.length === 1 ? 'its last address' : 'its last addresses';
  const so =
    last.length === 0
      ? 'nothing can be forwarded to it; check TARGET_ENDPOINT or ROUTING_MAP, and that the app is in a network of this container'
      : `${addresses}, ${last.join(', ')}, ${last.length === 1 ? 'is' : 'are'} used until it does`;
  return `the app's name ${host} does not resolve (${why}): ${so}`;
}

/** Nothing has answered at the place yet; `whys` says why not, by address. */
export function doesNotAnswer(place: Endpoint, whys: ReadonlyMap<string, string>, inContainer: boolean): string {
  const reasons = [...whys].map(([address, why]) => `${address}: ${why}`).join(', ');
  const refused = [...whys.values()].some((why) => why === 'ECONNREFUSED');
  const what = refused ? 'nothing listens at' : 'no connection comes about to';
  const remedy = isOwnLoopback(place, inContainer)
    ? LOOPBACK_FIX
    : 'check the port in TARGET_ENDPOINT or ROUTING_MAP, and that the app is started (depends_on starts it first) and listens on 0.0.0.0, not on its own localhost only';
  return `${what} ${formatEndpoint(place)} (${reasons}): ${remedy}. It is forwarded to as soon as it answers`;
}

/** The target is this very container, which is seldom what is meant; undefined for any other. */
export function pointsToIngress(place: Endpoint, inContainer: boolean): string | undefined {
  if (!isOwnLoopback(place, inContainer)) return undefined;
  return `${formatEndpoint(place)} is the container of the ingress itself: ${LOOPBACK_FIX}`;
}

/** More addresses answer than are used. */
export function tooManyAddresses(place: Endpoint, count: number): string {
  return `${count} addresses of ${formatEndpoint(place)} answer, and no more than ${SLOTS} of them are used at once: have fewer, or put a load balancer of your own before them`;
}

const LOOPBACK_FIX =
  "TARGET_ENDPOINT or ROUTING_MAP has to name the app's service in the compose file, unless both share one network (network_mode)";

function isOwnLoopback({ host }: Endpoint, inContainer: boolean): boolean {
  return (
    inContainer &&
    /^(?:(?:.+\.)?localhost|ip6-localhost|ip6-loopback|127(?:\.\d+){3}|::1|::ffff:127\..*)$/i.test(host)
  );
}

function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
