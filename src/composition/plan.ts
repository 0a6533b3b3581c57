import process from 'node:process';
import type { ProviderWait } from '../../providers/context.ts';
import { createChallengeJournal } from '../acme/journal.ts';
import type { PrintOptions } from '../cli/commands.ts';
import { describeFailure } from '../cli/describe-failure.ts';
import { describeForecast } from '../cli/describe-forecast.ts';
import { type Clock, systemClock } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import { withDeadline } from '../proxy/deadline.ts';
import { forecast } from '../reconcile/forecast.ts';
import { EX_CONFIG, type IngressConfig, readConfig } from './configuration.ts';
import { assembleOutside } from './outside.ts';
import { createProviderFiles, describeWait, readOnly } from './provider-context.ts';

/** Longer than everybody who is asked takes in turn where each answers at last. */
const LIMIT_MS = 120_000;

/** The time is over. */
class Late extends Error {}

/**
 * Prints what a start would do, and does none of it. Resolves with the exit code: 0 when the plan could be made, 1 when
 * not, also not within two minutes, 78 for faults of the configuration.
 */
export async function plan({ json }: PrintOptions, clock: Clock = systemClock): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  try {
    const found = await withDeadline({ clock, timeoutMs: LIMIT_MS }, late, (ends) =>
      Promise.race([look(config, clock, ends), rejectsAtEnd(ends)]),
    );
    process.stdout.write(json ? `${JSON.stringify(found, undefined, 2)}\n` : describeForecast(found));
    return 0;
  } catch (thrown) {
    if (!isIngressError(thrown) && !(thrown instanceof Late)) throw thrown;
    process.stderr.write(isIngressError(thrown) ? describeFailure(thrown) : `${thrown.message}\n`);
    return 1;
  }
}

const late = () =>
  new Late(`No plan could be made within ${LIMIT_MS / 1000} s: somebody who was asked does not answer.`);

/** Whoever is asked may not hear of the signal. */
function rejectsAtEnd(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

async function look(config: IngressConfig, clock: Clock, signal: AbortSignal) {
  // Reading it gives no warning: what is damaged is moved aside by a start, and only then.
  const journal = createChallengeJournal(config.letsencryptDir, config.domain, () => undefined);
  const { title, name } = config.provider;
  const files = readOnly(createProviderFiles(config.letsencryptDir, name));
  const onWait = (wait: ProviderWait) => void process.stderr.write(`${describeWait(title, wait)}\n`);
  const parts = { ...assembleOutside(config, { clock, files, onWait }), journal };
  const found = await forecast(parts, signal);
  return { ...found, warnings: [...config.warnings, ...found.warnings] };
}
