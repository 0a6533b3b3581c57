import pino from 'pino';
import type { Log } from '../../src/log.ts';

export interface CollectedLog {
  readonly log: Log;
  /** Every line so far, parsed. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

/** A log that keeps its lines instead of printing them. */
export function collectLog(): CollectedLog {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'trace', base: null },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}
