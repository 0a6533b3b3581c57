import * as z from 'zod';
import { Mutex } from '../../src/async.ts';
import { IngressError } from '../../src/errors.ts';
import type { ProviderContext } from './context.ts';

/**
 * How many calls an account may make: `burst` at once, and `calls` more in every `perMs` milliseconds. A window of that
 * length so sees at most the sum of both, and it is the sum that has to stay below the provider's limit.
 */
export interface Limit {
  readonly burst: number;
  readonly calls: number;
  readonly perMs: number;
}

/** A token bucket for the calls to one account, which a restart does not fill again. */
export interface Budget {
  /**
   * Resolves when a call may be made, and counts it. Callers take turns. Throws PROVIDER_RATE_LIMITED instead of waiting
   * longer than five minutes, or the signal's reason when it aborts.
   */
  spend(signal: AbortSignal): Promise<void>;
  /** No call for so many milliseconds: the provider asked for it. */
  hold(ms: number): Promise<void>;
}

export interface BudgetOptions {
  /** The provider's name, as a person calls it. */
  readonly title: string;
  readonly limit: Limit;
  readonly context: ProviderContext;
}

const FILE = 'budget.json';
/** Whoever waits longer had better do something else meanwhile; the loop comes back in time. */
const LONGEST_WAIT_MS = 5 * 60_000;
/** Beyond it a clock is wrong, theirs or ours. */
const LONGEST_HOLD_MS = 60 * 60_000;

const stateSchema = z.object({ tokens: z.number(), at: z.number(), heldUntil: z.number() });

/** Times in milliseconds since the epoch. */
interface State {
  readonly tokens: number;
  readonly at: number;
  readonly heldUntil: number;
}

export function createBudget({ title, limit, context }: BudgetOptions): Budget {
  const { clock, files, onWait } = context;
  const now = () => clock.now().getTime();
  const mutex = new Mutex();
  let heldUntil = 0;
  let state: State | undefined;

  const current = async (): Promise<State> => {
    state ??= await remembered(context, limit);
    // After a clock that went back, a moment that was near is far.
    const held = Math.min(Math.max(state.heldUntil, heldUntil), now() + LONGEST_HOLD_MS);
    heldUntil = 0;
    state = refill({ ...state, heldUntil: held }, limit, now());
    return state;
  };

  const untilAllowed = async (signal: AbortSignal): Promise<State> => {
    for (;;) {
      const seen = await current();
      const waitMs = waitFor(seen, limit, now());
      if (waitMs <= 0) return seen;
      const until = new Date(now() + waitMs);
      const reason = seen.heldUntil > now() ? 'asked-to-wait' : 'budget';
      if (waitMs > LONGEST_WAIT_MS) throw tooLong(title, reason, limit, waitMs, until);
      onWait({ reason, waitMs, until });
      await clock.wait(waitMs, signal);
    }
  };

  // A volume that takes nothing must not keep a certificate from being renewed.
  const save = () => files.write(FILE, `${JSON.stringify(state)}\n`).catch(() => undefined);

  return {
    spend: (signal) =>
      mutex.run(async () => {
        const before = await untilAllowed(signal);
        state = { ...before, tokens: before.tokens - 1 };
        await save();
      }, signal),
    async hold(ms) {
      heldUntil = now() + Math.min(ms, LONGEST_HOLD_MS);
      await current();
      await save();
    },
  };
}

async function remembered({ files, clock }: ProviderContext, limit: Limit): Promise<State> {
  const now = clock.now().getTime();
  const fresh = { tokens: limit.burst, at: now, heldUntil: 0 };
  try {
    const read = stateSchema.safeParse(JSON.parse((await files.read(FILE)) ?? 'null'));
    if (!read.success) return fresh;
    const heldUntil = Math.min(read.data.heldUntil, now + LONGEST_HOLD_MS);
    return { ...read.data, heldUntil };
  } catch {
    return fresh;
  }
}

/** A clock that went back refills nothing, and counts from where it is now. */
function refill({ tokens, at, heldUntil }: State, { burst, calls, perMs }: Limit, now: number): State {
  const earned = (Math.max(0, now - at) * calls) / perMs;
  return { tokens: Math.min(burst, tokens + earned), at: now, heldUntil };
}

/** Milliseconds until a call may be made. */
function waitFor({ tokens, heldUntil }: State, { calls, perMs }: Limit, now: number): number {
  const missing = Math.ceil(((1 - tokens) * perMs) / calls);
  return Math.max(0, missing, heldUntil - now);
}

function tooLong(
  title: string,
  reason: string,
  { burst, calls, perMs }: Limit,
  waitMs: number,
  until: Date,
): IngressError {
  const why =
    reason === 'budget'
      ? `the ${burst + calls} calls that are allowed in ${perMs / 60_000} minutes are used up`
      : 'it asked to wait';
  return new IngressError(
    'PROVIDER_RATE_LIMITED',
    `${title} is not asked before ${until.toISOString()}: ${why}`,
    {
      retryAfterMs: waitMs,
    },
  );
}
