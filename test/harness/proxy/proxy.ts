import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { systemClock, until } from '../../../src/clock.ts';
import type { Route, Target } from '../../../src/proxy/config/routes.ts';
import { type ProxyOptions, type RunningProxy, startProxy } from '../../../src/proxy/proxy.ts';
import { freePort } from '../../world/free-port.ts';
import { afterTest } from '../after-test.ts';
import { type LogLine, memoryLog } from '../memory-log.ts';

export { freePort };

/** The HAProxy to try. */
export const haproxyBin = process.env['HAPROXY_BIN'] ?? 'haproxy';

/** Waits until `look` gives true, for ten seconds at most. */
export async function eventually(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  const seen = await until(async () => ((await look()) ? true : undefined), {
    clock: systemClock,
    timeoutMs: 10_000,
    everyMs: 20,
  });
  if (!seen) throw new Error(`not within 10 s: ${what}`);
}

export async function temporaryDir(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'proxy-'));
  afterTest(t, () => rm(path, { recursive: true, force: true }));
  return path;
}

/** An app that does `serve` with each connection. */
export async function startApp(
  t: TestContext,
  serve: (socket: Socket) => void,
  listen: { host?: string; port?: number } = {},
): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    serve(socket);
  });
  server.listen(listen.port ?? 0, listen.host ?? '127.0.0.1');
  await once(server, 'listening');
  afterTest(t, () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return portOf(server);
}

/** Sends back what it gets. */
export const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

/** Says `words` before the client does. */
export const greeter =
  (words: string) =>
  (socket: Socket): void => {
    socket.write(words);
  };

export interface RunningTest {
  readonly proxy: RunningProxy;
  readonly port: number;
  readonly runtimeDir: string;
  readonly lines: LogLine[];
}

/** What is asked of the proxy; without routes, its names lead to one target as bytes. */
export interface TestProxyOptions extends Partial<ProxyOptions> {
  readonly target?: Partial<Target>;
  /** Default: `app.example`. */
  readonly names?: readonly string[];
  readonly alpn?: readonly string[];
}

/** Routes from some names to one target; by default to a port that nobody listens on, as bytes. */
export function routesTo(
  target: Partial<Target>,
  names: readonly string[] = ['app.example'],
  alpn: readonly string[] = [],
): Route[] {
  const whole: Target = { host: '127.0.0.1', port: 9, speaks: 'tcp', tls: false, ...target };
  return names.map((name) => ({ name, target: whole, alpn }));
}

/** A proxy on a free port with a runtime directory of its own, stopped when the test ends. */
export async function startTestProxy(
  t: TestContext,
  { target = {}, names, alpn, ...options }: TestProxyOptions = {},
): Promise<RunningTest> {
  const runtimeDir = options.runtimeDir ?? (await temporaryDir(t));
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

/** A client of the proxy after its handshake. Whether the certificate is trusted is not asked. */
export async function openTls(
  t: TestContext,
  port: number,
  servername: string,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false, ...options });
  afterTest(t, () => socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

/** Sends a line and resolves with the line that comes back. */
export async function say(socket: TLSSocket, words: string): Promise<string> {
  socket.write(`${words}\n`);
  return await hear(socket);
}

/** The next bytes, as text; '' when the other side ends. */
export async function hear(socket: TLSSocket): Promise<string> {
  const chunk: unknown = await Promise.race([
    once(socket, 'data').then(([data]) => data),
    once(socket, 'close').then(() => ''),
  ]);
  return String(chunk).trim();
}

function portOf(server: Server): number {
  // A server that listens on TCP has an address with a port.
  return (server.address() as AddressInfo).port;
}
