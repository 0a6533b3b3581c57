import { randomUUID } from 'node:crypto';
import process from 'node:process';
import type { ProviderWait } from '../../providers/shared/context.ts';
import { untilAborted, withDeadline } from '../async.ts';
import { type Clock, systemClock } from '../clock.ts';
import { sentenceOf } from '../event-messages.ts';
import { emptySharedState, manageCertificate, type ReadDeps } from '../reconcile/deps.ts';
import { caaOwnersOf } from '../reconcile/discover.ts';
import { forecast } from '../reconcile/forecast.ts';
import { createChallengeJournal, peekingJournal } from '../records/journal.ts';
import type { PrintOptions } from './command-line.ts';
import { describeFailure } from './print/failure.ts';
import { describeForecast, describeOnlyWarnings } from './print/forecast.ts';
import { type Plan, planJson } from './print/json.ts';
import { EX_CONFIG, type IngressConfig, readConfig } from './wiring/configuration.ts';
import { findHostsOutside } from './wiring/connections.ts';
import { assembleOutside, goalFor, readOnlyIssuers } from './wiring/outside.ts';
import { createProviderFiles, readOnly, waitingFor } from './wiring/provider-context.ts';

/** Longer than everybody who is asked takes in turn where each answers at last; what each further name adds. */
const LIMIT_MS = 120_000;
const FURTHER_NAME_MS = 15_000;

/** The time is over. */
class Late extends Error {}

/**
 * Prints what a start would do for every name, and does none of it. Resolves with the exit code: 0 when a start could
 * do it, 1 when it would fail for a name, also not within two minutes, 78 for faults of the configuration.
 */
export async function plan({ json }: PrintOptions, clock: Clock = systemClock): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  findHostsOutside();
  const timeoutMs = LIMIT_MS + (config.certificates.length - 1) * FURTHER_NAME_MS;
  const late = () =>
    new Late(`No plan could be made within ${timeoutMs / 1000} s: somebody who was asked does not answer.`);
  try {
    const found = await withDeadline({ clock, timeoutMs }, late, (ends) =>
      // Not everything that is asked takes a signal.
      untilAborted(look(config, clock, ends), ends),
    );
    print(found, json);
    return found.failures.length === 0 ? 0 : 1;
  } catch (thrown) {
    if (!(thrown instanceof Late)) throw thrown;
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

async function look(config: IngressConfig, clock: Clock, signal: AbortSignal): Promise<Plan> {
  const { letsencryptDir } = config;
  const { name } = config.provider;
  const files = readOnly(createProviderFiles(letsencryptDir, name));
  const onWait = (wait: ProviderWait) =>
    void process.stderr.write(`${sentenceOf(waitingFor(config.provider, wait))}\n`);
  // Reading gives no warning: what is damaged is moved aside by a start, and only then.
  const outside = assembleOutside(config, { clock, files, onWait, warn: () => undefined }, () => undefined);
  const warnings = new Set(config.warnings);
  const issuers = readOnlyIssuers(outside.authorities);
  const parts: ReadDeps = {
    ...outside,
    authorities: issuers,
    spec: goalFor(config, outside),
    caaOwners: caaOwnersOf(issuers),
    journalOf: (domain) => peekingJournal(createChallengeJournal(letsencryptDir, domain, () => undefined)),
    random: Math.random,
    newId: randomUUID,
    emit: () => undefined,
    warn: (warning) => void warnings.add(warning),
    warnOf: (_, warning) => void (warning !== undefined && warnings.add(warning)),
    shared: emptySharedState(),
  };
  const all = config.certificates.map(({ names }) => manageCertificate(names));
  const found = await forecast(parts, all, signal);
  return { ...found, warnings: [...warnings] };
}
