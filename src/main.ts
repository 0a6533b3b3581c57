import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pkg from '../package.json' with { type: 'json' };
import { providers } from '../providers/registry.ts';
import { createAccountStore } from './acme/account-store.ts';
import { createAuthority } from './acme/authority.ts';
import { createChallengeJournal } from './acme/journal.ts';
import { createCertificateStore } from './certificates/store.ts';
import { runCommandLine } from './cli/commands.ts';
import { systemClock as clock } from './clock.ts';
import { type Config, LETS_ENCRYPT, loadConfig } from './config/config.ts';
import { ConfigError, describeFaults, type Fault } from './config/faults.ts';
import type { IngressSettings } from './config/variables.ts';
import { baseName } from './dns/names.ts';
import { createResolver, systemResolvers } from './dns/resolver.ts';
import { findGuestAgent } from './guest/agent.ts';
import { identify, identityFault } from './guest/identity.ts';
import { createLog, type Log } from './log.ts';
import { type RunningProxy, startProxy } from './proxy/proxy.ts';
import { everyHourAt, reconcileForever } from './reconcile/loop.ts';
import { emptyMemory, type Parts } from './reconcile/parts.ts';
import { pass } from './reconcile/pass.ts';

type IngressConfig = Config<(typeof providers)[number]>;

/** What a pass may take beside waiting for the name servers, twice; in milliseconds. */
const PASS_LIMIT_MS = 15 * 60_000;

/** EX_CONFIG of sysexits.h. */
const EX_CONFIG = 78;

async function run(): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  const log = createLog(config.logLevel);
  const stopped = stopBy(['SIGTERM', 'SIGINT'], log);
  const demand = listenTo('SIGHUP');
  const { domain, provider, directoryUrl } = config;
  const fields = { event: 'starting', version: pkg.version, domain, provider: provider.name, directoryUrl };
  log.info(fields, 'starting');
  for (const warning of config.warnings) log.warn({ event: 'warning' }, warning);
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

/** The configuration, or undefined after its faults were printed. */
function readConfig(): IngressConfig | undefined {
  try {
    return loadConfig(process.env, (path) => readFileSync(path, 'utf8'), providers, missingIdentity);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    process.stderr.write(describeFaults(thrown.faults));
    return undefined;
  }
}

// Only a first start is refused: what is valid on the volume is served whatever is missing now.
function missingIdentity({ appId, guestAgent, letsencryptDir, domain }: Partial<IngressSettings>): Fault[] {
  if (appId !== undefined || findGuestAgent(guestAgent)) return [];
  const stored =
    letsencryptDir !== undefined &&
    domain !== undefined &&
    existsSync(join(letsencryptDir, 'live', baseName(domain)));
  return stored ? [] : [identityFault];
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
    runtimeDir,
    haproxyBin,
  } = config;
  const timeouts = { connect: timeoutConnect, client: timeoutClient, server: timeoutServer };
  try {
    return await startProxy(
      { port, maxconn, timeouts, target: targetEndpoint, runtimeDir, haproxyBin, clock, log },
      signal,
    );
  } catch (thrown) {
    if (!signal.aborted)
      log.fatal({ event: 'proxy-not-started', err: thrown }, 'HAProxy could not be started');
    return undefined;
  }
}

function assemble(config: IngressConfig, proxy: RunningProxy, log: Log): Parts {
  const { domain, gatewayDomain, port, txtPrefix, setCaa, letsencryptDir, directoryUrl, email } = config;
  const provider = config.provider.open(config.providerSettings);
  const agent = () => findGuestAgent(config.guestAgent);
  const propagationTimeoutMs = (config.propagationTimeout ?? provider.capabilities.propagationSeconds) * 1000;
  const accounts = createAccountStore(letsencryptDir, directoryUrl, clock);
  const userAgent = `${pkg.name}/${pkg.version}`;
  return {
    goal: {
      domain,
      gatewayDomain,
      port,
      txtPrefix,
      setCaa,
      noStaging: directoryUrl === LETS_ENCRYPT,
      propagationTimeoutMs,
    },
    identify: (signal) => identify(agent(), config.appId, signal),
    provider,
    resolver: createResolver(config.resolvers ?? systemResolvers()),
    authority: createAuthority({ directoryUrl, email, userAgent, accounts, clock }),
    journal: createChallengeJournal(letsencryptDir, domain, (sentence) =>
      log.warn({ event: 'warning' }, sentence),
    ),
    store: createCertificateStore(letsencryptDir),
    serve: ({ chainPem, keyPem, facts: { fingerprint256 } }) =>
      proxy.install({
        name: baseName(domain),
        chainPem,
        keyPem,
        fingerprint256,
        servername: domain,
      }),
    clock,
    log,
  };
}

/** Aborts at the first of these signals; later ones change nothing. */
function stopBy(signals: readonly NodeJS.Signals[], log: Log): AbortSignal {
  const stop = new AbortController();
  for (const signal of signals) {
    // Not `once`: execa's clean-up ends the process by the signal when nobody listens any more.
    process.on(signal, () => {
      if (stop.signal.aborted) return;
      log.info({ event: 'stopping', signal }, 'stopping: open connections may finish');
      stop.abort(new Error(`stopped by ${signal}`));
    });
  }
  return stop.signal;
}

/** Catches a signal from now until the process ends, since its default is to end the process, and passes it on. */
function listenTo(signal: NodeJS.Signals) {
  const listeners = new Set<() => void>();
  process.on(signal, () => {
    for (const listener of listeners) listener();
  });
  return {
    listen(listener: () => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

process.exit(await runCommandLine(process.argv, pkg.version, { run }));
