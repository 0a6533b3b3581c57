import process from 'node:process';
import pkg from '../../package.json' with { type: 'json' };
import { systemClock as clock } from '../clock.ts';
import { describeConfigWarning } from '../config/warnings.ts';
import { type Emit, emitTo } from '../events.ts';
import { type EvidenceServer, startEvidenceServer } from '../evidence/server.ts';
import { createLog, type Log, logEvents } from '../log.ts';
import { processRights, sharedUserWarning } from '../proxy/process/host.ts';
import { type RunningProxy, startProxy } from '../proxy/proxy.ts';
import { upMessage, upstreamSubject } from '../proxy/upstream/messages.ts';
import { everyMinute, runController } from '../reconcile/controller.ts';
import { type Deps, type ManagedCertificate, manageCertificate } from '../reconcile/deps.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { GATEWAY } from '../reconcile/zones.ts';
import { statusFile } from '../status/file.ts';
import { warningsBySubject } from '../warnings.ts';
import { EX_CONFIG } from './command-line.ts';
import { assembleDeps, reconcileTimeoutMs } from './wiring/assemble.ts';
import { type IngressConfig, readConfig } from './wiring/configuration.ts';
import { resolveInChildProcess } from './wiring/host-resolution.ts';
import { listenTo, onStop } from './wiring/signals.ts';
import { removeTemporaryFiles } from './wiring/temporary-files.ts';

/** Serves and reconciles until a signal has aborted `stopped`. Resolves with the exit code. */
export async function run(stopped: AbortSignal): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  resolveInChildProcess();
  const log = createLog(config.logLevel);
  const emit = emitTo(logEvents(log), statusFile(config.runtimeDir, process.pid, clock));
  const demand = listenTo('SIGHUP');
  const { names, provider, directoryUrl } = config;
  const { version } = pkg;
  emit({ type: 'starting', version, domains: names, provider: provider.name, directoryUrl });
  if (config.httpsProxy !== undefined) {
    const { host: proxy } = config.httpsProxy;
    emit({ type: 'https-proxy', proxy, noProxy: config.noProxy });
  }
  const sharedUser = sharedUserWarning(processRights());
  const warned = config.warnings.map(describeConfigWarning);
  for (const sentence of [...warned, ...(sharedUser === undefined ? [] : [sharedUser])])
    emit({ type: 'warning', sentence });
  onStop(stopped, (signal) => emit({ type: 'stopping', signal }));
  await using evidence = await openEvidence(config, emit);
  const warnings = new Map<string, string>();
  const warnOf = warningsBySubject(emit, warnings);
  const proxy = await openProxy(config, evidence?.port, { log, emit, warnOf }, stopped);
  if (proxy === undefined) return stopped.aborted ? 0 : 1;
  stopped.addEventListener('abort', () => void proxy.stop(), { once: true });
  void removeTemporaryFiles(config, { emit, clock });
  const serve: Deps['serve'] = (domain, { chainPem, keyPem, facts: { fingerprint256 } }) =>
    proxy.install({ name: domain, chainPem, keyPem, fingerprint256, servername: domain });
  const deps = assembleDeps(config, { clock, serve, emit, warnOf });
  await runController(
    {
      certificates: config.certificates.map((certificate) => manageCertificate(certificate.names)),
      reconcile: (some, signal) => reconcile(deps, some, signal),
      timeoutMs: reconcileTimeoutMs(config, deps),
      intervalMs: config.renewInterval * 1000,
      everyMinute,
      onDemand: (due) => demand.listen(due),
      onFinished: announceOnce(config, emit, warnings),
      random: Math.random,
      ...{ clock, emit },
    },
    stopped,
  );
  await proxy.stop();
  emit({ type: 'stopped' });
  return 0;
}

/** Starts the evidence server; if that fails, the app is served without it. */
async function openEvidence(
  { evidenceServer, evidenceDir }: IngressConfig,
  emit: Emit,
): Promise<EvidenceServer | undefined> {
  if (!evidenceServer) return undefined;
  try {
    return await startEvidenceServer(evidenceDir, emit);
  } catch (error) {
    emit({ type: 'evidence-failed', during: 'listen', error });
    return undefined;
  }
}

async function openProxy(
  config: IngressConfig,
  evidencePort: number | undefined,
  { log, emit, warnOf }: Pick<Deps, 'emit' | 'warnOf'> & { readonly log: Log },
  signal: AbortSignal,
): Promise<RunningProxy | undefined> {
  const { port, maxconn, timeoutConnect, timeoutClient, timeoutServer, runtimeDir, haproxyBin } = config;
  const { routes, appTls, acceptProxyProtocol, sendProxyProtocol } = config;
  const timeouts = { connect: timeoutConnect, client: timeoutClient, server: timeoutServer };
  // Set by our image, because container engines differ in the traces that they leave inside.
  const inContainer = process.env['DSTACK_INGRESS_CONTAINER'] === 'true';
  try {
    return await startProxy(
      {
        ...{ port, maxconn, timeouts, runtimeDir, haproxyBin, evidencePort, inContainer },
        ...{ clock, log, warnOf },
        ...{ routes, upstreamTls: appTls, acceptProxy: acceptProxyProtocol, sendProxy: sendProxyProtocol },
      },
      signal,
    );
  } catch (error) {
    if (!signal.aborted) emit({ type: 'proxy-not-started', error });
    return undefined;
  }
}

/**
 * Emits `up` for each name the first time that it is served and nothing failed, with its URL and
 * target.
 */
function announceOnce(
  { routes }: IngressConfig,
  emit: Emit,
  warnings: ReadonlyMap<string, string>,
): (certificate: ManagedCertificate) => void {
  const announced = new Set<string>();
  return ({ names, state }) => {
    for (const name of names) {
      const route = routes.find((candidate) => candidate.name === name);
      if (!route || announced.has(name) || !state.served.has(name)) continue;
      announced.add(name);
      const { host, port } = route.target;
      const subjects = [GATEWAY, upstreamSubject(host), upstreamSubject(host, port)];
      const doubts = subjects.filter((subject) => warnings.has(subject));
      emit({ type: 'up', name, announcement: upMessage(route, doubts) });
    }
  };
}
