import process from 'node:process';
import type { ProviderWait } from '../../providers/context.ts';
import { createChallengeJournal } from '../acme/journal.ts';
import type { PrintOptions } from '../cli/commands.ts';
import { describeFailure } from '../cli/describe-failure.ts';
import { describeForecasts } from '../cli/describe-forecast.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type IngressError, isIngressError } from '../errors.ts';
import { withDeadline } from '../proxy/deadline.ts';
import { type Forecast, forecast } from '../reconcile/forecast.ts';
import { EX_CONFIG, type IngressConfig, readConfig } from './configuration.ts';
import { assembleOutside, goalFor } from './outside.ts';
import { createProviderFiles, describeWait, readOnly } from './provider-context.ts';

/** Longer than everybody who is asked takes in turn where each answers at last; what each further name adds. */
const LIMIT_MS = 120_000;
const FURTHER_NAME_MS = 15_000;

/** The time is over. */
class Late extends Error {}

/**
 * Prints what a start would do for each name, and does none of it. Resolves with the exit code: 0 when the plan could be
 * made, 1 when not for every name, also not within two minutes, 78 for faults of the configuration.
 */
export async function plan({ json }: PrintOptions, clock: Clock = systemClock): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  const timeoutMs = LIMIT_MS + (config.names.length - 1) * FURTHER_NAME_MS;
  const late = () =>
    new Late(`No plan could be made within ${timeoutMs / 1000} s: somebody who was asked does not answer.`);
  try {
    const found = await withDeadline({ clock, timeoutMs }, late, (ends) =>
      Promise.race([look(config, clock, ends), rejectsAtEnd(ends)]),
    );
    print(found, config, json);
    return found.failures.length === 0 ? 0 : 1;
  } catch (thrown) {
    if (!(thrown instanceof Late)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    return 1;
  }
}

interface Found {
  readonly names: Forecast[];
  /** Of names that no plan could be made for. */
  readonly failures: { readonly domain: string; readonly error: IngressError }[];
}

function print({ names, failures }: Found, config: IngressConfig, json: boolean): void {
  const { warnings } = config;
  const failed = failures.map(({ domain, error: { code, message, remedy } }) => ({
    ...{ domain, code, message, remedy },
  }));
  if (json) process.stdout.write(`${JSON.stringify({ names, failures: failed, warnings }, undefined, 2)}\n`);
  else if (names.length > 0) process.stdout.write(describeForecasts(names, warnings));
  for (const { domain, error } of failures) {
    const whose = config.names.length > 1 ? `${domain}: ` : '';
    process.stderr.write(`${whose}${describeFailure(error)}`);
  }
}

/** Whoever is asked may not hear of the signal. */
function rejectsAtEnd(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

async function look(config: IngressConfig, clock: Clock, signal: AbortSignal): Promise<Found> {
  const { letsencryptDir } = config;
  const { title, name } = config.provider;
  const files = readOnly(createProviderFiles(letsencryptDir, name));
  const onWait = (wait: ProviderWait) => void process.stderr.write(`${describeWait(title, wait)}\n`);
  const outside = assembleOutside(config, { clock, files, onWait });
  const found: Found = { names: [], failures: [] };
  for (const domain of config.names) {
    // Reading it gives no warning: what is damaged is moved aside by a start, and only then.
    const journal = createChallengeJournal(letsencryptDir, domain, () => undefined);
    try {
      found.names.push(
        await forecast({ ...outside, goal: goalFor(config, domain, outside), journal }, signal),
      );
    } catch (thrown) {
      if (!isIngressError(thrown)) throw thrown;
      found.failures.push({ domain, error: thrown });
    }
  }
  return found;
}
