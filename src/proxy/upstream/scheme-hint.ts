import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import { type ProxyRoute, type Target, targetName, targetUrl } from '../config/routes.ts';
import type { ServerOptions } from '../config/servers.ts';
import { isConnectable } from '../config/syntax.ts';
import type { ConnectionFailure } from '../process/failure.ts';
import { isRecent } from '../recent.ts';
import { sniFor } from '../runtime/handshake.ts';
import { type ProbedProtocol, probeProtocol } from './probe.ts';

export interface SchemeHintOptions {
  readonly routes: readonly ProxyRoute[];
  readonly sendProxy: ServerOptions['sendProxy'];
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends probes in progress. */
  readonly signal: AbortSignal;
}

/** Milliseconds before the same app is probed again. */
const INTERVAL_MS = 600_000;

/**
 * The failures of an app that does not understand the request: it closes the connection, or answers
 * in another protocol.
 */
const SUSPICIOUS = new Set(['not-http', 'broke-off']);

/** The PROXY header of a connection that is not on behalf of a client. */
const LOCAL_HEADERS = {
  off: Buffer.alloc(0),
  v1: Buffer.from('PROXY UNKNOWN\r\n'),
  v2: Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'),
} as const;

/**
 * Logs which scheme to use if an `http://` target fails because it speaks only HTTP/2 or requires
 * TLS. HAProxy reports only an invalid response, so the app is probed, at most once in ten minutes.
 * Returns the function to call with each failure.
 */
export function createSchemeHint({
  routes,
  clock,
  ...options
}: SchemeHintOptions): (failure: ConnectionFailure) => void {
  // The first of several routes to the same target.
  const routeTo = new Map(routes.toReversed().map((route) => [targetName(route.target), route]));
  const probedAt = new Map<string, number>();
  return ({ target: name, why }) => {
    const route = name === undefined ? undefined : routeTo.get(name);
    if (name === undefined || route?.target.speaks !== 'http/1.1' || route.target.tls || !SUSPICIOUS.has(why))
      return;
    const now = clock.now().getTime();
    if (isRecent(probedAt.get(name) ?? Number.NEGATIVE_INFINITY, INTERVAL_MS, now)) return;
    probedAt.set(name, now);
    probe(name, route, options).catch((err: unknown) =>
      options.log.debug({ err }, "probing the app's protocol failed"),
    );
  };
}

async function probe(
  name: string,
  { target, name: served }: ProxyRoute,
  { lookup, sendProxy, log, signal }: Omit<SchemeHintOptions, 'routes' | 'clock'>,
): Promise<void> {
  const { host, port } = target;
  const found = isIP(host) === 0 ? await lookup(host, signal) : [{ address: host }];
  const addresses = found.map((answer) => answer.address).filter(isConnectable);
  const names = { authority: sniFor(served), servername: host };
  const header = LOCAL_HEADERS[sendProxy];
  const protocol = await probeProtocol({ addresses, port, ...names, header }, signal);
  const message = schemeHint(target, protocol);
  if (message !== undefined) log.warn({ event: 'wrong-scheme', target: name }, message);
}

/**
 * The hint which scheme to use instead of `http://`; undefined if `http://` is right or nothing is
 * known. Pure.
 */
export function schemeHint(target: Target, protocol: ProbedProtocol | undefined): string | undefined {
  const url = (change: Partial<Target>) => targetUrl({ ...target, ...change });
  const set = 'in TARGET_ENDPOINT or ROUTING_MAP, write';
  if (protocol === 'h2')
    return `the app at ${url({})} speaks HTTP/2 but not HTTP/1.1: ${set} ${url({ speaks: 'h2' })}`;
  if (protocol === 'tls') {
    const grpcs = url({ speaks: 'h2', tls: true });
    return `the app at ${url({})} requires TLS: ${set} ${url({ tls: true })}, or ${grpcs} if it speaks gRPC`;
  }
  return undefined;
}
