import { eventually } from '../e2e/support.ts';
import type { Scene, Trial } from './survive.ts';

const MINUTES_MS = 3 * 60_000;
/** The world's resolver remembers for a second of the kernel's time; to ask it would have it remember again. */
const REMEMBERED_MS = 1500;

/** Minutes go by at once, for the ingress and the CA, once the resolver has forgotten the last challenge. */
export async function passMinutes({ clock, world: { acmeFront } }: Scene): Promise<void> {
  const until = Date.now() + REMEMBERED_MS;
  await eventually('the resolver has forgotten', () => Date.now() > until || undefined);
  clock.jump(MINUTES_MS);
  acmeFront.clockSkewMs += MINUTES_MS;
}

/** The same trial, after which minutes go by: a refusal is not asked about again for that long, whoever asks. */
export function minutesLater(trial: Trial): Trial {
  return {
    ...trial,
    asked: true,
    async end(scene) {
      await trial.end?.(scene);
      await passMinutes(scene);
    },
  };
}
