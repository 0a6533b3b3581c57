import { join } from 'node:path';
import { Mutex } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import type { IngressError } from '../../errors.ts';
import { isDirectory, makeDurableDirectory, moveAside, syncDirectory } from '../../files.ts';
import { folderNameOf, orStoreFailed, whyUnwritable } from '../../volume.ts';
import { asOf, type LedgerEntry, type NewEntry, readEntries } from './entries.ts';
import { compact, type History, historyOf, type LedgerView } from './history.ts';
import {
  type Appended,
  appendLines,
  dayOf,
  listSegments,
  readSegments,
  removeSegments,
  segmentPath,
} from './segments.ts';

/**
 * The record of every attempt at one CA, written before the attempt. However often this program
 * crashes and restarts, it knows its earlier requests, so that `whenAllowed` can keep to the CA's
 * limits.
 */
export interface Ledger {
  /** The history, which later writes update. Throws STORE_FAILED. */
  history(): Promise<History>;
  /** As `history`, but writes nothing. */
  peek(): Promise<History>;
  /** Resolves once durable. Take the step only after that. Throws STORE_FAILED. */
  write(entry: NewEntry): Promise<void>;
  /**
   * As `write`, unless `veto` returns a value: then returns that value and writes nothing.
   * No other write happens between the check and the write.
   */
  writeUnless<T>(entry: NewEntry, veto: (history: History) => T | undefined): Promise<T | undefined>;
  /** STORE_FAILED if writing would fail for lack of permission, else undefined. Writes nothing. */
  whyUnwritable(): Promise<IngressError | undefined>;
}

/** Days after which a segment is compacted. No limit looks back further than 7 days. */
const KEPT_DAYS = 30;

/** The content of the segments. */
interface Known {
  readonly view: LedgerView;
  /** The time of the last entry, in milliseconds since the epoch. */
  lastAt: number;
  /** Days of segments in the future. */
  ahead: readonly string[];
  /** Days that have a directory in place of the segment. */
  damaged: readonly string[];
}

interface LedgerState {
  /** The volume. */
  readonly root: string;
  readonly folder: string;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
  known: Known | undefined;
  /** The last day whose segment is known to be durable in its folder. */
  begun: string | undefined;
  hasWarned: boolean;
}

/** The ledger of the CA with this directory URL (RFC 8555 §7.1.1), on the volume at `root`. */
export function createLedger(
  root: string,
  directoryUrl: string,
  clock: Clock,
  warn: (message: string) => void,
): Ledger {
  const folder = join(root, 'dstack-ingress', 'ledger', folderNameOf(directoryUrl));
  const state: LedgerState = {
    ...{ root, folder, clock, warn },
    ...{ known: undefined, begun: undefined, hasWarned: false },
  };
  const mutex = new Mutex();
  const run = <T>(verb: string, work: () => Promise<T>) =>
    mutex.run(() => orStoreFailed(`cannot ${verb} the ledger in ${folder}`, folder, work));
  return {
    history: () => run('read', async () => (await loadAndRepair(state)).view),
    peek: () => run('read', async () => (await load(state)).view),
    write: (entry) => run('write', () => write(state, entry)),
    writeUnless: (entry, veto) =>
      run('write', async () => {
        const reason = veto((await load(state)).view);
        if (reason === undefined) await write(state, entry);
        return reason;
      }),
    whyUnwritable: () => whyUnwritable([folder]),
  };
}

/** Reads the segments if necessary: on first use, and again after the clock was set back. */
async function load(state: LedgerState): Promise<Known> {
  const now = state.clock.now();
  if (state.known && state.known.lastAt <= now.getTime()) return state.known;
  const days = await listSegments(state.folder);
  const { entries, damaged } = await readEntriesOf(state, days, now);
  state.known = {
    view: historyOf(entries),
    lastAt: entries.reduce((last, { at }) => Math.max(last, Date.parse(at)), 0),
    ahead: days.filter((day) => day > dayOf(now)),
    damaged,
  };
  return state.known;
}

/** The entries of these days, as of now, in the order in which they were made. */
async function readEntriesOf(
  state: LedgerState,
  days: readonly string[],
  now: Date,
): Promise<{ readonly entries: LedgerEntry[]; readonly damaged: readonly string[] }> {
  const { segments, damaged } = await readSegments(state.folder, days);
  const read = segments.map(({ day, text }) => ({ day, ...readEntries(text) }));
  const torn = read.find((segment) => segment.damaged > 0);
  if (torn && !state.hasWarned) {
    state.hasWarned = true;
    state.warn(
      `${segmentPath(state.folder, torn.day)} has damaged lines, probably from a crash; they are skipped`,
    );
  }
  // Entries that compaction moved to a later segment return to their day. All others keep the order
  // in which they were written, even if the clock was set.
  const placeOf = (day: string, { at }: LedgerEntry) => (at < day ? at.slice(0, day.length) : day);
  const entries = read
    .flatMap(({ day, entries }) => entries.map((entry) => ({ place: placeOf(day, entry), entry })))
    .sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0))
    .map(({ entry }) => asOf(entry, now));
  return { entries, damaged };
}

/**
 * Loads the segments and repairs them. Repairs are best effort: a read-only volume still has its
 * entries.
 */
async function loadAndRepair(state: LedgerState): Promise<Known> {
  const known = await load(state);
  await moveDamaged(state, known);
  await rewriteAhead(state, known).catch(() => undefined);
  return known;
}

/**
 * Moves directories aside that are in place of segments: they hold no entries, and block writes on
 * their day.
 */
async function moveDamaged(state: LedgerState, known: Known): Promise<void> {
  const { damaged } = known;
  known.damaged = [];
  for (const day of damaged) {
    const path = segmentPath(state.folder, day);
    // Another process may have moved it, and begun a segment there.
    if (!(await isDirectory(path))) continue;
    const aside = await moveAside(path).catch(() => undefined);
    if (aside === undefined) known.damaged = [...known.damaged, day];
    else
      state.warn(
        `${path} is damaged and was moved to ${aside}; attempts of that day no longer count against the limits`,
      );
  }
}

/** Rewrites entries in the future as made now. Otherwise each start would count them as new. */
async function rewriteAhead(state: LedgerState, known: Known): Promise<void> {
  const { ahead } = known;
  if (ahead.length === 0) return;
  const now = state.clock.now();
  const { entries } = await readEntriesOf(state, ahead, now);
  const { failure } = await append(state, entries, now);
  if (failure !== undefined) return;
  await removeSegments(state.folder, ahead);
  state.warn(
    `${state.folder} had entries of ${ahead.join(', ')}, which is in the future: the clock was wrong, and they count as made now`,
  );
  known.ahead = [];
}

async function write(state: LedgerState, draft: NewEntry): Promise<void> {
  const known = await load(state);
  await moveDamaged(state, known);
  const now = state.clock.now();
  const entry: LedgerEntry = { at: now.toISOString(), ...draft };
  const isFirstOfDay = state.begun !== dayOf(now);
  const { isWhole, failure } = await append(state, [entry], now);
  // The next reader finds the whole entry, although its step is not taken, so it counts here too.
  if (isWhole) {
    known.view.add(entry);
    known.lastAt = Math.max(known.lastAt, now.getTime());
  }
  if (failure !== undefined) throw failure;
  if (isFirstOfDay) await compactOld(state, known, now).catch(() => undefined);
}

async function append(state: LedgerState, entries: readonly LedgerEntry[], now: Date): Promise<Appended> {
  const { folder, root } = state;
  const day = dayOf(now);
  const isNew = state.begun !== day;
  if (isNew) await makeDurableDirectory(folder, root);
  const lines = entries.map((entry) => JSON.stringify(entry));
  const appended = await appendLines(segmentPath(folder, day), lines);
  if (!isNew || appended.failure !== undefined) return appended;
  try {
    await syncDirectory(folder);
    state.begun = day;
    return appended;
  } catch (failure) {
    return { ...appended, failure };
  }
}

/** Removes old segments after it has copied the entries that still matter into today's segment. */
async function compactOld(state: LedgerState, { view }: Known, now: Date): Promise<void> {
  const days = await listSegments(state.folder);
  const old = days.filter((day) => day < dayOf(now, -KEPT_DAYS));
  if (old.length === 0) return;
  const { entries } = await readEntriesOf(state, old, now);
  const kept = compact(entries, view, now);
  const { failure } = kept.length > 0 ? await append(state, kept, now) : { failure: undefined };
  if (failure === undefined) await removeSegments(state.folder, old);
}
