import { settlesWithin } from '../async.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Lookup, systemLookup } from '../net/system-lookup.ts';
import { backendsOf, servesHttp1Clients } from './config/backends.ts';
import { type Privileges, type ProxySettings, renderHaproxy } from './config/render.ts';
import { renderRouteMap } from './config/route-map.ts';
import { alpnOf, exactNamesBelow } from './config/routes.ts';
import { hasIpv6, privilegesToDrop, processRights } from './process/host.ts';
import { InstalledCertificates } from './process/installed-certificates.ts';
import { checkConfig, type HaproxyProcess, launchHaproxy } from './process/process.ts';
import { prepareRuntimeDir, type RuntimePaths, runtimePaths } from './process/runtime-dir.ts';
import { reportStart } from './process/startup.ts';
import { type Supervisor, stopping, supervise } from './process/supervisor.ts';
import { awaitExit, findStale } from './process/takeover.ts';
import type { CrtListEntry } from './runtime/certificates.ts';
import { ABANDONED_POLICY, type AbandonedPolicy, endAbandonedRequests } from './runtime/end-abandoned.ts';
import { verifyServed } from './runtime/handshake.ts';
import { createSchemeHint } from './upstream/scheme-hint.ts';
import type { UpstreamHost } from './upstream/upstream-host.ts';
import { createUpstreams, type UpstreamOptions } from './upstream/upstreams.ts';

export interface ProxyOptions
  extends Omit<ProxySettings, 'paths' | 'privileges' | 'drainMs' | 'ipv6'>,
    UpstreamOptions {
  /**
   * The directory of HAProxy's configuration and sockets: an absolute path that no other program
   * uses.
   */
  readonly runtimeDir: string;
  readonly haproxyBin: string;
  /** Milliseconds that open connections get to finish on `stop`; 8,000 by default and at most. */
  readonly drainMs?: number;
  /**
   * Default: see privilegesToDrop. If this process is root, HAProxy runs as the user haproxy in an
   * empty chroot.
   */
  readonly privileges?: Privileges;
  /**
   * When HTTP/1.1 clients that have closed their side are considered gone; default:
   * ABANDONED_POLICY.
   */
  readonly abandoned?: AbandonedPolicy;
}

/** A certificate to serve. */
export interface ProxyCertificate extends Omit<CrtListEntry, 'names' | 'except' | 'alpn'> {
  /** SHA-256 of the first certificate of the chain in hexadecimal, with or without colons. */
  readonly fingerprint256: string;
  /**
   * The name of its route. The handshake that verifies it uses this name, or for `*.x` a name below
   * x.
   */
  readonly servername: string;
}

/** The data plane. */
export interface RunningProxy {
  /** Whether HAProxy listens and has every certificate that was installed. */
  readonly running: boolean;
  /** The current process; undefined while there is none. */
  readonly pid: number | undefined;
  /**
   * Serves a certificate from now on, in place of the one that was installed under the same name,
   * and verifies that with a handshake. Open connections stay open. If HAProxy is being restarted,
   * waits for it; a certificate that it has accepted is installed again after each restart.
   *
   * Throws PROXY_COMMAND_FAILED if HAProxy refused the certificate (it keeps the previous one),
   * HANDSHAKE_FAILED if it is installed but was not presented, PROXY_START_FAILED if HAProxy did
   * not come back in time or is being stopped.
   */
  install(certificate: ProxyCertificate, signal?: AbortSignal): Promise<void>;
  /**
   * Lets connections finish, then stops HAProxy. Resolves within 9.5 seconds, never rejects.
   * Idempotent.
   */
  stop(): Promise<void>;
}

const DRAIN_MS = 8_000;
/** Milliseconds that an HAProxy of an earlier run gets beyond its drain time. */
const STALE_GRACE_MS = 1_500;

/**
 * Starts HAProxy and keeps it running. It listens at once and refuses handshakes until a
 * certificate is installed. If an earlier control plane was killed, its HAProxy hands the port over
 * and finishes its connections.
 *
 * Throws PROXY_CONFIG_REJECTED, PROXY_START_FAILED or, if `signal` aborts the start, its reason,
 * and then leaves no process running.
 */
export async function startProxy(
  options: ProxyOptions,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningProxy> {
  const parts = assemble(options, await hasIpv6());
  const { paths, settings, upstreams, certificates, closing, background } = parts;
  const { clock, log, haproxyBin } = parts;
  const texts = { config: renderHaproxy(settings), routes: renderRouteMap(settings.routes) };
  await prepareRuntimeDir(paths, texts, settings.privileges);
  await checkConfig(haproxyBin, paths, signal);
  let supervisor: Supervisor | undefined;
  const currentApi = () => supervisor?.current?.api;
  background.push(...upstreams.map((upstream) => upstream.follow(currentApi, closing.signal)));
  if (canDetectAbandoned(settings)) {
    const policy = options.abandoned ?? ABANDONED_POLICY;
    const { port } = settings;
    background.push(endAbandonedRequests({ port, clock, log, ...policy }, currentApi, closing.signal));
  }
  try {
    supervisor = await supervise(
      {
        launch: launcher(parts, await findStale(paths, { clock, log, signal })),
        restore: async ({ api }, ends) => {
          await reportStart(api, settings, log, ends);
          // Before any certificate, so that a client whose handshake succeeds can reach the app.
          for (const upstream of upstreams) await upstream.restore(api, ends);
          await certificates.restore(api, ends);
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
  readonly upstreams: readonly UpstreamHost[];
  /** Aborts when the proxy begins to stop. */
  readonly closing: AbortController;
  /** Aborts when HAProxy has stopped. */
  readonly closed: AbortController;
  /** Tasks that end once both controllers have aborted. None rejects. */
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
    upstreams: createUpstreams(settings, { ...options, lookup, clock, log }),
    closing: new AbortController(),
    closed: new AbortController(),
    background: [],
  };
}

/**
 * Whether there can be HTTP/1.1 clients that have the same address in HAProxy as in the kernel's
 * table. With a PROXY header they do not.
 */
function canDetectAbandoned({ acceptProxy, routes, evidencePort }: ProxySettings): boolean {
  const backends = backendsOf(routes, evidencePort !== undefined);
  return !acceptProxy && backends.some(({ name }) => servesHttp1Clients(name));
}

/** Launches HAProxy. The first launch takes over from a stale process, if there is one. */
function launcher(parts: Parts, stale: Awaited<ReturnType<typeof findStale>>) {
  const { haproxyBin, lookup, clock, log, paths, settings, closing, closed, background } = parts;
  const { port, drainMs } = settings;
  const onFailure = createSchemeHint({ ...settings, lookup, clock, log, signal: closing.signal });
  let predecessor = stale;
  return async (signal: AbortSignal): Promise<HaproxyProcess> => {
    const successorOf = predecessor?.pid;
    if (successorOf !== undefined)
      log.info({ pid: successorOf }, 'taking over from the HAProxy of an earlier run');
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

  async install(certificate: ProxyCertificate, signal?: AbortSignal): Promise<void> {
    const { certificates, settings, paths, clock, closing } = this.#parts;
    const { servername, fingerprint256 } = certificate;
    const ends = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
    const { routes } = settings;
    const entry = {
      ...certificate,
      ...{
        names: [servername],
        except: exactNamesBelow(routes, servername),
        alpn: alpnOf(routes, servername),
      },
    };
    await certificates.install(this.#supervisor, entry, ends);
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
