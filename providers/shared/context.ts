import type { Clock } from '../../src/clock.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';

/** What a provider gets from the program in addition to its settings. */
export interface ProviderContext {
  readonly clock: Clock;
  /** Called each time before a call to the API has to wait, so that every wait is logged. */
  readonly onWait: (wait: ProviderWait) => void;
  /** Reports something that the user should know although nothing fails. */
  readonly warn: (sentence: string) => void;
  readonly files: ProviderFiles;
  /** For every HTTP request. */
  readonly outgoing: Outgoing;
}

/** A call that waits, and why. */
export interface ProviderWait {
  /** Our own budget of calls, or the provider's Retry-After. */
  readonly reason: 'budget' | 'asked-to-wait';
  /** Milliseconds. */
  readonly waitMs: number;
  readonly until: Date;
}

/**
 * Small texts on the certificate volume, which survive restarts. Names are relative paths
 * (`budget.json`, `example.com/2026-01-02T03-04-05Z.txt`); each provider has a folder of its own.
 */
export interface ProviderFiles {
  /** The text, or undefined when there is none. Throws STORE_FAILED. */
  read(name: string): Promise<string | undefined>;
  /**
   * Writes the whole text or nothing, and returns the absolute path of the file. Throws
   * STORE_FAILED.
   */
  write(name: string, text: string): Promise<string>;
  /** Names in a folder, sorted; none when it is not there. Throws STORE_FAILED. */
  list(folder: string): Promise<readonly string[]>;
  /** Removes a file; one that is gone already is a success. Throws STORE_FAILED. */
  remove(name: string): Promise<void>;
}
