import { KeyedMutex, Mutex } from '../../src/async.ts';
import type { Settings } from '../../src/config/variable.ts';
import { canonicalName, selfAndAncestors } from '../../src/dns/name.ts';
import type { Capabilities, DnsProvider, Zone } from '../../src/dns/provider.ts';
import type { Change, CurrentRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import { createBudget, type Limit } from '../shared/budget.ts';
import { namesOf } from '../shared/changes.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { ConfiguredZone, longestZone } from '../shared/zones.ts';
import {
  type PlannedUpdate,
  packUpdates,
  planUpdate,
  type RenewedRrset,
  toCurrent,
  type Update,
  type ZoneEntry,
} from './changes.ts';
import { createClient, type Rfc2136Client } from './client.ts';
import { delegated, noZone } from './errors.ts';
import { apexOf, cutAbove, normalizeTtl, toRecord } from './records.ts';
import { variables } from './variables.ts';
import { TYPES, type WireRecord } from './wire.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: true,
  sharesTtl: true,
  rewritesZone: false,
  // BIND and Knot notify their secondaries within seconds (RFC 1996); PowerDNS in its next cycle,
  // up to a minute later.
  propagationSeconds: 120,
  notifiesSecondaries: true,
};

/** The user's own name server has no limit; this budget stops a runaway loop. */
const LIMIT: Limit = { burst: 120, calls: 120, perMs: 60_000 };

const TIMEOUT_MS = 15_000;
/** Types that a server adds when it signs its zone. */
const SIGNING = new Set<number>([TYPES.RRSIG, TYPES.NSEC]);

/** The settings of the provider, and what tests replace. */
export interface Rfc2136Options extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * Implements the provider contract with dynamic updates to a primary name server. A normal
 * reconciliation costs one or two queries for the zone (once) and one zone transfer. An apply costs
 * a transfer and one update, which is atomic.
 *
 * It uses zone transfers, because a query cannot distinguish a record from the expansion of a
 * wildcard, or list a name's types (RFC 8482).
 */
export function openRfc2136(
  { server, keyName, secret, algorithm, zone, timeoutMs = TIMEOUT_MS }: Rfc2136Options,
  context: ProviderContext,
): DnsProvider {
  const budget = createBudget({ title: `The name server ${server.host}`, limit: LIMIT, context });
  const key = { name: keyName, algorithm, secret };
  const client = createClient({ server, key, timeoutMs, budget, clock: context.clock });
  return new Rfc2136(client, zone, context.warn);
}

class Rfc2136 implements DnsProvider {
  readonly name = 'rfc2136';
  readonly capabilities = CAPABILITIES;
  readonly #client: Rfc2136Client;
  readonly #configured: ConfiguredZone | undefined;
  readonly #warn: (sentence: string) => void;
  readonly #mutex = new Mutex();
  /** Serializes the writes to a zone. */
  readonly #writes = new KeyedMutex();
  #zones: readonly { readonly name: string }[] = [];
  /** Names that a known zone delegates to another one. */
  #cuts: readonly string[] = [];
  /** The RRsets for which the server did not adopt the written TTL, by zone, name and type. */
  readonly #unmoved = new Map<string, RenewedRrset>();

  constructor(client: Rfc2136Client, zone: string | undefined, warn: (sentence: string) => void) {
    this.#client = client;
    this.#configured =
      zone === undefined
        ? undefined
        : new ConfiguredZone({
            variable: 'RFC2136_ZONE',
            id: zone,
            read: async (id) => ({ id, name: id }),
          });
    this.#warn = warn;
  }

  async zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    signal.throwIfAborted();
    if (this.#configured) return await this.#configured.find(fqdn, signal);
    const apex = await this.#mutex.run(() => this.#findApex(canonicalName(fqdn), signal), signal);
    return { id: apex, name: apex };
  }

  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const entries = await this.#read(zone.id, names, signal);
    const isOfTheZone = ({ name, type }: CurrentRecord) =>
      name === zone.id && (type === 'SOA' || type === 'NS');
    return entries
      .map(toCurrent)
      .filter((record) => !isOfTheZone(record))
      .map((record) => this.#asAsked(zone.id, record));
  }

  apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    return this.#writes.run(zone.id, () => this.#apply(zone.id, changes, signal), signal);
  }

  async #apply(apex: string, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const planned = await this.#plan(apex, changes, signal);
    await this.#update(apex, planned.parts, signal);
    if (planned.renewed.length > 0) await this.#renewTtls(apex, changes, signal);
    return [...planned.made];
  }

  /**
   * Checks that the TTLs have changed. Knot 3.5 returns NOERROR and changes no TTL unless something
   * else in the zone changes with it.
   */
  async #renewTtls(apex: string, changes: readonly Change[], signal: AbortSignal): Promise<void> {
    const { renewed, apart } = await this.#plan(apex, changes, signal);
    if (renewed.length === 0) return;
    for (const updates of apart) await this.#update(apex, updates, signal);
    const { renewed: unmoved } = await this.#plan(apex, changes, signal);
    for (const set of unmoved) {
      this.#unmoved.set(keyOf(apex, set), set);
      this.#warn(ttlUnchanged(set));
    }
  }

  /**
   * The record with the wanted TTL if the server did not adopt it, so that the next reconciliation
   * does not write it again.
   */
  #asAsked(apex: string, record: CurrentRecord): CurrentRecord {
    const set = this.#unmoved.get(keyOf(apex, record));
    return set?.current === record.ttl ? { ...record, ttl: set.wanted } : record;
  }

  async #plan(apex: string, changes: readonly Change[], signal: AbortSignal): Promise<PlannedUpdate> {
    return planUpdate(changes, await this.#read(apex, namesOf(changes), signal));
  }

  async #update(apex: string, parts: readonly Update[], signal: AbortSignal): Promise<void> {
    for (const update of packUpdates(parts)) {
      await this.#knowing(apex, () => this.#client.update(apex, update, signal));
    }
  }

  /** Any signed response proves the key, even an error. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#client.soa(this.#configured?.id ?? '', signal);
  }

  /** The longest zone of the server that contains the name, by the server's own response. */
  async #findApex(name: string, signal: AbortSignal): Promise<string> {
    const known = longestZone(this.#zones, name)?.name;
    if (known !== undefined && cutAbove(name, known, this.#cuts) === undefined) return known;
    for (const candidate of selfAndAncestors(name)) {
      const apex = apexOf(candidate, await this.#client.soa(candidate, signal));
      if (apex === undefined) continue;
      this.#zones = [...this.#zones.filter((zone) => zone.name !== apex), { name: apex }];
      if (apex === known) break;
      return apex;
    }
    throw noZone(name);
  }

  /** All records at these names, with the data as the server stores it. */
  async #read(apex: string, names: readonly string[], signal: AbortSignal): Promise<ZoneEntry[]> {
    signal.throwIfAborted();
    const wanted = new Set(names.map(canonicalName));
    if (wanted.size === 0) return [];
    const cuts: string[] = [];
    const keep = ({ name, type }: WireRecord) => {
      const owner = canonicalName(name);
      if (type === TYPES.NS && owner !== apex) cuts.push(owner);
      return wanted.has(owner) && !SIGNING.has(type);
    };
    const records = await this.#knowing(apex, () => this.#client.transfer(apex, keep, signal));
    this.#assertNotDelegated(wanted, apex, cuts);
    return records.map((wire) => ({ record: toRecord(wire), data: wire.data }));
  }

  /** Records below a delegation are never served. */
  #assertNotDelegated(names: ReadonlySet<string>, apex: string, cuts: readonly string[]): void {
    for (const name of names) {
      const cut = cutAbove(name, apex, cuts);
      if (cut === undefined) continue;
      this.#cuts = [...new Set([...this.#cuts, cut])];
      throw delegated(apex, cut, name);
    }
  }

  /**
   * Forgets a zone that the server no longer serves, so that the next lookup finds its successor.
   */
  async #knowing<T>(apex: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const isGone = isIngressError(thrown) && thrown.details['rcode'] === 'NOTAUTH';
      if (isGone) this.#zones = this.#zones.filter((zone) => zone.name !== apex);
      throw thrown;
    }
  }
}

/** The warning about a server that accepts an update of a TTL and does not apply it. */
export function ttlUnchanged({ name, type, current, wanted }: RenewedRrset): string {
  return `${name} ${type} keeps its TTL of ${current} s: the name server accepted ${wanted} s without changing it. The ingress does not try again.`;
}

function keyOf(apex: string, { name, type }: Pick<RenewedRrset, 'name' | 'type'>): string {
  return `${apex} ${name} ${type}`;
}

/** Dynamic updates to a primary name server (RFC 2136), signed with TSIG (RFC 8945). */
export const rfc2136 = defineProvider({
  name: 'rfc2136',
  title: 'RFC 2136 (BIND, Knot, PowerDNS)',
  variables,
  credentials: ['RFC2136_TSIG_SECRET'],
  open: openRfc2136,
});
