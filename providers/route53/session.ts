import type { Clock } from '../../src/clock.ts';
import type { Secret } from '../../src/config/secret.ts';
import { createQueue } from '../shared/queue.ts';

/** What a request is signed with. */
export interface Keys {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

/** The keys of a role that was assumed. */
export interface AssumedKeys extends Keys {
  readonly until: Date;
}

export interface Session {
  /** Keys that are good for some minutes yet. Throws what assuming the role throws. */
  keys(signal: AbortSignal): Promise<Keys>;
  /** The next call assumes the role anew. */
  forget(): void;
}

/** A request is signed, sent and checked well within this time. */
const LEAST_LEFT_MS = 5 * 60_000;

/** Assumes a role when its keys are needed, and again before they end; whoever asks at the same time waits for one call. */
export function createSession(assume: (signal: AbortSignal) => Promise<AssumedKeys>, clock: Clock): Session {
  const inTurn = createQueue();
  let assumed: AssumedKeys | undefined;
  return {
    keys: (signal) =>
      inTurn('role', signal, async () => {
        const left = assumed ? assumed.until.getTime() - clock.now().getTime() : 0;
        if (!assumed || left < LEAST_LEFT_MS) assumed = await assume(signal);
        return assumed;
      }),
    forget: () => {
      assumed = undefined;
    },
  };
}
