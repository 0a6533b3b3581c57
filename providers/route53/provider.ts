import type { Clock } from '../../src/clock.ts';
import type { Settings } from '../../src/config/variable.ts';
import { canonicalName, isWithin } from '../../src/dns/names.ts';
import { type Capabilities, type DnsProvider, NAME_IN_DOUBT, type Zone } from '../../src/dns/provider.ts';
import type { Change, CurrentRecord } from '../../src/dns/record.ts';
import { IngressError, isIngressError } from '../../src/errors.ts';
import { createBudget, type Limit } from '../shared/budget.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { createQueue } from '../shared/queue.ts';
import { groupEdits, toApiChanges } from './batches.ts';
import { checkAliases, type Edit, namesOf, planEdits, planFromMemory } from './changes.ts';
import { type Route53, readNames, SETS_PER_PAGE } from './client.ts';
import { createClient } from './connection.ts';
import { isNoSuchChange, isStale } from './errors.ts';
import { PendingChanges, ZoneMemory } from './memory.ts';
import { isOfZone, nameOf, normalizeTtl, toLiveRecords } from './records.ts';
import { variables } from './variables.ts';
import { chooseZone, type HostedZone, noZone, publicZones } from './zones.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: true,
  sharesTtl: true,
  rewritesZone: false,
  // "within 60 seconds under normal conditions" (aws.amazon.com/route53/faqs), and a reserve.
  propagationSeconds: 180,
};

/**
 * Of the five calls in a second that an account could make for years; since July 2026 it is a bucket of 50, which ten a second
 * fill again (docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html).
 */
const LIMIT: Limit = { burst: 2, calls: 3, perMs: 1000 };

const TIMEOUT_MS = 15_000;
/** Between two questions whether a change has reached every name server. */
const POLL_MS = 5000;

export interface Route53Options extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * The provider contract on Route 53's API of 2013-04-01. A normal pass costs one read for the zone (once), one read for the
 * records and one write; a batch is a transaction, and is refused when somebody else has changed what it is about.
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

/** What is remembered of one zone. */
interface ZoneState {
  readonly memory: ZoneMemory;
  readonly pending: PendingChanges;
}

class Route53Provider implements DnsProvider {
  readonly name = 'route53';
  readonly capabilities = CAPABILITIES;
  readonly #client: Route53;
  readonly #zoneId: string | undefined;
  readonly #clock: Clock;
  readonly #inTurn = createQueue();
  readonly #states = new Map<string, ZoneState>();
  #zones: readonly HostedZone[] = [];
  #configured: HostedZone | undefined;

  constructor(client: Route53, zoneId: string | undefined, clock: Clock) {
    this.#client = client;
    this.#zoneId = zoneId;
    this.#clock = clock;
  }

  zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    const name = canonicalName(fqdn);
    const id = this.#zoneId;
    return this.#inTurn('zones', signal, () =>
      id === undefined ? this.#findZone(name, signal) : this.#configuredZone(id, name, signal),
    );
  }

  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const wanted = [...new Set(names.map(canonicalName))];
    const sets = await this.#look(zone, wanted, signal);
    return sets.filter((set) => !isOfZone(set, zone.name)).flatMap(toLiveRecords);
  }

  apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    return this.#inTurn(`zone ${zone.id}`, signal, async () => {
      const { memory } = this.#state(zone);
      const known = memory.get.bind(memory);
      const look = async () => {
        await this.#look(zone, namesOf(changes), signal);
        return planEdits(changes, known);
      };
      const planned = planFromMemory(changes, known) ?? (await look());
      try {
        await this.#carryOut(zone, planned.edits, signal);
        return [...planned.records];
      } catch (thrown) {
        if (!isStale(thrown)) throw thrown;
        const again = await look();
        checkAliases(again.edits, memory);
        await this.#carryOut(zone, again.edits, signal);
        return [...again.records];
      }
    });
  }

  async settled(zone: Zone, signal: AbortSignal): Promise<void> {
    const { pending } = this.#state(zone);
    for (let id = pending.next(this.#now()); id !== undefined; id = pending.next(this.#now())) {
      if (await this.#isInForce(id, signal)) pending.done(id);
      else await this.#clock.wait(POLL_MS, signal);
    }
  }

  async check(signal: AbortSignal): Promise<void> {
    if (this.#zoneId === undefined) await this.#listZones(signal);
    else await this.#readZone(this.#zoneId, signal);
  }

  #now(): number {
    return this.#clock.now().getTime();
  }

  async #isInForce(id: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#client.changeStatus(id, signal)) === 'INSYNC';
    } catch (thrown) {
      // Changes are forgotten some time after they are in force.
      if (isNoSuchChange(thrown)) return true;
      throw thrown;
    }
  }

  async #findZone(name: string, signal: AbortSignal): Promise<Zone> {
    const zone = chooseZone(this.#zones, name) ?? chooseZone(await this.#listZones(signal), name);
    if (zone) return zone;
    throw noZone(this.#zones, name);
  }

  async #listZones(signal: AbortSignal): Promise<readonly HostedZone[]> {
    this.#zones = publicZones(await this.#client.zones(signal));
    return this.#zones;
  }

  async #configuredZone(id: string, name: string, signal: AbortSignal): Promise<Zone> {
    this.#configured ??= await this.#readZone(id, signal);
    const zone = this.#configured;
    if (isWithin(name, zone.name)) return zone;
    throw new IngressError(
      'ZONE_MISMATCH',
      `AWS_HOSTED_ZONE_ID is the hosted zone ${zone.name}, which does not hold ${name}`,
      { details: NAME_IN_DOUBT },
    );
  }

  /** The apex is the first name of every zone, so that route53:GetHostedZone is not needed. */
  async #readZone(id: string, signal: AbortSignal): Promise<HostedZone> {
    const { sets } = await this.#client.page(id, undefined, 1, signal);
    const [first] = sets;
    if (first) return { id, name: nameOf(first.Name) };
    throw new IngressError('PROVIDER_BAD_ANSWER', `Route 53 lists no record at all in the hosted zone ${id}`);
  }

  /** Reads all that stands at the names, and remembers it. */
  async #look(zone: Zone, names: readonly string[], signal: AbortSignal) {
    const sets = await this.#knowing(zone, () =>
      readNames(names, (start) => this.#client.page(zone.id, start, SETS_PER_PAGE, signal)),
    );
    this.#state(zone).memory.read(names, sets);
    return sets;
  }

  async #carryOut(zone: Zone, edits: readonly Edit[], signal: AbortSignal): Promise<void> {
    const { memory, pending } = this.#state(zone);
    try {
      for (const group of groupEdits(edits)) {
        const id = await this.#knowing(zone, () => this.#client.change(zone.id, toApiChanges(group), signal));
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

  /** A zone that is gone is forgotten, so that the next look finds where the name lives now. */
  async #knowing<T>({ id }: Zone, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (thrown) {
      if (isIngressError(thrown, 'ZONE_NOT_FOUND')) {
        this.#zones = [];
        this.#states.delete(id);
      }
      throw thrown;
    }
  }
}

/** Amazon Route 53 (API of 2013-04-01, https://docs.aws.amazon.com/Route53/latest/APIReference/). */
export const route53 = defineProvider({
  name: 'route53',
  title: 'Route 53',
  variables,
  credentials: ['AWS_ACCESS_KEY_ID', 'AWS_ROLE_ARN'],
  open: openRoute53,
});
