import { RESERVED_CONNECTIONS } from '../config/connections.ts';
import { PUBLIC_FRONTEND } from '../config/syntax.ts';
import { expectReply, type RuntimeApi } from './runtime-api.ts';

/** The reply to `show info`. */
export interface ProcessInfo {
  readonly pid: number;
  readonly version: string;
  /** How many file descriptors the process may open (Ulimit-n). */
  readonly fdLimit: number;
  /** How many it needs for `maxconn` connections (Maxsock). */
  readonly fdsNeeded: number;
  /** The configured global limit of connections, RESERVED_CONNECTIONS included (Hard_maxconn). */
  readonly maxconn: number;
}

/** Sends `show info`. */
export async function showInfo(api: RuntimeApi, signal?: AbortSignal): Promise<ProcessInfo> {
  const reply = await expectReply(api, 'show info', /^Pid: \d+$/m, { signal });
  const fields = new Map(
    reply.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
  const number = (name: string) => Number(fields.get(name) ?? Number.NaN);
  return {
    pid: number('Pid'),
    version: fields.get('Version') ?? 'unknown',
    fdLimit: number('Ulimit-n'),
    fdsNeeded: number('Maxsock'),
    maxconn: number('Hard_maxconn'),
  };
}

/**
 * How many client connections the file descriptors allow, at most the configured number. Each takes
 * two: one to the client and one to the app. HAProxy needs the rest itself. Pure.
 */
export function availableConnections({ fdLimit, fdsNeeded, maxconn }: ProcessInfo): number {
  if (fdLimit >= fdsNeeded) return maxconn - RESERVED_CONNECTIONS;
  const internal = fdsNeeded - 2 * maxconn;
  return Math.max(1, Math.floor((fdLimit - internal) / 2) - RESERVED_CONNECTIONS);
}

/** Lowers the limit of concurrent client connections; further ones wait in the kernel's backlog. */
export async function setMaxconn(api: RuntimeApi, connections: number, signal?: AbortSignal): Promise<void> {
  await expectReply(api, `set maxconn frontend ${PUBLIC_FRONTEND} ${connections}`, /^$/, { signal });
  await expectReply(api, `set maxconn global ${connections + RESERVED_CONNECTIONS}`, /^$/, { signal });
}

/**
 * Sets the address (without brackets) of a server (`backend/server`) and enables it. Idempotent.
 */
export async function setServerAddress(
  api: RuntimeApi,
  server: string,
  { address, port }: { readonly address: string; readonly port: number },
  signal?: AbortSignal,
): Promise<void> {
  const success = /changed from|no need to change|nothing changed/;
  await expectReply(api, `set server ${server} addr ${address} port ${port}`, success, { signal });
  await expectReply(api, `set server ${server} state ready`, /^$/, { signal });
}

/** Puts a server into maintenance: it gets no further connections, and open ones stay. */
export async function disableServer(api: RuntimeApi, server: string, signal: AbortSignal): Promise<void> {
  await expectReply(api, `set server ${server} state maint`, /^$/, { signal });
}

/** Sets the limit of concurrent connections of a server. */
export async function setServerMaxconn(
  api: RuntimeApi,
  server: string,
  connections: number,
  signal: AbortSignal,
): Promise<void> {
  await expectReply(api, `set maxconn server ${server} ${connections}`, /^$/, { signal });
}

/**
 * Stops HAProxy's own health checks of a server; it still observes the connections of clients
 * (`observe layer4`).
 */
export async function stopHealthChecks(api: RuntimeApi, server: string, signal: AbortSignal): Promise<void> {
  await expectReply(api, `disable health ${server}`, /^$/, { signal });
}

/** SRV_ST_STOPPED in `show servers state`. */
const STOPPED = '0';

/**
 * The names of a backend's servers that get no connections, because a connection failed or because
 * they are disabled.
 */
export async function stoppedServers(
  api: RuntimeApi,
  backend: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reply = await expectReply(api, `show servers state ${backend}`, /^# .*srv_name.*srv_op_state/m, {
    signal,
  });
  const [titles = [], ...rows] = reply
    .split('\n')
    .filter((line) => line.includes(' '))
    .map((line) => line.replace(/^# /, '').split(' '));
  const [name, state] = [titles.indexOf('srv_name'), titles.indexOf('srv_op_state')];
  return rows.flatMap((row) => (row[state] === STOPPED ? (row[name] ?? []) : []));
}
