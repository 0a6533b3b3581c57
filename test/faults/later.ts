import type { Scene, Trial } from './survive.ts';

const MINUTES_MS = 3 * 60_000;

/** Minutes go by at once, for the ingress and the CA, once the resolver has forgotten the last challenge. */
export async function passMinutes({ clock, world: { acmeFront, resolver } }: Scene): Promise<void> {
  await resolver.forgets();
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
