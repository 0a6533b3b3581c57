/** Runs `act` atomically once the scheduler chooses this step. */
export type Step = <T>(who: string, what: string, act: () => T) => Promise<T>;

/** Several concurrent actors. */
export interface Model {
  readonly actors: readonly (() => Promise<void>)[];
  /** A change of the environment, if one can occur now. */
  readonly environmentStep: () => Pending | undefined;
  /** A key of everything that determines the future: equal states have equal futures. */
  readonly state: () => string;
  /**
   * Called when every actor has ended; from then on steps run at once. Resolves with a description
   * of the final state.
   */
  readonly end: () => Promise<string>;
}

/** A step that waits until the scheduler chooses it. */
interface Pending {
  readonly what: string;
  readonly act: () => void;
}

export interface Explored {
  /** The number of distinct states. */
  readonly states: number;
  /** The ends that were reached, with the number of distinct states of each. */
  readonly ends: ReadonlyMap<string, number>;
}

/**
 * Runs a model in every possible order of its steps, depth first. A state that was explored before
 * is not explored again. Nothing in a model may wait for anything but its steps: no timers, no I/O.
 * Throws what an actor or `end` throws, with the order of steps that led to it.
 */
export async function everyInterleaving(open: (step: Step) => Model, maxStates: number): Promise<Explored> {
  const seen = new Set<string>();
  const orders: (readonly number[])[] = [[]];
  const ends = new Map<string, number>();
  for (let order = orders.pop(); order; order = orders.pop()) {
    const end = await runFrom(open, order, seen, orders);
    if (end !== undefined) ends.set(end, (ends.get(end) ?? 0) + 1);
    if (seen.size > maxStates) throw new Error(`more than ${maxStates} states`);
  }
  return { states: seen.size, ends };
}

/**
 * Runs the given order and continues from there; adds the alternatives to `orders`. Resolves with
 * the end, or with undefined if its state was explored before.
 */
async function runFrom(
  open: (step: Step) => Model,
  order: readonly number[],
  seen: Set<string>,
  orders: (readonly number[])[],
): Promise<string | undefined> {
  const scheduler = createScheduler();
  const model = open(scheduler.step);
  const actors = startAll(model);
  const taken: number[] = [];
  const trace: string[] = [];
  try {
    for (;;) {
      await allWaiting();
      if (actors.failures.length > 0) throw actors.failures[0];
      const choices = choicesOf(scheduler.waiting, model);
      if (taken.length >= order.length) {
        const state = model.state();
        if (seen.has(state)) return undefined;
        seen.add(state);
        orders.push(...choices.slice(1).map((_, index) => [...taken, index + 1]));
      }
      if (actors.running === 0) break;
      const next = order[taken.length] ?? 0;
      const chosen = choices[next] ?? deadlock();
      taken.push(next);
      trace.push(chosen.what);
      scheduler.waiting.delete(chosen);
      chosen.act();
    }
    scheduler.release();
    return await model.end();
  } catch (thrown) {
    throw new Error(`in this order:\n  ${trace.join('\n  ')}\n${String(thrown)}`, { cause: thrown });
  }
}

function deadlock(): never {
  throw new Error('deadlock: no step is possible');
}

interface Scheduler {
  readonly step: Step;
  /** Pending steps, each with its actor. */
  readonly waiting: Map<Pending, string>;
  /** From now on steps run at once. */
  release(): void;
}

function createScheduler(): Scheduler {
  const waiting = new Map<Pending, string>();
  let isReleased = false;
  return {
    waiting,
    release: () => {
      isReleased = true;
    },
    async step(who, what, act) {
      if (!isReleased) await new Promise<void>((resolve) => waiting.set({ what, act: resolve }, who));
      return act();
    },
  };
}

function startAll({ actors }: Model): { running: number; readonly failures: unknown[] } {
  const started = { running: actors.length, failures: [] as unknown[] };
  for (const actor of actors)
    actor().then(
      () => {
        started.running -= 1;
      },
      (failure: unknown) => started.failures.push(failure),
    );
  return started;
}

/**
 * The first pending step of each actor, because concurrent steps of one actor run in their own
 * order, and the environment's step.
 */
function choicesOf(waiting: ReadonlyMap<Pending, string>, { environmentStep }: Model): Pending[] {
  const first = new Map<string, Pending>();
  for (const [pending, who] of waiting) if (!first.has(who)) first.set(who, pending);
  const change = environmentStep();
  return change ? [...first.values(), change] : [...first.values()];
}

/** Resolves once every actor has reached its next step or its end. */
function allWaiting(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
