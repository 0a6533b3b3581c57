import type { TestContext } from 'node:test';
import { systemClock, until } from '../../../src/clock.ts';
import type { ProxyRoute, Target } from '../../../src/proxy/config/routes.ts';
import { runtimePaths } from '../../../src/proxy/process/runtime-dir.ts';
import { type ProxyOptions, type RunningProxy, startProxy } from '../../../src/proxy/proxy.ts';
import { runtimeApi } from '../../../src/proxy/runtime/runtime-api.ts';
import { freePort } from '../../world/free-port.ts';
import { afterTest } from '../after-test.ts';
import { type LogLine, memoryLog } from '../memory-log.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { testCertificate } from './proxy-certificate.ts';

export { freePort };

/** The HAProxy to test. */
export const haproxyBin = process.env['HAPROXY_BIN'] ?? 'haproxy';

/** Waits until `check` returns true, for up to ten seconds. */
export async function eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const seen = await until(async () => ((await check()) ? true : undefined), {
    clock: systemClock,
    timeoutMs: 10_000,
    everyMs: 20,
  });
  if (!seen) throw new Error(`not within 10 s: ${what}`);
}

/** Routes from some names to one target; by default to a closed port, over TCP. */
export function routesTo(
  target: Partial<Target>,
  names: readonly string[] = ['app.example'],
  alpn: readonly string[] = [],
): ProxyRoute[] {
  const whole: Target = { host: '127.0.0.1', port: 9, speaks: 'tcp', tls: false, ...target };
  return names.map((name) => ({ name, target: whole, alpn }));
}

/** The ALPN of HTTP targets. */
export const HTTP_ALPN = ['h2', 'http/1.1'];

/** Routes from some names to an HTTP/1.1 app on this host, unless `target` says otherwise. */
export function httpRoutes(
  port: number,
  names: readonly string[] = ['app.example'],
  target: Partial<Target> = {},
): ProxyRoute[] {
  return routesTo({ port, speaks: 'http/1.1', ...target }, names, HTTP_ALPN);
}

export interface RunningTest {
  readonly proxy: RunningProxy;
  readonly port: number;
  readonly runtimeDir: string;
  readonly lines: LogLine[];
}

/** The proxy's options. Without routes, `names` lead to one target as bytes. */
export interface TestProxyOptions extends Partial<ProxyOptions> {
  readonly target?: Partial<Target>;
  /** Default: `app.example`. */
  readonly names?: readonly string[];
  readonly alpn?: readonly string[];
}

/** A proxy on a free port with a runtime directory of its own, stopped when the test ends. */
export async function startTestProxy(
  t: TestContext,
  { target = {}, names, alpn, ...options }: TestProxyOptions = {},
): Promise<RunningTest> {
  const runtimeDir = options.runtimeDir ?? temporaryDirectory(t);
  const port = options.port ?? (await freePort());
  const { log, lines } = memoryLog();
  const proxy = await startProxy({
    ...{ port, runtimeDir, haproxyBin, log, clock: systemClock, warnOf: () => undefined },
    maxconn: 100,
    timeouts: { connect: 1_000, client: 60_000, server: 60_000 },
    routes: routesTo(target, names, alpn),
    ...{ acceptProxy: false, sendProxy: 'off', upstreamTls: { verify: true }, evidencePort: undefined },
    drainMs: 200,
    ...options,
  });
  afterTest(t, () => proxy.stop());
  return { proxy, port, runtimeDir, lines };
}

/** A proxy with some routes, and a certificate for each of them. */
export async function startServing(
  t: TestContext,
  routes: readonly ProxyRoute[],
  options: Omit<TestProxyOptions, 'routes' | 'target' | 'names' | 'alpn'> = {},
): Promise<RunningTest> {
  const running = await startTestProxy(t, { ...options, routes });
  for (const { name } of routes) await running.proxy.install(await testCertificate(name));
  return running;
}

/** Sends a command to the runtime API of a test's HAProxy; resolves with its reply. */
export function runtimeCommand(runtimeDir: string, command: string): Promise<string> {
  return runtimeApi(runtimePaths(runtimeDir).socket, systemClock).send(command);
}

/**
 * The sum of a column of `show stat` (management.txt §9.1) over the rows named `name`: `FRONTEND`,
 * or `app` for servers.
 */
export async function statistic(runtimeDir: string, name: string, column: string): Promise<number> {
  const [titles, ...rows] = (await runtimeCommand(runtimeDir, 'show stat'))
    .split('\n')
    .map((line) => line.split(','));
  const at = titles?.indexOf(column) ?? -1;
  if (at < 0) throw new Error(`no statistic ${column}`);
  return rows.filter(([, called]) => called === name).reduce((sum, row) => sum + Number(row[at]), 0);
}
