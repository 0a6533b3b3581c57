import * as z from 'zod';
import { Mutex } from '../../src/async.ts';
import { IngressError } from '../../src/errors.ts';
import type { ProviderContext } from './context.ts';

/**
 * How many calls an account may make: `burst` at once, and `calls` more in each `perMs`
 * milliseconds. Any window of that length therefore has at most the sum of both, which must stay
 * below the provider's limit.
 */
export interface Limit {
  readonly burst: number;
  readonly calls: number;
  readonly perMs: number;
}

/**
 * A token bucket for the calls to one account, whose level survives restarts. (The CA's buckets in
 * src/acme/ledger/deferral.ts are computed from the times of past orders instead; API calls are too
 * many to record each.)
 */
export interface Budget {
  /**
   * Resolves when a call may be made, and counts it. Callers are served in order. Throws
   * PROVIDER_RATE_LIMITED instead of waiting longer than five minutes, or the signal's reason when
   * it aborts.
   */
  spend(signal: AbortSignal): Promise<void>;
  /** Allows no call for so many milliseconds, because the provider asked for it. */
  hold(ms: number): Promise<void>;
}

/** Whose budget it is, and its size. */
export interface BudgetOptions {
  /** The provider's name in messages. */
  readonly title: string;
  readonly limit: Limit;
  readonly context: ProviderContext;
}

const FILE = 'budget.json';
/** For longer waits the call fails, and the next run of reconcile tries again. */
const LONGEST_WAIT_MS = 5 * 60_000;
/** A longer pause means that a clock is wrong, the provider's or ours. */
const LONGEST_HOLD_MS = 60 * 60_000;

const stateSchema = z.object({ tokens: z.number(), at: z.number(), heldUntil: z.number() });

/** Times in milliseconds since the epoch. */
interface State {
  readonly tokens: number;
  readonly at: number;
  readonly heldUntil: number;
}

/** Makes a budget, which reads its level from the volume with the first call. */
export function createBudget({ title, limit, context }: BudgetOptions): Budget {
  const { clock, files, onWait } = context;
  const now = () => clock.now().getTime();
  const mutex = new Mutex();
  let heldUntil = 0;
  let state: State | undefined;

  const current = async (): Promise<State> => {
    state ??= await remembered(context, limit);
    // If the clock was set back, a time that was near is now far away.
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

  // A volume that cannot be written must not prevent a renewal.
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

/** If the clock was set back, nothing is refilled, and counting continues from its present time. */
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
      ? `the budget of ${burst + calls} calls in ${perMs / 60_000} minutes is used up`
      : 'it asked to wait';
  return new IngressError(
    'PROVIDER_RATE_LIMITED',
    `no call to ${title} before ${until.toISOString()}: ${why}`,
    {
      retryAfterMs: waitMs,
      details: { reason, until: until.toISOString() },
    },
  );
}
