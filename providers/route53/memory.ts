import type { ApiRecordSet } from './answers.ts';
import { nameOf } from './records.ts';

interface Known {
  /** Whether all types are known, so that a missing one does not exist. */
  readonly whole: boolean;
  readonly types: ReadonlyMap<string, readonly ApiRecordSet[]>;
}

/**
 * A cache of a zone's RRsets as last read or written. It may be stale at any time, because others
 * write to the zone too. Route 53 then rejects a change that relies on it, because a removal has to
 * repeat the current RRset. Pure except for its state.
 */
export class ZoneMemory {
  readonly #names = new Map<string, Known>();

  /** The RRsets of a name and type; undefined if unknown. */
  get(name: string, type: string): readonly ApiRecordSet[] | undefined {
    const known = this.#names.get(name);
    return known?.types.get(type) ?? (known?.whole ? [] : undefined);
  }

  /** All known RRsets of a name. */
  all(name: string): readonly ApiRecordSet[] {
    return [...(this.#names.get(name)?.types.values() ?? [])].flat();
  }

  /** Stores the result of a read of all RRsets at these names. */
  read(names: Iterable<string>, sets: readonly ApiRecordSet[]): void {
    for (const name of names) {
      const types = Map.groupBy(
        sets.filter((set) => nameOf(set.Name) === name),
        ({ Type }) => Type,
      );
      this.#names.set(name, { whole: true, types });
    }
  }

  /** Stores the RRsets that a write left at a name and type. */
  wrote(name: string, type: string, sets: readonly ApiRecordSet[]): void {
    const { whole, types } = this.#names.get(name) ?? { whole: false, types: new Map() };
    this.#names.set(name, { whole, types: new Map([...types, [type, sets]]) });
  }

  forget(names: Iterable<string>): void {
    for (const name of names) this.#names.delete(name);
  }
}

/** Milliseconds. A change is INSYNC within a minute; older ones than this are not polled. */
const MAX_AGE_MS = 60 * 60_000;

/**
 * The changes of one zone that may not be INSYNC yet, newest first. Times are milliseconds since
 * the epoch.
 */
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
