import { KeyedMutex } from '../../src/async.ts';
import type { Clock } from '../../src/clock.ts';
import type { Settings } from '../../src/config/variable.ts';
import { canonicalName } from '../../src/dns/name.ts';
import type { Capabilities, DnsProvider, Zone } from '../../src/dns/provider.ts';
import type { Change, CurrentRecord } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { createBudget, type Limit } from '../shared/budget.ts';
import { namesOf } from '../shared/changes.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { ConfiguredZone, forgetIfGone, ZoneList } from '../shared/zones.ts';
import { groupEdits, toApiChanges } from './batches.ts';
import { checkAliases, type Edit, planEdits, planFromMemory } from './changes.ts';
import { type Route53, readNames, SETS_PER_PAGE } from './client.ts';
import { createClient } from './connection.ts';
import { isNoSuchChange, isStale } from './errors.ts';
import { PendingChanges, ZoneMemory } from './memory.ts';
import { isOfZone, nameOf, normalizeTtl, toCurrentRecords } from './records.ts';
import { variables } from './variables.ts';
import { chooseZone, type HostedZone, publicZones, zoneNotFound } from './zones.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: true,
  sharesTtl: true,
  rewritesZone: false,
  // "within 60 seconds under normal conditions" (aws.amazon.com/route53/faqs), plus a reserve.
  propagationSeconds: 180,
};

/**
 * Below the five calls a second that an account could make for years. Since July 2026 the limit is
 * a bucket of 50, refilled at ten a second
 * (docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html).
 */
const LIMIT: Limit = { burst: 2, calls: 3, perMs: 1000 };

const TIMEOUT_MS = 15_000;
/** Milliseconds between two polls of a change's status. */
const POLL_MS = 5000;

/** The settings of the provider, and what tests replace. */
export interface Route53Options extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * Implements the provider contract on Route 53's API of 2013-04-01. A normal reconciliation costs
 * one read for the zone (once), one read for the records and one write. A batch is a transaction,
 * and is rejected if another client has changed the same RRsets.
 */
export function openRoute53(options: Route53Options, context: ProviderContext): DnsProvider {
  const { accessKeyId, secretAccessKey, sessionToken, region, roleArn, externalId } = options;
  const client = createClient({
    keys: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    region,
    role: roleArn === undefined ? undefined : { arn: roleArn, externalId },
    route53Url: options.route53Url,
    stsUrl: options.stsUrl,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    budget: createBudget({ title: 'Route 53', limit: LIMIT, context }),
    clock: context.clock,
    outgoing: context.outgoing,
  });
  return new Route53Provider(client, options.hostedZoneId, context.clock);
}

/** The cached state of one zone. */
interface ZoneState {
  readonly memory: ZoneMemory;
  readonly pending: PendingChanges;
}

class Route53Provider implements DnsProvider {
  readonly name = 'route53';
  readonly capabilities = CAPABILITIES;
  readonly #client: Route53;
  readonly #clock: Clock;
  /** Serializes the writes to a zone. */
  readonly #writes = new KeyedMutex();
  readonly #states = new Map<string, ZoneState>();
  readonly #zones: ZoneList<HostedZone> | ConfiguredZone;

  constructor(client: Route53, zoneId: string | undefined, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#zones =
      zoneId === undefined
        ? new ZoneList({
            list: (signal) => this.#listZones(signal),
            choose: chooseZone,
            notFound: zoneNotFound,
          })
        : new ConfiguredZone({
            variable: 'AWS_HOSTED_ZONE_ID',
            id: zoneId,
            read: (id, signal) => this.#readZone(id, signal),
          });
  }

  zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    return this.#zones.find(fqdn, signal);
  }

  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const wanted = [...new Set(names.map(canonicalName))];
    const sets = await this.#look(zone, wanted, signal);
    return sets.filter((set) => !isOfZone(set, zone.name)).flatMap(toCurrentRecords);
  }

  apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    return this.#writes.run(zone.id, () => this.#apply(zone, changes, signal), signal);
  }

  async #apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const { memory } = this.#state(zone);
    const known = memory.get.bind(memory);
    const read = async () => {
      await this.#look(zone, namesOf(changes), signal);
      return planEdits(changes, known);
    };
    const planned = planFromMemory(changes, known) ?? (await read());
    try {
      await this.#carryOut(zone, planned.edits, signal);
      return [...planned.records];
    } catch (thrown) {
      if (!isStale(thrown)) throw thrown;
      const again = await read();
      checkAliases(again.edits, memory);
      await this.#carryOut(zone, again.edits, signal);
      return [...again.records];
    }
  }

  async settled(zone: Zone, signal: AbortSignal): Promise<void> {
    const { pending } = this.#state(zone);
    for (let id = pending.next(this.#now()); id !== undefined; id = pending.next(this.#now())) {
      if (await this.#isInForce(id, signal)) pending.done(id);
      else await this.#clock.wait(POLL_MS, signal);
    }
  }

  async check(signal: AbortSignal): Promise<void> {
    if (this.#zones instanceof ZoneList) await this.#zones.refresh(signal);
    else await this.#readZone(this.#zones.id, signal);
  }

  #now(): number {
    return this.#clock.now().getTime();
  }

  async #isInForce(id: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#client.changeStatus(id, signal)) === 'INSYNC';
    } catch (thrown) {
      // Route 53 forgets changes some time after they are INSYNC.
      if (isNoSuchChange(thrown)) return true;
      throw thrown;
    }
  }

  async #listZones(signal: AbortSignal): Promise<readonly HostedZone[]> {
    return publicZones(await this.#client.zones(signal));
  }

  /** The apex is the first name of every zone, so that route53:GetHostedZone is not needed. */
  async #readZone(id: string, signal: AbortSignal): Promise<HostedZone> {
    const { sets } = await this.#client.page(id, undefined, 1, signal);
    const [first] = sets;
    if (first) return { id, name: nameOf(first.Name) };
    throw new IngressError('PROVIDER_BAD_ANSWER', `Route 53 lists no record at all in the hosted zone ${id}`);
  }

  /** Reads all RRsets at the names, and caches them. */
  async #look(zone: Zone, names: readonly string[], signal: AbortSignal) {
    const sets = await this.#inZone(zone, () =>
      readNames(names, (start) => this.#client.page(zone.id, start, SETS_PER_PAGE, signal)),
    );
    this.#state(zone).memory.read(names, sets);
    return sets;
  }

  async #carryOut(zone: Zone, edits: readonly Edit[], signal: AbortSignal): Promise<void> {
    const { memory, pending } = this.#state(zone);
    try {
      for (const group of groupEdits(edits)) {
        const id = await this.#inZone(zone, () => this.#client.change(zone.id, toApiChanges(group), signal));
        pending.add(id, this.#now());
        for (const { name, type, after } of group) memory.wrote(name, type, after);
      }
    } catch (thrown) {
      memory.forget(edits.map(({ name }) => name));
      throw thrown;
    }
  }

  #state({ id }: Zone): ZoneState {
    const state = this.#states.get(id) ?? {
      memory: new ZoneMemory(),
      pending: new PendingChanges(),
    };
    this.#states.set(id, state);
    return state;
  }

  /** Makes a call about a zone. If the zone is gone, forgets it. */
  #inZone<T>({ id }: Zone, call: () => Promise<T>): Promise<T> {
    const forget = () => {
      this.#zones.forget();
      this.#states.delete(id);
    };
    return forgetIfGone({ forget }, call);
  }
}

/**
 * Amazon Route 53 (API of 2013-04-01, https://docs.aws.amazon.com/Route53/latest/APIReference/).
 */
export const route53 = defineProvider({
  name: 'route53',
  title: 'Route 53',
  variables,
  credentials: ['AWS_ACCESS_KEY_ID', 'AWS_ROLE_ARN'],
  open: openRoute53,
});
