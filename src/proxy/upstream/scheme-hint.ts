import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import type { ServerOptions } from '../config/backends.ts';
import { type Route, type Target, targetName, targetUrl } from '../config/routes.ts';
import { isConnectable } from '../config/syntax.ts';
import type { ConnectionFailure } from '../process/failure.ts';
import { sniFor } from '../runtime/handshake.ts';
import { within } from '../within.ts';
import { type ProbedProtocol, probeProtocol } from './probe.ts';

export interface SchemeHintOptions {
  readonly routes: readonly Route[];
  readonly sendProxy: ServerOptions['sendProxy'];
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends a question that is under way. */
  readonly signal: AbortSignal;
}

/** Milliseconds before the same app is asked again. */
const QUIET_MS = 600_000;

/** Before an answer an app breaks off, or says something else, when it does not understand what it is asked. */
const ODD = new Set(['not-http', 'broke-off']);

/** What an app says on a connection that is its own, with nobody behind it. */
const OWN_HEADERS = {
  off: Buffer.alloc(0),
  v1: Buffer.from('PROXY UNKNOWN\r\n'),
  v2: Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'),
} as const;

/**
 * Tells the scheme to write where an `http://` target fails because it speaks HTTP/2 only or wants TLS. HAProxy knows no more
 * than that the answer was odd, so the app is asked what it speaks, once in ten minutes at most. Returns what wants to hear of failures.
 */
export function createSchemeHint({ routes, clock, ...options }: SchemeHintOptions): (failure: ConnectionFailure) => void {
  // Of several names that lead to a target, the first.
  const routeTo = new Map(routes.toReversed().map((route) => [targetName(route.target), route]));
  const askedAt = new Map<string, number>();
  return ({ target: name, why }) => {
    const route = name === undefined ? undefined : routeTo.get(name);
    if (name === undefined || route?.target.speaks !== 'http/1.1' || route.target.tls || !ODD.has(why))
      return;
    const now = clock.now().getTime();
    if (within(QUIET_MS, askedAt.get(name) ?? Number.NEGATIVE_INFINITY, now)) return;
    askedAt.set(name, now);
    ask(name, route, options).catch((err: unknown) => options.log.debug({ err }, 'an app was not asked'));
  };
}

async function ask(
  name: string,
  { target, name: served }: Route,
  { lookup, sendProxy, log, signal }: Omit<SchemeHintOptions, 'routes' | 'clock'>,
): Promise<void> {
  const { host, port } = target;
  const found = isIP(host) === 0 ? await lookup(host, signal) : [{ address: host }];
  const addresses = found.map((answer) => answer.address).filter(isConnectable);
  const names = { authority: sniFor(served), servername: host };
  const spoken = await probeProtocol({ addresses, port, ...names, header: OWN_HEADERS[sendProxy] }, signal);
  const sentence = schemeHint(target, spoken);
  if (sentence !== undefined) log.warn({ event: 'wrong-scheme', target: name }, sentence);
}

/** What to write in place of `http://`; undefined where that is right, or nothing is known. Pure. */
export function schemeHint(target: Target, spoken: ProbedProtocol | undefined): string | undefined {
  const as = (wanted: Partial<Target>) => targetUrl({ ...target, ...wanted });
  const write = 'in TARGET_ENDPOINT or ROUTING_MAP write';
  if (spoken === 'h2')
    return `the app at ${targetUrl(target)} speaks HTTP/2 and no HTTP/1.1: ${write} ${as({ speaks: 'h2' })}`;
  if (spoken === 'tls') {
    const grpcs = as({ speaks: 'h2', tls: true });
    return `the app at ${targetUrl(target)} wants TLS: ${write} ${as({ tls: true })}, or ${grpcs} if it speaks gRPC`;
  }
  return undefined;
}
