import type { Clock } from '../../src/clock.ts';
import type { HostZone } from './hosts.ts';

/** Milliseconds during which a read may be reused. */
const RECENT_MS = 1000;

/**
 * The last read of each zone, reused for a second, so that finding a zone, reading its records and
 * writing it in one run cost one read.
 */
export interface Reads {
  /** Reads and caches a zone. Caches nothing if a write has begun meanwhile. */
  load(
    domain: string,
    caller: 'zone' | 'records' | 'apply',
    read: () => Promise<HostZone>,
  ): Promise<HostZone>;
  /**
   * A recent read as the basis of a write. Excludes one by zone(), because no plan is based on it.
   */
  recent(domain: string): HostZone | undefined;
  /** The recent read by zone(), once: a second call of records() has to read again. */
  takeForRecords(domain: string): HostZone | undefined;
  /** Discards the cached read of a zone. */
  forget(domain: string): void;
  /** Writes. Discards earlier reads, whether or not the write succeeds. */
  during(domain: string, write: () => Promise<void>): Promise<void>;
}

interface Read {
  readonly zone: HostZone;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly forRecords: boolean;
}

/** Makes an empty cache. */
export function createReads(clock: Clock): Reads {
  const reads = new Map<string, Read>();
  const writes = new Map<string, number>();
  const now = () => clock.now().getTime();
  const writesOf = (domain: string) => writes.get(domain) ?? 0;
  const begin = (domain: string) => {
    reads.delete(domain);
    writes.set(domain, writesOf(domain) + 1);
  };
  const recent = (domain: string) => {
    const read = reads.get(domain);
    const age = read ? now() - read.at : Number.POSITIVE_INFINITY;
    return age >= 0 && age < RECENT_MS ? read : undefined;
  };
  return {
    async load(domain, caller, read) {
      const begun = writesOf(domain);
      const zone = await read();
      const forRecords = caller === 'zone';
      if (writesOf(domain) === begun) reads.set(domain, { zone, at: now(), forRecords });
      return zone;
    },
    recent(domain) {
      const read = recent(domain);
      return read?.forRecords ? undefined : read?.zone;
    },
    takeForRecords(domain) {
      const read = recent(domain);
      if (!read?.forRecords) return undefined;
      reads.set(domain, { ...read, forRecords: false });
      return read.zone;
    },
    forget: (domain) => void reads.delete(domain),
    async during(domain, write) {
      begin(domain);
      try {
        await write();
      } finally {
        begin(domain);
      }
    },
  };
}
