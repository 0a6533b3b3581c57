import type { Clock } from '../../src/clock.ts';
import type { HostZone } from './hosts.ts';

/** Milliseconds during which a read counts as one of just now. */
const RECENT_MS = 1000;

/** What was read of each zone in the last second, so that looking and writing in one go cost one read. */
export interface Reads {
  /** Reads, and remembers it unless a write has begun meanwhile. */
  ask(domain: string, asker: 'zone' | 'records' | 'apply', read: () => Promise<HostZone>): Promise<HostZone>;
  /** A read of just now, to write upon; not one that only found the zone, since no plan has seen it. */
  recent(domain: string): HostZone | undefined;
  /** What zone() read just now, once: whoever asks for records again wants to know anew. */
  takeForRecords(domain: string): HostZone | undefined;
  /** What was read of the zone is of no use to anybody else. */
  forget(domain: string): void;
  /** Writes. What was read before is forgotten, however it ends. */
  during(domain: string, write: () => Promise<void>): Promise<void>;
}

interface Read {
  readonly zone: HostZone;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly forRecords: boolean;
}

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
    async ask(domain, asker, read) {
      const begun = writesOf(domain);
      const zone = await read();
      const forRecords = asker === 'zone';
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
