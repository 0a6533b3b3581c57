import type { ContenderId } from './contender.ts';
import type { Reading } from './works.ts';

/** What a run leaves behind: docs/performance/results.json. */
export interface Results {
  readonly setting: Setting;
  readonly readings: readonly TakenReading[];
  /** Readings that could not be taken: none is left out without a word. */
  readonly failures: readonly FailedReading[];
}

export interface Setting {
  /** When the run began, ISO 8601. */
  readonly date: string;
  readonly rounds: number;
  /** Of each reading. */
  readonly seconds: number;
  readonly host: string;
  /** Of the programs that ran, one line each. */
  readonly versions: readonly string[];
  /** What `openssl speed` says of one core: operations per second. */
  readonly crypto: readonly CryptoSpeed[];
}

export interface CryptoSpeed {
  readonly operation: string;
  readonly perSecond: number;
}

/** Which reading of which contender. */
export interface Place {
  readonly contender: ContenderId;
  readonly work: string;
  /** How many names and certificates the contender had. */
  readonly names: number;
  readonly round: number;
}

export interface TakenReading extends Place, Reading {}

export interface FailedReading extends Place {
  readonly why: string;
}

/** As JSON, one reading a line. What a clock or a counter cannot know is rounded off. */
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
