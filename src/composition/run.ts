import process from 'node:process';
import pkg from '../../package.json' with { type: 'json' };
import type { ProviderWait } from '../../providers/context.ts';
import { createChallengeJournal } from '../acme/journal.ts';
import { systemClock as clock } from '../clock.ts';
import { baseName } from '../dns/names.ts';
import { createLog, type Log } from '../log.ts';
import { ownRights, warningOfSharedUser } from '../proxy/privileges.ts';
import { type RunningProxy, startProxy } from '../proxy/proxy.ts';
import { everyHourAt, reconcileForever } from '../reconcile/loop.ts';
import { emptyMemory, type Parts } from '../reconcile/parts.ts';
import { pass } from '../reconcile/pass.ts';
import { createStatusFile } from '../status/file.ts';
import { EX_CONFIG, type IngressConfig, readConfig } from './configuration.ts';
import { assembleOutside } from './outside.ts';
import { createProviderFiles, describeWait } from './provider-context.ts';
import { listenTo, onStop } from './signals.ts';

/** What a pass may take beside waiting for the name servers, twice; in milliseconds. */
const PASS_LIMIT_MS = 15 * 60_000;

/** Serves and reconciles until a signal has aborted `stopped`. Resolves with the exit code. */
export async function run(stopped: AbortSignal): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  const log = createLog(config.logLevel, createStatusFile(config.runtimeDir, process.pid));
  const demand = listenTo('SIGHUP');
  const { domain, provider, directoryUrl } = config;
  const fields = { event: 'starting', version: pkg.version, domain, provider: provider.name, directoryUrl };
  log.info(fields, 'starting');
  const ofUser = warningOfSharedUser(ownRights());
  for (const warning of [...config.warnings, ...(ofUser === undefined ? [] : [ofUser])])
    log.warn({ event: 'warning' }, warning);
  onStop(stopped, (signal) =>
    log.info({ event: 'stopping', signal }, 'stopping: open connections may finish'),
  );
  const proxy = await openProxy(config, log, stopped);
  if (proxy === undefined) return stopped.aborted ? 0 : 1;
  stopped.addEventListener('abort', () => void proxy.stop(), { once: true });
  const parts = assemble(config, proxy, log);
  const memory = emptyMemory();
  await reconcileForever(
    {
      pass: (signal) => pass(parts, memory, signal),
      memory,
      passLimitMs: PASS_LIMIT_MS + 2 * parts.goal.propagationTimeoutMs,
      everyHour: everyHourAt(Math.floor(Math.random() * 60)),
      onDemand: (due) => demand.listen(due),
      random: Math.random,
      clock,
      log,
    },
    stopped,
  );
  await proxy.stop();
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}

async function openProxy(
  config: IngressConfig,
  log: Log,
  signal: AbortSignal,
): Promise<RunningProxy | undefined> {
  const {
    port,
    maxconn,
    timeoutConnect,
    timeoutClient,
    timeoutServer,
    targetEndpoint,
    alpn,
    runtimeDir,
    haproxyBin,
  } = config;
  const timeouts = { connect: timeoutConnect, client: timeoutClient, server: timeoutServer };
  try {
    return await startProxy(
      {
        ...{ port, maxconn, timeouts, runtimeDir, haproxyBin, clock, log },
        routes: [{ name: config.domain, target: { ...targetEndpoint, speaks: 'tcp', tls: false }, alpn }],
        ...{ acceptProxy: false, sendProxy: 'off', appTls: { verify: true }, evidencePort: undefined },
      },
      signal,
    );
  } catch (thrown) {
    if (!signal.aborted)
      log.fatal({ event: 'proxy-not-started', err: thrown }, 'HAProxy could not be started');
    return undefined;
  }
}

function assemble(config: IngressConfig, proxy: RunningProxy, log: Log): Parts {
  const { domain, letsencryptDir, provider } = config;
  const files = createProviderFiles(letsencryptDir, provider.name);
  // A pause between two calls is no news for anybody; a wait is.
  const levelOf = ({ waitMs }: ProviderWait) => (waitMs < 1000 ? 'info' : 'warn');
  const onWait = (wait: ProviderWait) =>
    log[levelOf(wait)](
      { event: 'waiting', for: 'provider', provider: provider.name, ...wait },
      describeWait(provider.title, wait),
    );
  return {
    ...assembleOutside(config, { clock, files, onWait }),
    journal: createChallengeJournal(letsencryptDir, domain, (sentence) =>
      log.warn({ event: 'warning' }, sentence),
    ),
    serve: ({ chainPem, keyPem, facts: { fingerprint256 } }) =>
      proxy.install({ name: baseName(domain), chainPem, keyPem, fingerprint256, servername: domain }),
    log,
  };
}
