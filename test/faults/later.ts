import { environmentWithClock, type JumpingClock } from '../world/clock-jump.ts';
import type { Trial } from './survive.ts';

const MINUTES_MS = 3 * 60_000;

/**
 * The same trial, after which minutes go by at once, for the ingress and the CA: a refusal is not asked about again for that long,
 * whoever asks.
 */
export function minutesLater(trial: Trial): Trial {
  let clock: JumpingClock | undefined;
  return {
    ...trial,
    asked: true,
    async environment(world, environment) {
      clock = environmentWithClock((await trial.environment?.(world, environment)) ?? environment);
      return clock.environment;
    },
    async end(scene) {
      await trial.end?.(scene);
      clock?.jump(MINUTES_MS);
      scene.world.acmeFront.clockSkewMs = MINUTES_MS;
    },
  };
}
