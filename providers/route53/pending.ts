import type { Clock } from '../../src/clock.ts';

/** Milliseconds; a change is in force within a minute, and one that is older than this is not asked about. */
const LONGEST_MS = 60 * 60_000;

/** The changes of one zone that may not have reached every name server yet, the newest first. */
export class PendingChanges {
  readonly #clock: Clock;
  #changes: { readonly id: string; readonly at: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(id: string): void {
    this.#changes.unshift({ id, at: this.#clock.now().getTime() });
  }

  next(): string | undefined {
    const oldest = this.#clock.now().getTime() - LONGEST_MS;
    this.#changes = this.#changes.filter(({ at }) => at >= oldest);
    return this.#changes[0]?.id;
  }

  done(id: string): void {
    this.#changes = this.#changes.filter((change) => change.id !== id);
  }
}
