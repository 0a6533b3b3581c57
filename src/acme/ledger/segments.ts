import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS } from '../../duration.ts';
import { systemErrorCode } from '../../errors.ts';
import { listIfThere, readIfThere } from '../../files.ts';

/**
 * One file per day (UTC) in the folder of a ledger. Lines are only appended, so that writing one
 * cannot lose an earlier one. The functions in this file throw what the file system throws.
 */
export interface Segment {
  /** `2026-11-24` */
  readonly day: string;
  readonly text: string;
}

const NAME = /^(\d{4}-\d\d-\d\d)\.jsonl$/;
const LINE_BREAK = 0x0a;

/** The UTC day of a time, shifted by a number of days. */
export function dayOf(moment: Date, days = 0): string {
  return new Date(moment.getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

export function segmentPath(folder: string, day: string): string {
  return join(folder, `${day}.jsonl`);
}

/** The days that have a segment, in order. */
export async function listSegments(folder: string): Promise<string[]> {
  const names = await listIfThere(folder);
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).sort();
}

export interface ReadSegments {
  readonly segments: Segment[];
  /** Days that have a directory in place of the segment. */
  readonly damaged: string[];
}

/** Reads the segments of these days. Skips those that no longer exist. */
export async function readSegments(folder: string, days: readonly string[]): Promise<ReadSegments> {
  const read: ReadSegments = { segments: [], damaged: [] };
  for (const day of days) {
    try {
      const text = await readIfThere(segmentPath(folder, day));
      if (text !== undefined) read.segments.push({ day, text });
    } catch (thrown) {
      if (systemErrorCode(thrown) !== 'EISDIR') throw thrown;
      read.damaged.push(day);
    }
  }
  return read;
}

export async function removeSegments(folder: string, days: readonly string[]): Promise<void> {
  for (const day of days) await rm(segmentPath(folder, day), { force: true });
}

/** The result of appending lines. */
export interface Appended {
  /** Whether all lines are complete in the file, though perhaps not durable. */
  readonly isWhole: boolean;
  /** What the file system threw; undefined if the lines are durable. */
  readonly failure: unknown;
}

/**
 * Appends lines and makes them durable. First ends a torn last line. Throws if nothing was written.
 */
export async function appendLines(path: string, lines: readonly string[]): Promise<Appended> {
  const file = await open(path, 'a+', 0o600);
  try {
    const bytes = Buffer.from(`${(await endsTorn(file)) ? '\n' : ''}${lines.join('\n')}\n`);
    return await write(file, bytes);
  } finally {
    // Closing cannot lose synced data.
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
    // Without its line break, the last line is still complete.
    return { isWhole: written >= bytes.length - 1, failure };
  }
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== LINE_BREAK;
}
