import type { Ledger } from '../../../src/acme/ledger/ledger.ts';
import { limitsOf, type Step, whenAllowed } from '../../../src/acme/ledger/limits.ts';
import { createFakeClock, type FakeClock } from '../fake-clock.ts';

/** An event that counts against a rate limit. */
interface Counted {
  /** A name, or an exact set of them. */
  readonly subject: string;
  /** When the program recorded the request in the ledger, before it sent it; in milliseconds. */
  readonly askedAt: number;
  /** When the CA acted; in milliseconds. */
  readonly at: number;
}

export interface CountingCa {
  /** Failed authorizations, by name. */
  readonly failed: Counted[];
  /** Certificates, by set of names. */
  readonly issued: Counted[];
}

type OpenLedger = Pick<Ledger, 'history' | 'write'>;

export interface CrashLoop {
  /** Opens the ledger as the program does at startup. */
  readonly open: (clock: FakeClock) => OpenLedger;
  readonly restarts: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** False for a program that ignores the limits. */
  readonly respectsLimits: boolean;
}

interface Run {
  readonly respectsLimits: boolean;
  readonly clock: FakeClock;
  readonly ca: CountingCa;
  /** A whole number below the limit. */
  readonly pick: (limit: number) => number;
  ledger: OpenLedger;
  /** Names whose DNS is wrong for a while. */
  broken: readonly string[];
}

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;
const LIMITS = limitsOf('https://ca.example/directory');
/** The names of two certificates that share a name. */
const SETS = [['example.com', '*.example.com'], ['example.com']] as const;
const BROKEN = [[], ['example.com'], ['*.example.com']];

class Crash extends Error {}

/**
 * Restarts a program that crashes at random: before or after it writes an entry, before or after
 * the CA acts on the request in the entry. Between restarts there are seconds, sometimes days.
 */
export async function runCrashLoop({
  open,
  restarts,
  random,
  respectsLimits,
}: CrashLoop): Promise<CountingCa> {
  const clock = createFakeClock();
  const pick = (limit: number) => Math.floor(random() * limit);
  const authority = { failed: [], issued: [] };
  const run: Run = {
    respectsLimits: respectsLimits,
    clock,
    ca: authority,
    pick,
    ledger: open(clock),
    broken: [],
  };
  let attempts = 0;
  for (let start = 0; start < restarts; start++) {
    if (pick(10) === 0) run.broken = BROKEN[pick(BROKEN.length)] ?? [];
    advance(run, pick(40) === 0 ? 9 * DAY : 60 * SECOND);
    run.ledger = open(clock);
    try {
      for (;;) await attempt(run, `a${attempts++}`);
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown;
    }
  }
  return authority;
}

async function attempt(run: Run, id: string): Promise<void> {
  const { clock, ca, pick } = run;
  const names = SETS[pick(SETS.length)] ?? SETS[0];
  await wait(run, names, 'order');
  await write(run, { event: 'order', attempt: id, names });
  mayCrash(run);
  await wait(run, names, 'validate');
  const validatedAt = await write(run, { event: 'validate', attempt: id, names });
  const invalid = names.filter((name) => run.broken.includes(name));
  ca.failed.push(...invalid.map((subject) => ({ subject, askedAt: validatedAt, at: clock.now().getTime() })));
  mayCrash(run);
  const failure = { event: 'failed', attempt: id, names, code: 'ACME_ORDER_FAILED', refused: true } as const;
  if (invalid.length > 0) {
    await write(run, { ...failure, ...(pick(2) === 0 ? {} : { invalid }) });
    return;
  }
  await write(run, { event: 'validated', attempt: id });
  const askedAt = await write(run, { event: 'finalize', attempt: id, names });
  if (pick(4) === 0) {
    await write(run, { ...failure, counted: false });
    return;
  }
  ca.issued.push({ subject: names.join(), askedAt, at: clock.now().getTime() });
  mayCrash(run);
  const notAfter = new Date(clock.now().getTime() + 90 * DAY).toISOString();
  await write(run, pick(4) === 0 ? failure : { event: 'issued', attempt: id, names, serial: id, notAfter });
}

/** Waits until the limits allow the step, or crashes during the wait. */
async function wait(
  { respectsLimits, clock, ledger, pick }: Run,
  names: readonly string[],
  step: Step['step'],
) {
  if (!respectsLimits) return;
  const request = {
    history: await ledger.history(),
    names,
    registeredDomains: [],
    step,
    replaces: pick(2) === 0,
  };
  const deferral = whenAllowed({ ...request, limits: LIMITS, now: clock.now() });
  if (!deferral) return;
  if (pick(2) === 0) throw new Crash();
  clock.set(deferral.until);
}

/** Returns the time of the entry, in milliseconds. */
async function write(run: Run, entry: Parameters<Ledger['write']>[0]): Promise<number> {
  mayCrash(run);
  const at = run.clock.now().getTime();
  await run.ledger.write(entry);
  mayCrash(run);
  return at;
}

function mayCrash(run: Run): void {
  advance(run, 20 * SECOND);
  if (run.pick(12) === 0) throw new Crash();
}

function advance({ clock, pick }: Run, longestMs: number): void {
  clock.set(new Date(clock.now().getTime() + pick(longestMs)));
}

/** The largest number of requests for one subject within any `windowMs` milliseconds. */
export function mostWithin(all: readonly Counted[], windowMs: number): number {
  const groups = [...Map.groupBy(all, ({ subject }) => subject).values()];
  const counts = groups.flatMap((group) =>
    group.map(
      ({ askedAt: end }) => group.filter(({ askedAt }) => askedAt <= end && askedAt > end - windowMs).length,
    ),
  );
  return Math.max(0, ...counts);
}

/** How many requests a token bucket with this capacity and refill interval would have refused. */
export function refusals(all: readonly Counted[], capacity: number, refillMs: number): number {
  let refused = 0;
  for (const group of Map.groupBy(all, ({ subject }) => subject).values()) {
    let tokens = capacity;
    let last = 0;
    for (const { at } of group) {
      tokens = Math.min(capacity, tokens + (at - last) / refillMs);
      last = at;
      if (tokens < 1) refused += 1;
      else tokens -= 1;
    }
  }
  return refused;
}
