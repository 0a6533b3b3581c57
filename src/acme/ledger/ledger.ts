import { join } from 'node:path';
import { Mutex } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import type { IngressError } from '../../errors.ts';
import { makeDurableDirectory, moveAside, syncDirectory } from '../../files.ts';
import { storeFailure, whyUnwritable } from '../../volume.ts';
import { type Appended, appendLines, dayOf, listDays, pathOf, readDays, removeDays } from './segments.ts';
import { directorySlug } from './directory-slug.ts';
import { type Chronicle, type History, historyOf } from './history.ts';
import { keepsakes } from './keepsakes.ts';
import { asOf, type LedgerEntry, type NewEntry, readEntries } from './entries.ts';

/**
 * Every attempt at one certificate authority, written down before it is made. So that whatever happens to this program, and however
 * often it is started again, it knows what it has asked for already (`whenAllowed`).
 */
export interface Ledger {
  /** What is known; its answers follow what is written later. Throws STORE_FAILED. */
  history(): Promise<History>;
  /** As `history`, and writes nothing. */
  peek(): Promise<History>;
  /** Resolves when the entry is on the disk; only then may be done what it tells of. Throws STORE_FAILED. */
  write(entry: NewEntry): Promise<void>;
  /**
   * As `write`, unless there is a reason against it, which is asked for when nobody else can write in between: that is given, and
   * nothing is written.
   */
  writeUnless<T>(entry: NewEntry, reason: (history: History) => T | undefined): Promise<T | undefined>;
  /** STORE_FAILED when writing would fail for lack of rights, else undefined. Writes nothing. */
  whyUnwritable(): Promise<IngressError | undefined>;
}

/** Days after which a file is removed: no limit looks further back than 7. */
const KEPT_DAYS = 30;

/** What is known, and what was read of it that lies in the future. */
interface Known {
  readonly chronicle: Chronicle;
  /** Milliseconds since the epoch; of the last entry. */
  lastAt: number;
  /** Days of files that the clock has not reached yet. */
  ahead: readonly string[];
  /** Days of which a directory is in the place of the file. */
  damaged: readonly string[];
}

interface Shelf {
  readonly root: string;
  readonly folder: string;
  readonly clock: Clock;
  readonly warn: (sentence: string) => void;
  known: Known | undefined;
  /** The day of whose file we know that it is in its folder on the disk. */
  begun: string | undefined;
  hasWarned: boolean;
}

/** The ledger of the certificate authority with this directory URL (RFC 8555 §7.1.1), on the volume at `root`. */
export function createLedger(
  root: string,
  directoryUrl: string,
  clock: Clock,
  warn: (sentence: string) => void,
): Ledger {
  const folder = join(root, 'dstack-ingress', 'ledger', directorySlug(directoryUrl));
  const shelf: Shelf = {
    ...{ root, folder, clock, warn },
    ...{ known: undefined, begun: undefined, hasWarned: false },
  };
  const mutex = new Mutex();
  const guarded = <T>(verb: string, work: () => Promise<T>) =>
    mutex.run(async () => {
      try {
        return await work();
      } catch (thrown) {
        throw await storeFailure(`cannot ${verb} the ledger in ${folder}`, folder, thrown);
      }
    });
  return {
    history: () => guarded('read', () => lookAndSettle(shelf)),
    peek: () => guarded('read', async () => (await look(shelf)).chronicle),
    write: (entry) => guarded('write', () => write(shelf, entry)),
    writeUnless: (entry, reason) =>
      guarded('write', async () => {
        const against = reason((await look(shelf)).chronicle);
        if (against === undefined) await write(shelf, entry);
        return against;
      }),
    whyUnwritable: () => whyUnwritable([folder]),
  };
}

/** Reads the files where that has to be done: once, and again when the clock has jumped back. */
async function look(shelf: Shelf): Promise<Known> {
  const now = shelf.clock.now();
  if (shelf.known && shelf.known.lastAt <= now.getTime()) return shelf.known;
  const days = await listDays(shelf.folder);
  const { entries, damaged } = await read(shelf, days, now);
  shelf.known = {
    damaged,
    chronicle: historyOf(entries),
    lastAt: entries.reduce((last, { at }) => Math.max(last, Date.parse(at)), 0),
    ahead: days.filter((day) => day > dayOf(now)),
  };
  return shelf.known;
}

/** The entries of these days, as of now, in the order in which they were made. */
async function read(
  shelf: Shelf,
  days: readonly string[],
  now: Date,
): Promise<{ readonly entries: LedgerEntry[]; readonly damaged: readonly string[] }> {
  const { files, damaged: lost } = await readDays(shelf.folder, days);
  const read = files.map(({ day, text }) => ({ day, ...readEntries(text) }));
  const damaged = read.find((file) => file.damaged > 0);
  if (damaged && !shelf.hasWarned) {
    shelf.hasWarned = true;
    shelf.warn(
      `${pathOf(shelf.folder, damaged.day)} has lines that cannot be read, as a crash leaves them; they are skipped`,
    );
  }
  // What outlived its own file stands in a later one; else the order is that of writing, whatever the clock did.
  const placeOf = (day: string, { at }: LedgerEntry) => (at < day ? at.slice(0, day.length) : day);
  const entries = read
    .flatMap(({ day, entries }) => entries.map((entry) => ({ place: placeOf(day, entry), entry })))
    .sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0))
    .map(({ entry }) => asOf(entry, now));
  return { entries, damaged: lost };
}

/**
 * Moves directories away that are in the place of files: a directory has no entries, and blocks its day. Best effort: a volume that
 * cannot be written still tells what it has.
 */
async function clearAway(shelf: Shelf, known: Known): Promise<void> {
  const { damaged } = known;
  known.damaged = [];
  for (const day of damaged) {
    const path = pathOf(shelf.folder, day);
    const aside = await moveAside(path).catch(() => undefined);
    if (aside === undefined) known.damaged = [...known.damaged, day];
    else
      shelf.warn(
        `${path} is damaged and was moved to ${aside}; attempts of that day are not counted any more`,
      );
  }
}

/**
 * Entries of days that have not come yet are written again as made now, else each start would take them for new. Best effort: they
 * count all the same.
 */
async function lookAndSettle(shelf: Shelf): Promise<Chronicle> {
  const known = await look(shelf);
  await clearAway(shelf, known);
  if (known.ahead.length === 0) return known.chronicle;
  const now = shelf.clock.now();
  try {
    const { failure } = await put(shelf, (await read(shelf, known.ahead, now)).entries, now);
    if (failure !== undefined) return known.chronicle;
    await removeDays(shelf.folder, known.ahead);
    shelf.warn(
      `${shelf.folder} had entries of ${known.ahead.join(', ')}; the clock was wrong, and they count as made now`,
    );
    known.ahead = [];
  } catch {
    // It is tried again at the next look.
  }
  return known.chronicle;
}

async function write(shelf: Shelf, draft: NewEntry): Promise<void> {
  const known = await look(shelf);
  await clearAway(shelf, known);
  const now = shelf.clock.now();
  const entry: LedgerEntry = { at: now.toISOString(), ...draft };
  const begins = shelf.begun !== dayOf(now);
  const { isWhole, failure } = await put(shelf, [entry], now);
  // Whoever reads the file finds it, though its step is not made: it counts, so that memory and disk say the same.
  if (isWhole) {
    known.chronicle.add(entry);
    known.lastAt = Math.max(known.lastAt, now.getTime());
  }
  if (failure !== undefined) throw failure;
  if (begins) await removeOld(shelf, known, now).catch(() => undefined);
}

async function put(shelf: Shelf, entries: readonly LedgerEntry[], now: Date): Promise<Appended> {
  const { folder, root } = shelf;
  const day = dayOf(now);
  const isNew = shelf.begun !== day;
  if (isNew) await makeDurableDirectory(folder, root);
  const lines = entries.map((entry) => JSON.stringify(entry));
  const appended = await appendLines(pathOf(folder, day), lines);
  if (!isNew || appended.failure !== undefined) return appended;
  try {
    await syncDirectory(folder);
    shelf.begun = day;
    return appended;
  } catch (failure) {
    return { ...appended, failure };
  }
}

async function removeOld(shelf: Shelf, { chronicle }: Known, now: Date): Promise<void> {
  const days = await listDays(shelf.folder);
  const old = days.filter((day) => day < dayOf(now, -KEPT_DAYS));
  if (old.length === 0) return;
  const kept = keepsakes((await read(shelf, old, now)).entries, chronicle, now);
  const { failure } = kept.length > 0 ? await put(shelf, kept, now) : { failure: undefined };
  if (failure === undefined) await removeDays(shelf.folder, old);
}
