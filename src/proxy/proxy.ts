import { settlesWithin } from '../async.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Lookup, systemLookup } from '../net/system-lookup.ts';
import { backendsOf, servesHttp1Clients } from './config/backends.ts';
import { type Privileges, type ProxySettings, renderHaproxy } from './config/render.ts';
import { alpnOf, exactNamesBelow, renderRouteMap } from './config/routes.ts';
import { settles } from './deadline.ts';
import { processRights, privilegesToDrop } from './process/host.ts';
import { InstalledCertificates } from './process/installed-certificates.ts';
import { hasIpv6 } from './process/ipv6.ts';
import { checkConfig, type HaproxyProcess, launchHaproxy } from './process/process.ts';
import { prepareRuntimeDir, type RuntimePaths, runtimePaths } from './process/runtime-dir.ts';
import { reportStart } from './process/startup.ts';
import { type Supervisor, stopping, supervise } from './process/supervisor.ts';
import { findStale, awaitExit } from './process/takeover.ts';
import type { CrtListEntry } from './runtime/certificates.ts';
import { endAbandonedRequests, ABANDONED_POLICY, type AbandonedPolicy } from './runtime/end-abandoned.ts';
import { verifyServed } from './runtime/handshake.ts';
import { createSchemeHint } from './upstream/scheme-hint.ts';
import type { UpstreamHost } from './upstream/upstream-host.ts';
import { type UpstreamOptions, createUpstreams } from './upstream/upstreams.ts';

export interface ProxyOptions
  extends Omit<ProxySettings, 'paths' | 'privileges' | 'drainMs' | 'ipv6'>,
    UpstreamOptions {
  /** Where the configuration and the runtime socket go: an absolute path that only this ingress uses. */
  readonly runtimeDir: string;
  readonly haproxyBin: string;
  /** Milliseconds that open connections get to finish on `stop`; 8,000 by default and at most. */
  readonly drainMs?: number;
  /** By default what surrenderable says: when we are root, the user haproxy in an empty chroot. */
  readonly privileges?: Privileges;
  /** With clients of HTTP/1.1 that have closed their side; by default PATIENCE. */
  readonly abandoned?: AbandonedPolicy;
}

/** A certificate to serve, with the protocols of its route. */
export interface CertificateBundle extends Omit<CrtListEntry, 'names' | 'except' | 'alpn'> {
  /** SHA-256 of the first certificate of the chain in hexadecimal, with or without colons. */
  readonly fingerprint256: string;
  /** The name of the route that it is for. It is proven by it; `*.x` is proven by a name below x. */
  readonly servername: string;
}

/** The data plane. */
export interface RunningProxy {
  /** Whether it listens and has everything that was installed. */
  readonly running: boolean;
  /** The process that serves now; undefined while there is none. */
  readonly pid: number | undefined;
  /**
   * Serves a certificate from now on, in place of the one that was installed under this name, and proves it by a
   * handshake. Connections that are open stay open. Waits for HAProxy when it is being restarted; what it has accepted
   * is installed again after each restart.
   *
   * Throws PROXY_COMMAND_FAILED when HAProxy refused it (it serves what it served), HANDSHAKE_FAILED when it is
   * installed but was not seen, PROXY_START_FAILED when HAProxy did not come back in time or is being stopped.
   */
  install(bundle: CertificateBundle, signal?: AbortSignal): Promise<void>;
  /** Lets connections finish, then ends HAProxy. Resolves within 9.5 seconds, never rejects. Idempotent. */
  stop(): Promise<void>;
}

const DRAIN_MS = 8_000;
/** What an HAProxy of an earlier run gets beyond the drain time that it was started with. */
const STALE_GRACE_MS = 1_500;

/**
 * Starts HAProxy and keeps it alive. It listens at once and refuses handshakes until a certificate is installed. An
 * HAProxy that was left by a control plane that was killed hands its port over and finishes its connections.
 *
 * Throws PROXY_CONFIG_REJECTED, PROXY_START_FAILED or, when `signal` aborts the start, its reason; then nothing runs.
 */
export async function startProxy(
  options: ProxyOptions,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningProxy> {
  const parts = assemble(options, await hasIpv6());
  const { paths, settings, addresses, certificates, closing, background } = parts;
  const { clock, log, haproxyBin } = parts;
  const texts = { config: renderHaproxy(settings), routes: renderRouteMap(settings.routes) };
  await prepareRuntimeDir(paths, texts, settings.privileges);
  await checkConfig(haproxyBin, paths, signal);
  let supervisor: Supervisor | undefined;
  const running = () => supervisor?.current?.api;
  background.push(...addresses.map((address) => address.follow(running, closing.signal)));
  if (canTellGone(settings)) {
    const { port } = settings;
    background.push(endAbandonedRequests({ port, clock, log, ...(options.abandoned ?? ABANDONED_POLICY) }, running, closing.signal));
  }
  try {
    supervisor = await supervise(
      {
        launch: launcher(parts, await findStale(paths, { clock, log, signal })),
        restore: async (haproxy, ends) => {
          await reportStart(haproxy, settings, log, ends);
          // Before any certificate: who gets through the handshake finds the app.
          for (const address of addresses) await address.restore(haproxy.api, ends);
          await certificates.restore(haproxy, ends);
        },
        clock,
        log,
      },
      signal,
    );
  } catch (thrown) {
    closing.abort();
    throw thrown;
  }
  return new SupervisedProxy(parts, supervisor);
}

interface Parts {
  readonly haproxyBin: string;
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
  readonly paths: RuntimePaths;
  readonly settings: ProxySettings;
  readonly certificates: InstalledCertificates;
  /** One for each host of apps. */
  readonly addresses: readonly UpstreamHost[];
  readonly closing: AbortController;
  readonly closed: AbortController;
  /** What ends by itself once these two abort. None rejects. */
  readonly background: Promise<void>[];
}

function assemble(
  { runtimeDir, haproxyBin, clock, lookup = systemLookup, ...options }: ProxyOptions,
  ipv6: boolean,
): Parts {
  const paths = runtimePaths(runtimeDir);
  const log = options.log.child({ component: 'haproxy' });
  const settings: ProxySettings = {
    ...options,
    ipv6,
    paths,
    privileges: options.privileges ?? privilegesToDrop(processRights(), paths.chroot),
    drainMs: options.drainMs ?? DRAIN_MS,
  };
  return {
    ...{ haproxyBin, lookup, clock, log, paths, settings },
    certificates: new InstalledCertificates({ path: paths.crtList, directory: paths.certificates }, clock),
    addresses: createUpstreams(settings, { ...options, lookup, clock, log }),
    closing: new AbortController(),
    closed: new AbortController(),
    background: [],
  };
}

/** Whether there are clients of HTTP/1.1 whose connections the kernel knows by the address that HAProxy knows. */
function canTellGone({ acceptProxy, routes, evidencePort }: ProxySettings): boolean {
  return !acceptProxy && backendsOf(routes, evidencePort !== undefined).some(({ name }) => servesHttp1Clients(name));
}

/** The first launch takes over from a stale process; the others have nobody to take over from. */
function launcher(parts: Parts, stale: Awaited<ReturnType<typeof findStale>>) {
  const { haproxyBin, lookup, clock, log, paths, settings, closing, closed, background } = parts;
  const { port, drainMs } = settings;
  const onFailure = createSchemeHint({ ...settings, lookup, clock, log, signal: closing.signal });
  let predecessor = stale;
  return async (signal: AbortSignal): Promise<HaproxyProcess> => {
    const successorOf = predecessor?.pid;
    if (successorOf !== undefined) log.info({ pid: successorOf }, 'taking over from an earlier HAProxy');
    const launch = {
      ...{ paths, haproxyBin, port, drainMs, successorOf },
      ...{ onFailure, clock, log },
    };
    const haproxy = await launchHaproxy(launch, signal);
    if (predecessor) {
      const timeoutMs = drainMs + STALE_GRACE_MS;
      background.push(awaitExit(predecessor, { clock, log, timeoutMs, signal: closed.signal }));
    }
    predecessor = undefined;
    return haproxy;
  };
}

class SupervisedProxy implements RunningProxy {
  readonly #parts: Parts;
  readonly #supervisor: Supervisor;

  constructor(parts: Parts, supervisor: Supervisor) {
    this.#parts = parts;
    this.#supervisor = supervisor;
  }

  get running(): boolean {
    return this.#supervisor.current !== undefined;
  }

  get pid(): number | undefined {
    return this.#supervisor.current?.pid;
  }

  async install(bundle: CertificateBundle, signal?: AbortSignal): Promise<void> {
    const { certificates, settings, paths, clock, closing } = this.#parts;
    const { servername, fingerprint256 } = bundle;
    const ends = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
    const { routes } = settings;
    const files = {
      ...bundle,
      ...{ names: [servername], except: exactNamesBelow(routes, servername), alpn: alpnOf(routes, servername) },
    };
    await certificates.install(this.#supervisor, files, ends);
    await verifyServed({ path: paths.handshakeSocket, servername, fingerprint256, clock, signal: ends });
  }

  async stop(): Promise<void> {
    const { closing, closed, background, clock } = this.#parts;
    const stopped = this.#supervisor.stop();
    closing.abort(stopping());
    await stopped;
    closed.abort();
    await settlesWithin(Promise.all(background), 100, clock);
  }
}
