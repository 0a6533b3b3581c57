import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listIfThere, readIfThere } from '../../files.ts';

/**
 * Files of lines in one folder, one for each day (UTC). They are only ever appended to, so that no line that is whole can be lost
 * by a later one. These functions throw what the file system throws.
 */
export interface DayFile {
  /** `2026-11-24` */
  readonly day: string;
  readonly text: string;
}

const NAME = /^(\d{4}-\d\d-\d\d)\.jsonl$/;
const LINE_BREAK = 0x0a;
const DAY_MS = 24 * 60 * 60 * 1000;

/** The day of a moment, `days` later or, below 0, earlier. */
export function dayOf(moment: Date, days = 0): string {
  return new Date(moment.getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

export function pathOf(folder: string, day: string): string {
  return join(folder, `${day}.jsonl`);
}

/** The days of which there is a file, in order. */
export async function listDays(folder: string): Promise<string[]> {
  const names = await listIfThere(folder);
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).sort();
}

export interface ReadDays {
  readonly files: DayFile[];
  /** Days of which a directory is in the place of the file. */
  readonly damaged: string[];
}

/** Reads these days; one that is not there any more is left out. */
export async function readDays(folder: string, days: readonly string[]): Promise<ReadDays> {
  const read: ReadDays = { files: [], damaged: [] };
  for (const day of days) {
    try {
      const text = await readIfThere(pathOf(folder, day));
      if (text !== undefined) read.files.push({ day, text });
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EISDIR')) throw thrown;
      read.damaged.push(day);
    }
  }
  return read;
}

export async function removeDays(folder: string, days: readonly string[]): Promise<void> {
  for (const day of days) await rm(pathOf(folder, day), { force: true });
}

/** What became of lines that were to be appended. */
export interface Appended {
  /** Whether all of them stand there whole, be it only until the power fails. */
  readonly isWhole: boolean;
  /** What the file system threw; undefined when they are on the disk. */
  readonly failure: unknown;
}

/** Appends lines and has them on the disk. They never go on with a line that was torn before. Throws when nothing was written. */
export async function appendLines(path: string, lines: readonly string[]): Promise<Appended> {
  const file = await open(path, 'a+', 0o600);
  try {
    const bytes = Buffer.from(`${(await endsTorn(file)) ? '\n' : ''}${lines.join('\n')}\n`);
    return await write(file, bytes);
  } finally {
    // What is synced cannot be lost by closing.
    await file.close().catch(() => undefined);
  }
}

async function write(file: FileHandle, bytes: Buffer): Promise<Appended> {
  let written = 0;
  try {
    while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
    await file.sync();
    return { isWhole: true, failure: undefined };
  } catch (failure) {
    // Without the last line break the line before it is whole.
    return { isWhole: written >= bytes.length - 1, failure };
  }
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== LINE_BREAK;
}
