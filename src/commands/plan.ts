import { randomUUID } from 'node:crypto';
import process from 'node:process';
import type { ProviderWait } from '../../providers/shared/context.ts';
import { untilAborted, withDeadline } from '../async.ts';
import { type Clock, systemClock } from '../clock.ts';
import { describeConfigWarning } from '../config/warnings.ts';
import { sentenceOf } from '../event-messages.ts';
import { emptySharedState, manageCertificate, type ReadDeps } from '../reconcile/deps.ts';
import { caaOwnersOf } from '../reconcile/discover.ts';
import { forecast } from '../reconcile/forecast.ts';
import { createChallengeJournal, peekingJournal } from '../records/journal.ts';
import { EX_CONFIG, type PrintOptions } from './command-line.ts';
import { describeFailure } from './print/failure.ts';
import { describeForecast, describeOnlyWarnings } from './print/forecast.ts';
import { type Plan, planJson } from './print/json.ts';
import { type IngressConfig, readConfig } from './wiring/configuration.ts';
import { assembleExternal, readOnlyAuthorities, specOf } from './wiring/external-deps.ts';
import { resolveInChildProcess } from './wiring/host-resolution.ts';
import { createProviderFiles, readOnly, waitingFor } from './wiring/provider-context.ts';

/**
 * Milliseconds for one name, longer than all requests in sequence take if each is answered just in
 * time, and for each further name.
 */
const LIMIT_MS = 120_000;
const FURTHER_NAME_MS = 15_000;

/** The plan took too long. */
export class PlanTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`No plan within ${timeoutMs / 1000} s: a server does not answer.`);
  }
}

/**
 * Prints what a start would do for every name, without doing it. Resolves with the exit code: 0 if
 * a start could do it, 1 if it would fail for a name or the plan takes too long, 78 for
 * configuration errors.
 */
export async function plan({ json }: PrintOptions, clock: Clock = systemClock): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  resolveInChildProcess();
  const timeoutMs = LIMIT_MS + (config.certificates.length - 1) * FURTHER_NAME_MS;
  const late = () => new PlanTimeout(timeoutMs);
  try {
    const found = await withDeadline({ clock, timeoutMs }, late, (ends) =>
      // Not every request can be aborted.
      untilAborted(makePlan(config, clock, ends), ends),
    );
    print(found, json);
    return found.failures.length === 0 ? 0 : 1;
  } catch (thrown) {
    if (!(thrown instanceof PlanTimeout)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    return 1;
  }
}

function print(found: Plan, json: boolean): void {
  const { failures } = found;
  if (json) process.stdout.write(planJson(found));
  else if (found.zones.length + found.certificates.length > 0)
    process.stdout.write(describeForecast(found, found.warnings));
  else process.stdout.write(describeOnlyWarnings(found.warnings));
  const several = found.certificates.length + failures.length > 1;
  for (const { domain, error } of failures)
    process.stderr.write(`${several ? `${domain}: ` : ''}${describeFailure(error)}`);
}

async function makePlan(config: IngressConfig, clock: Clock, signal: AbortSignal): Promise<Plan> {
  const { letsencryptDir } = config;
  const { name } = config.provider;
  const files = readOnly(createProviderFiles(letsencryptDir, name));
  const onWait = (wait: ProviderWait) =>
    void process.stderr.write(`${sentenceOf(waitingFor(config.provider, wait))}\n`);
  // No warnings while reading: only a start moves damaged files aside.
  const external = assembleExternal(config, { clock, files, onWait, warn: () => undefined });
  const warnings = new Set(config.warnings.map(describeConfigWarning));
  const authorities = readOnlyAuthorities(external.authorities);
  const deps: ReadDeps = {
    ...external,
    authorities,
    spec: specOf(config, external),
    caaOwners: caaOwnersOf(authorities),
    journalOf: (domain) => peekingJournal(createChallengeJournal(letsencryptDir, domain, () => undefined)),
    random: Math.random,
    newId: randomUUID,
    emit: () => undefined,
    warn: (warning) => void warnings.add(warning),
    warnOf: (_, warning) => void (warning !== undefined && warnings.add(warning)),
    shared: emptySharedState(),
  };
  const all = config.certificates.map(({ names }) => manageCertificate(names));
  const found = await forecast(deps, all, signal);
  return { ...found, warnings: [...warnings] };
}
