import { IngressError } from '../../errors.ts';
import { RESERVED_CONNECTIONS } from '../config/render.ts';
import { PUBLIC_FRONTEND } from '../config/syntax.ts';
import type { CommandOptions, RuntimeApi } from './runtime-api.ts';

/** Sends a command and throws PROXY_COMMAND_FAILED with HAProxy's words unless the reply is one of success. */
export async function expectReply(
  socket: RuntimeApi,
  command: string,
  success: RegExp,
  options: CommandOptions = {},
): Promise<string> {
  const reply = await socket.send(command, options);
  if (success.test(reply)) return reply;
  throw new IngressError('PROXY_COMMAND_FAILED', `HAProxy refused "${command}": ${inOneLine(reply)}`, {
    details: { command, reply },
  });
}

/** What a running HAProxy says of itself. */
export interface ProcessInfo {
  readonly pid: number;
  readonly version: string;
  /** File descriptors it may open. */
  readonly fdLimit: number;
  /** File descriptors it would need for `maxconn` connections. */
  readonly fdsNeeded: number;
  /** Connections it was configured for, those for the control plane among them. */
  readonly maxconn: number;
}

/** Asks a running HAProxy who it is. */
export async function showInfo(socket: RuntimeApi, signal?: AbortSignal): Promise<ProcessInfo> {
  const reply = await expectReply(socket, 'show info', /^Pid: \d+$/m, { signal });
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
 * How many connections of others the file descriptors suffice for, at most those configured: each takes two, one to the
 * client and one to the app; what HAProxy wants beyond that is its own.
 */
export function availableConnections({ fdLimit: descriptors, fdsNeeded: descriptorsWanted, maxconn }: ProcessInfo): number {
  if (descriptors >= descriptorsWanted) return maxconn - RESERVED_CONNECTIONS;
  const own = descriptorsWanted - 2 * maxconn;
  return Math.max(1, Math.floor((descriptors - own) / 2) - RESERVED_CONNECTIONS);
}

/** Lowers the number of connections of others at once; further ones wait in the kernel. */
export async function setMaxconn(
  socket: RuntimeApi,
  connections: number,
  signal?: AbortSignal,
): Promise<void> {
  await expectReply(socket, `set maxconn frontend ${PUBLIC_FRONTEND} ${connections}`, /^$/, { signal });
  await expectReply(socket, `set maxconn global ${connections + RESERVED_CONNECTIONS}`, /^$/, { signal });
}

/** Points a server (`backend/server`) at an address (without brackets) and lets connections through to it. Idempotent. */
export async function setServerAddress(
  socket: RuntimeApi,
  server: string,
  { address, port }: { readonly address: string; readonly port: number },
  signal?: AbortSignal,
): Promise<void> {
  const moved = /changed from|no need to change|nothing changed/;
  await expectReply(socket, `set server ${server} addr ${address} port ${port}`, moved, { signal });
  await expectReply(socket, `set server ${server} state ready`, /^$/, { signal });
}

/** Lets no further connections through to a server; those that are open stay. */
export async function disableServer(socket: RuntimeApi, server: string, signal: AbortSignal): Promise<void> {
  await expectReply(socket, `set server ${server} state maint`, /^$/, { signal });
}

/** Limits the connections that a server may have at once. */
export async function setServerMaxconn(
  socket: RuntimeApi,
  server: string,
  connections: number,
  signal: AbortSignal,
): Promise<void> {
  await expectReply(socket, `set maxconn server ${server} ${connections}`, /^$/, { signal });
}

/** Has HAProxy make no connections of its own to a server; it still observes those of clients. */
export async function stopHealthChecks(
  socket: RuntimeApi,
  server: string,
  signal: AbortSignal,
): Promise<void> {
  await expectReply(socket, `disable health ${server}`, /^$/, { signal });
}

const STOPPED = '0';

/** The servers of a backend, by their own names, that get no connections, because one failed or because they are left. */
export async function stoppedServers(
  socket: RuntimeApi,
  backend: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const reply = await expectReply(socket, `show servers state ${backend}`, /^# .*srv_name.*srv_op_state/m, {
    signal,
  });
  const [titles = [], ...rows] = reply
    .split('\n')
    .filter((line) => line.includes(' '))
    .map((line) => line.replace(/^# /, '').split(' '));
  const [name, state] = [titles.indexOf('srv_name'), titles.indexOf('srv_op_state')];
  return rows.flatMap((row) => (row[state] === STOPPED ? (row[name] ?? []) : []));
}

function inOneLine(reply: string): string {
  return reply.trim().replace(/\s*\n\s*/g, ' ');
}
