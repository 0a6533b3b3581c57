/** Lets one act at a time: what is asked for is done when its turn has come, and as a whole. */
export type Step = <T>(who: string, what: string, act: () => T) => Promise<T>;

/** Several who act at the same time. */
export interface Play {
  readonly actors: readonly (() => Promise<void>)[];
  /** What happens by itself, if it can happen now. */
  readonly byItself: () => Happening | undefined;
  /** Everything that decides what can still happen: from two moments of the same state the same follows. */
  readonly state: () => string;
  /** Called when everybody has ended; from here on nothing waits for its turn. Gives how it ended, in words. */
  readonly end: () => Promise<string>;
}

interface Happening {
  readonly what: string;
  readonly act: () => void;
}

export interface Explored {
  /** Different moments. */
  readonly states: number;
  /** How everybody came to the end, and in how many different moments. */
  readonly ends: ReadonlyMap<string, number>;
}

/**
 * Plays the same play in every order in which its steps can follow each other, depth first. A state from which it has gone on
 * before is not gone on from again. Nothing in a play may wait for anything but its turn: no timers, no input or output. Throws what an
 * actor or `end` throws, with the order that led there.
 */
export async function everyInterleaving(open: (step: Step) => Play, mostStates: number): Promise<Explored> {
  const seen = new Set<string>();
  const orders: (readonly number[])[] = [[]];
  const ends = new Map<string, number>();
  for (let order = orders.pop(); order; order = orders.pop()) {
    const end = await playOn(open, order, seen, orders);
    if (end !== undefined) ends.set(end, (ends.get(end) ?? 0) + 1);
    if (seen.size > mostStates) throw new Error(`more than ${mostStates} states`);
  }
  return { states: seen.size, ends };
}

/** Plays in the given order, and on from there; what else could have been next is added to `orders`. Gives how it ended, if it is new. */
async function playOn(
  open: (step: Step) => Play,
  order: readonly number[],
  seen: Set<string>,
  orders: (readonly number[])[],
): Promise<string | undefined> {
  const stage = createStage();
  const play = open(stage.step);
  const cast = startAll(play);
  const taken: number[] = [];
  const told: string[] = [];
  try {
    for (;;) {
      await everybodyWaits();
      if (cast.failures.length > 0) throw cast.failures[0];
      const choices = choicesOf(stage.waiting, play);
      if (taken.length >= order.length) {
        const state = play.state();
        if (seen.has(state)) return undefined;
        seen.add(state);
        orders.push(...choices.slice(1).map((_, index) => [...taken, index + 1]));
      }
      if (cast.acting === 0) break;
      const next = order[taken.length] ?? 0;
      const chosen = choices[next] ?? nobody();
      taken.push(next);
      told.push(chosen.what);
      stage.waiting.delete(chosen);
      chosen.act();
    }
    stage.free();
    return await play.end();
  } catch (thrown) {
    throw new Error(`in this order:\n  ${told.join('\n  ')}\n${String(thrown)}`, { cause: thrown });
  }
}

function nobody(): never {
  throw new Error('nobody can go on');
}

interface Stage {
  readonly step: Step;
  /** Steps that wait for their turn, and whose they are. */
  readonly waiting: Map<Happening, string>;
  /** From here on everybody acts as they like. */
  free(): void;
}

function createStage(): Stage {
  const waiting = new Map<Happening, string>();
  let isFree = false;
  return {
    waiting,
    free: () => {
      isFree = true;
    },
    async step(who, what, act) {
      if (!isFree) await new Promise<void>((resolve) => waiting.set({ what, act: resolve }, who));
      return act();
    },
  };
}

function startAll({ actors }: Play): { acting: number; readonly failures: unknown[] } {
  const cast = { acting: actors.length, failures: [] as unknown[] };
  for (const actor of actors)
    actor().then(
      () => {
        cast.acting -= 1;
      },
      (failure: unknown) => cast.failures.push(failure),
    );
  return cast;
}

/** Of each only what it waits for first: what one does at the same time is done in its own order. */
function choicesOf(waiting: ReadonlyMap<Happening, string>, { byItself }: Play): Happening[] {
  const first = new Map<string, Happening>();
  for (const [happening, who] of waiting) if (!first.has(who)) first.set(who, happening);
  const happening = byItself();
  return happening ? [...first.values(), happening] : [...first.values()];
}

/** Everything that was under way has gone on to its next step. */
function everybodyWaits(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
