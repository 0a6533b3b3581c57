import type { Log } from '../../log.ts';
import type { ProxySettings } from '../config/render.ts';
import { availableConnections, type ProcessInfo, setMaxconn, showInfo } from '../runtime/commands.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';

/**
 * Logs the HAProxy that has started, with warnings about its version and its limit of open files,
 * and lowers its `maxconn` to what that limit allows.
 */
export async function reportStart(
  api: RuntimeApi,
  settings: ProxySettings,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const info = await showInfo(api, signal);
  const { pid, version } = info;
  const { privileges } = settings;
  const account = { user: privileges?.user, chroot: privileges?.chroot };
  log.info(
    {
      ...{ event: 'haproxy-up', pid, version },
      ...{ connections: availableConnections(info), ipv6: settings.ipv6, ...account },
    },
    'HAProxy is up',
  );
  const hasHttpRoute = settings.routes.some(({ target }) => target.speaks !== 'tcp');
  if (hasHttpRoute && resendsRequests(version)) log.warn({ version }, resendWarning(version));
  await limitToOpenFiles(api, info, settings, log, signal);
}

/**
 * Whether an HAProxy makes clients resend a request that the app may have executed: true before
 * 3.0, false for newer versions and for one that cannot be parsed. Pure.
 */
export function resendsRequests(version: string): boolean {
  const [, major] = /^(\d+)\./.exec(version) ?? [];
  return major !== undefined && Number(major) < 3;
}

/** The warning about a version for which `resendsRequests` is true. Pure. */
export function resendWarning(version: string): string {
  return (
    `if the app closes the connection instead of responding, HAProxy ${version} makes the client send the request again, ` +
    'even a POST, and the app may execute it twice. Set HAPROXY_BIN to HAProxy 3.0 or newer, which responds with 502'
  );
}

/**
 * With too few file descriptors HAProxy would accept connections that it cannot forward, so this
 * lowers its limit.
 */
async function limitToOpenFiles(
  api: RuntimeApi,
  info: ProcessInfo,
  { maxconn }: ProxySettings,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const connections = availableConnections(info);
  const { fdLimit, fdsNeeded } = info;
  if (connections >= maxconn) return;
  await setMaxconn(api, connections, signal);
  log.warn(
    { connections, maxconn, descriptors: fdLimit, descriptorsWanted: fdsNeeded },
    `the limit of open files allows only ${connections} of MAXCONN=${maxconn} connections: raise "ulimit -n" to ${fdsNeeded}`,
  );
}
