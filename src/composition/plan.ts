import process from 'node:process';
import type { ProviderWait } from '../../providers/context.ts';
import { createChallengeJournal } from '../acme/journal.ts';
import type { PrintOptions } from '../cli/commands.ts';
import { describeFailure } from '../cli/describe-failure.ts';
import { describeForecast } from '../cli/describe-forecast.ts';
import { systemClock as clock } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import { forecast } from '../reconcile/forecast.ts';
import { EX_CONFIG, type IngressConfig, readConfig } from './configuration.ts';
import { assembleOutside } from './outside.ts';
import { createProviderFiles, describeWait, readOnly } from './provider-context.ts';

/**
 * Prints what a start would do, and does none of it. Resolves with the exit code: 0 when the plan could be made, 1 when
 * not, 78 for faults of the configuration.
 */
export async function plan({ json }: PrintOptions): Promise<number> {
  const config = readConfig();
  if (config === undefined) return EX_CONFIG;
  try {
    const found = await look(config);
    process.stdout.write(json ? `${JSON.stringify(found, undefined, 2)}\n` : describeForecast(found));
    return 0;
  } catch (thrown) {
    if (!isIngressError(thrown)) throw thrown;
    process.stderr.write(describeFailure(thrown));
    return 1;
  }
}

async function look(config: IngressConfig) {
  // Reading it gives no warning: what is damaged is moved aside by a start, and only then.
  const journal = createChallengeJournal(config.letsencryptDir, config.domain, () => undefined);
  const { title, name } = config.provider;
  const files = readOnly(createProviderFiles(config.letsencryptDir, name));
  const onWait = (wait: ProviderWait) => void process.stderr.write(`${describeWait(title, wait)}\n`);
  const parts = { ...assembleOutside(config, { clock, files, onWait }), journal };
  const found = await forecast(parts, new AbortController().signal);
  return { ...found, warnings: [...config.warnings, ...found.warnings] };
}
