import process from 'node:process';
import pkg from '../../package.json' with { type: 'json' };
import { systemClock as clock } from '../clock.ts';
import { type EvidenceServer, startEvidenceServer } from '../evidence/server.ts';
import { removeTemporaries } from '../files.ts';
import { createLog, type Log } from '../log.ts';
import { announcement } from '../proxy/process/announcement.ts';
import { ownRights, warningOfSharedUser } from '../proxy/process/privileges.ts';
import { type RunningProxy, startProxy } from '../proxy/proxy.ts';
import { subjectOf } from '../proxy/upstream/app-warnings.ts';
import type { Deps, ManagedCertificate } from '../reconcile/deps.ts';
import { everyMinute, reconcileForever } from '../reconcile/loop.ts';
import { reconcile } from '../reconcile/round.ts';
import { GATEWAY } from '../reconcile/zones.ts';
import { createStatusFile } from '../status/file.ts';
import { standingWarnings } from '../warnings.ts';
import { assembleDeps, manageLogged, roundLimitMs } from './wiring/assemble.ts';
import { EX_CONFIG, type IngressConfig, readConfig } from './wiring/configuration.ts';
import { findHostsOutside } from './wiring/connections.ts';
import { listenTo, onStop } from './wiring/signals.ts';

/** Serves and reconciles until a signal has aborted `stopped`. Resolves with the exit code. */
export async function run(stopped: AbortSignal): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  findHostsOutside();
  const log = createLog(config.logLevel, createStatusFile(config.runtimeDir, process.pid));
  const demand = listenTo('SIGHUP');
  const { names, provider, directoryUrl } = config;
  const fields = {
    event: 'starting',
    version: pkg.version,
    domains: names,
    provider: provider.name,
    directoryUrl,
  };
  log.info(fields, 'starting');
  if (config.httpsProxy !== undefined) {
    const { host: proxy } = config.httpsProxy;
    log.info(
      { event: 'https-proxy', proxy, noProxy: config.noProxy },
      `HTTPS goes through the proxy ${proxy}`,
    );
  }
  const ofUser = warningOfSharedUser(ownRights());
  for (const warning of [...config.warnings, ...(ofUser === undefined ? [] : [ofUser])])
    log.warn({ event: 'warning' }, warning);
  onStop(stopped, (signal) =>
    log.info({ event: 'stopping', signal }, 'stopping: open connections may finish'),
  );
  await using evidence = await openEvidence(config, log);
  const warnings = new Map<string, string>();
  const warnOf = standingWarnings(log, warnings);
  const proxy = await openProxy(config, evidence?.port, { log, warnOf }, stopped);
  if (proxy === undefined) return stopped.aborted ? 0 : 1;
  stopped.addEventListener('abort', () => void proxy.stop(), { once: true });
  void tidyVolume(config, log);
  const serve: Deps['serve'] = (domain, { chainPem, keyPem, facts: { fingerprint256 } }) =>
    proxy.install({ name: domain, chainPem, keyPem, fingerprint256, servername: domain });
  const deps = assembleDeps(config, { clock, serve, log, warnOf });
  await reconcileForever(
    {
      certificates: config.certificates.map(({ names: ofOne }) => manageLogged(ofOne, log)),
      round: (some, signal) => reconcile(deps, some, signal),
      roundLimitMs: roundLimitMs(config, deps),
      intervalMs: config.renewInterval * 1000,
      everyMinute,
      onDemand: (due) => demand.listen(due),
      onFinished: announceOnce(config, log, warnings),
      random: Math.random,
      clock,
    },
    stopped,
  );
  await proxy.stop();
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}

/** What crashes have left is in nobody's way where it stays; that the volume takes nothing is said elsewhere. */
async function tidyVolume({ letsencryptDir }: IngressConfig, log: Log): Promise<void> {
  try {
    const removed = await removeTemporaries(letsencryptDir, clock.now());
    if (removed.length > 0)
      log.info({ event: 'volume-tidied', removed }, 'removed what a crash has left of its writes');
  } catch (err) {
    log.debug({ event: 'volume-not-tidied', err }, 'what a crash has left of its writes stays on the volume');
  }
}

/** Without evidence the app is served all the same. */
async function openEvidence(
  { evidenceServer, evidenceDir }: IngressConfig,
  log: Log,
): Promise<EvidenceServer | undefined> {
  if (!evidenceServer) return undefined;
  try {
    return await startEvidenceServer(evidenceDir, log);
  } catch (err) {
    const sentence = '/evidences/ is not answered: no port of 127.0.0.1 can be listened on';
    log.error({ event: 'evidence-failed', err }, sentence);
    return undefined;
  }
}

async function openProxy(
  config: IngressConfig,
  evidencePort: number | undefined,
  { log, warnOf }: Pick<Deps, 'log' | 'warnOf'>,
  signal: AbortSignal,
): Promise<RunningProxy | undefined> {
  const { port, maxconn, timeoutConnect, timeoutClient, timeoutServer, runtimeDir, haproxyBin } = config;
  const { routes, appTls, acceptProxyProtocol, sendProxyProtocol } = config;
  const timeouts = { connect: timeoutConnect, client: timeoutClient, server: timeoutServer };
  // Our image says so of itself: what an engine leaves in its containers differs between engines.
  const inContainer = process.env['DSTACK_INGRESS_CONTAINER'] === 'true';
  try {
    return await startProxy(
      {
        ...{ port, maxconn, timeouts, runtimeDir, haproxyBin, evidencePort, inContainer },
        ...{ clock, log, warnOf },
        ...{ routes, appTls, acceptProxy: acceptProxyProtocol, sendProxy: sendProxyProtocol },
      },
      signal,
    );
  } catch (thrown) {
    if (!signal.aborted)
      log.fatal({ event: 'proxy-not-started', err: thrown }, 'HAProxy could not be started');
    return undefined;
  }
}

/** Says of each name, the first time that it is served and nothing failed, where it is and where it leads. */
function announceOnce(
  { routes }: IngressConfig,
  log: Log,
  warnings: ReadonlyMap<string, string>,
): (kept: ManagedCertificate) => void {
  const announced = new Set<string>();
  return ({ names, state }) => {
    for (const name of names) {
      const route = routes.find((candidate) => candidate.name === name);
      if (!route || announced.has(name) || !state.served.has(name)) continue;
      announced.add(name);
      const { host, port } = route.target;
      const subjects = [GATEWAY, subjectOf(host), subjectOf(host, port)];
      const doubts = subjects.filter((subject) => warnings.has(subject));
      log.info({ event: 'up', domain: name }, announcement(route, doubts));
    }
  };
}
