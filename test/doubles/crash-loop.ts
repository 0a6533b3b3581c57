import type { Ledger } from '../../src/acme/ledger.ts';
import { limitsOf, type Step, whenAllowed } from '../../src/acme/limits.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** A certificate authority that notes what it counts. */
export interface CountingAuthority {
  /** Names of authorizations that failed. */
  readonly failed: readonly Noted[];
  /** Exact sets of names it has issued for. */
  readonly issued: readonly Noted[];
  readonly ordered: readonly Noted[];
}

interface Noted {
  readonly what: string;
  readonly at: number;
}

export interface CrashLoop {
  /** Opens the ledger as a start of the program does. */
  readonly open: (clock: FakeClock) => Pick<Ledger, 'history' | 'write'>;
  readonly restarts: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** False for a program that never asks whether it may. */
  readonly asks: boolean;
}

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;
const DIRECTORY = 'https://ca.example/directory';
/** Two certificates that share a name. */
const SETS = [['example.com', '*.example.com'], ['example.com']] as const;

class Crash extends Error {}

/**
 * A program that is started again and again, and dies at any moment: before or after it writes an entry, before or after the
 * certificate authority does what the entry tells of. Between two starts there are seconds, now and then days.
 */
export async function runCrashLoop({ open, restarts, random, asks }: CrashLoop): Promise<CountingAuthority> {
  const clock = createFakeClock();
  const authority = { failed: [] as Noted[], issued: [] as Noted[], ordered: [] as Noted[] };
  const pick = (limit: number) => Math.floor(random() * limit);
  /** What is wrong with the DNS of this stretch of starts; nothing, or these names. */
  let broken: readonly string[] = [];
  let attempts = 0;

  async function attempt(ledger: Pick<Ledger, 'history' | 'write'>): Promise<void> {
    const names = SETS[pick(SETS.length)] ?? SETS[0];
    const id = `a${attempts++}`;
    const note = (list: Noted[], ...all: string[]) =>
      list.push(...all.map((what) => ({ what, at: clock.now().getTime() })));
    const mayCrash = () => {
      clock.set(new Date(clock.now().getTime() + pick(20 * SECOND)));
      if (pick(12) === 0) throw new Crash();
    };
    const write: Ledger['write'] = async (entry) => {
      mayCrash();
      await ledger.write(entry);
      mayCrash();
    };
    const waits = async (step: Step['step']) => {
      const history = await ledger.history();
      const ask = { history, names, registeredDomains: [], step, replaces: pick(2) === 0 };
      const hold = asks ? whenAllowed({ ...ask, limits: limitsOf(DIRECTORY), now: clock.now() }) : undefined;
      // It waits as long as it takes, or is started again before.
      if (hold && pick(2) === 0) clock.set(hold.at);
      else if (hold) throw new Crash();
    };

    await waits('order');
    await write({ event: 'order', attempt: id, names });
    note(authority.ordered, names.join());
    mayCrash();
    await waits('validate');
    await write({ event: 'validate', attempt: id, names });
    const invalid = names.filter((name) => broken.includes(name));
    note(authority.failed, ...invalid);
    mayCrash();
    const failure = {
      event: 'failed',
      attempt: id,
      names,
      code: 'ACME_ORDER_FAILED',
      refused: true,
    } as const;
    if (invalid.length > 0) return write({ ...failure, ...(pick(2) === 0 ? {} : { invalid }) });
    await write({ event: 'validated', attempt: id });
    await write({ event: 'finalize', attempt: id, names });
    if (pick(4) === 0) return write({ ...failure, counted: false });
    note(authority.issued, names.join());
    mayCrash();
    if (pick(4) === 0) return write(failure);
    const notAfter = new Date(clock.now().getTime() + 90 * DAY).toISOString();
    await write({ event: 'issued', attempt: id, names, serial: id, notAfter });
  }

  for (let start = 0; start < restarts; start++) {
    if (pick(10) === 0) broken = [[], ['example.com'], ['*.example.com']][pick(3)] ?? [];
    const pauseMs = pick(40) === 0 ? pick(9 * DAY) : pick(60 * SECOND);
    clock.set(new Date(clock.now().getTime() + pauseMs));
    const ledger = open(clock);
    try {
      for (;;) await attempt(ledger);
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown;
    }
  }
  return authority;
}

/** The most of the same kind that fell into any stretch of `windowMs` milliseconds. */
export function mostWithin(all: readonly Noted[], windowMs: number): number {
  const groups = [...Map.groupBy(all, ({ what }) => what).values()];
  const counts = groups.flatMap((group) =>
    group.map(({ at: end }) => group.filter(({ at }) => at <= end && at > end - windowMs).length),
  );
  return Math.max(0, ...counts);
}
