import type { ApiRecordSet } from './answers.ts';
import { nameOf } from './records.ts';

interface Known {
  /** Whether every type is known, so that what is not there does not stand. */
  readonly whole: boolean;
  readonly types: ReadonlyMap<string, readonly ApiRecordSet[]>;
}

/**
 * The RRsets of one zone as they were last seen or written. It may be wrong at any time, since others write the zone too;
 * a change that is built on it is refused then, because a removal has to repeat what stands. Pure but for its state.
 */
export class ZoneMemory {
  readonly #names = new Map<string, Known>();

  /** The RRsets of a name and type; undefined when nothing is known of them. */
  get(name: string, type: string): readonly ApiRecordSet[] | undefined {
    const known = this.#names.get(name);
    return known?.types.get(type) ?? (known?.whole ? [] : undefined);
  }

  /** Every RRset that is known of a name. */
  all(name: string): readonly ApiRecordSet[] {
    return [...(this.#names.get(name)?.types.values() ?? [])].flat();
  }

  /** A read showed everything that stands at these names. */
  read(names: Iterable<string>, sets: readonly ApiRecordSet[]): void {
    for (const name of names) {
      const types = Map.groupBy(
        sets.filter((set) => nameOf(set.Name) === name),
        ({ Type }) => Type,
      );
      this.#names.set(name, { whole: true, types });
    }
  }

  /** A write left these RRsets at a name and type. */
  wrote(name: string, type: string, sets: readonly ApiRecordSet[]): void {
    const { whole, types } = this.#names.get(name) ?? { whole: false, types: new Map() };
    this.#names.set(name, { whole, types: new Map([...types, [type, sets]]) });
  }

  forget(names: Iterable<string>): void {
    for (const name of names) this.#names.delete(name);
  }
}

/** Milliseconds. A change is in force within a minute; one that is older than this is not asked about. */
const MAX_AGE_MS = 60 * 60_000;

/** The changes of one zone that may not have reached every name server yet, the newest first. Times are milliseconds since the epoch. */
export class PendingChanges {
  #changes: { readonly id: string; readonly at: number }[] = [];

  add(id: string, now: number): void {
    this.#changes.unshift({ id, at: now });
  }

  next(now: number): string | undefined {
    this.#changes = this.#changes.filter(({ at }) => at >= now - MAX_AGE_MS);
    return this.#changes[0]?.id;
  }

  done(id: string): void {
    this.#changes = this.#changes.filter((change) => change.id !== id);
  }
}
