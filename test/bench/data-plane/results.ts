import type { ContenderId } from './contender.ts';
import type { Reading } from './works.ts';

/** The results of a run: docs/performance/results.json. */
export interface Results {
  readonly setting: Setting;
  readonly readings: readonly TakenReading[];
  /** Readings that could not be taken; all of them are listed. */
  readonly failures: readonly FailedReading[];
}

export interface Setting {
  /** The start of the run, ISO 8601. */
  readonly date: string;
  readonly rounds: number;
  /** Seconds of each reading. */
  readonly seconds: number;
  readonly host: string;
  /** The programs' versions, one line each. */
  readonly versions: readonly string[];
  /** The output of `openssl speed` for one core: operations per second. */
  readonly crypto: readonly CryptoSpeed[];
}

export interface CryptoSpeed {
  readonly operation: string;
  readonly perSecond: number;
}

/** Identifies a reading. */
export interface Place {
  readonly contender: ContenderId;
  readonly work: string;
  /** The number of the contender's names and certificates. */
  readonly names: number;
  readonly round: number;
}

export interface TakenReading extends Place, Reading {}

export interface FailedReading extends Place {
  readonly why: string;
}

/**
 * Serializes results as JSON, one reading per line. Rounds off digits beyond the precision of
 * clocks and counters.
 */
export function serialised({ setting, readings, failures }: Results): string {
  const lines = (all: readonly object[]) => all.map((one) => `\n${JSON.stringify(one, rounded)}`).join(',');
  return `{"setting":${JSON.stringify(setting, rounded, 1)},
"readings":[${lines(readings)}],
"failures":[${lines(failures)}]}
`;
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value;
}
