import type { Scene, Trial } from './survive.ts';

const MINUTES_MS = 3 * 60_000;

/**
 * Advances the clocks of the ingress and the CA by minutes, once the last challenge has left the
 * resolver's cache.
 */
export async function passMinutes({ clock, world: { acmeFront, resolver } }: Scene): Promise<void> {
  await resolver.forgets();
  clock.jump(MINUTES_MS);
  acmeFront.clockSkewMs += MINUTES_MS;
}

/**
 * The same trial, followed by an advance of the clocks: a refused order is deferred for minutes,
 * even after a SIGHUP.
 */
export function minutesLater(trial: Trial): Trial {
  return {
    ...trial,
    needsSighup: true,
    async end(scene) {
      await trial.end?.(scene);
      await passMinutes(scene);
    },
  };
}
