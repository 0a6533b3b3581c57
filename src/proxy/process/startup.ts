import type { Log } from '../../log.ts';
import type { ProxySettings } from '../config/render.ts';
import { availableConnections, setMaxconn, type ProcessInfo, showInfo } from '../runtime/commands.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { retryWarning } from './age.ts';
import type { HaproxyProcess } from './process.ts';

/** Says which HAProxy is up, and what it falls short of. */
export async function reportStart(
  { api: socket }: HaproxyProcess,
  settings: ProxySettings,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const info = await showInfo(socket, signal);
  const { pid, version } = info;
  const { privileges } = settings;
  const account = { user: privileges?.user, chroot: privileges?.chroot };
  log.info(
    { pid, version, connections: availableConnections(info), ipv6: settings.ipv6, ...account },
    'HAProxy is up',
  );
  const old = settings.routes.some(({ target }) => target.speaks !== 'tcp') && retryWarning(version);
  if (old) log.warn({ version }, old);
  await limitToFds(socket, info, settings, log, signal);
}

/** With too few file descriptors HAProxy would accept connections that it cannot serve. */
async function limitToFds(
  socket: RuntimeApi,
  info: ProcessInfo,
  { maxconn }: ProxySettings,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const connections = availableConnections(info);
  const { fdsNeeded: descriptorsWanted } = info;
  if (connections >= maxconn) return;
  await setMaxconn(socket, connections, signal);
  log.warn(
    { connections, maxconn, descriptors: info.fdLimit, descriptorsWanted },
    `only ${connections} of MAXCONN=${maxconn} connections fit the limit of open files: raise "ulimit -n" to ${descriptorsWanted}`,
  );
}
