import { KeyedMutex } from '../../src/async.ts';
import type { Settings } from '../../src/config/variable.ts';
import { canonicalName } from '../../src/dns/name.ts';
import type { Capabilities, DnsProvider, Zone } from '../../src/dns/provider.ts';
import { type Change, type CurrentRecord, describeRecord } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { createBudget, type Limit } from '../shared/budget.ts';
import { namesOf } from '../shared/changes.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { forgetIfGone, ZoneList } from '../shared/zones.ts';
import type { ApiRecord } from './answers.ts';
import { type Schedule, type Step, schedule } from './changes.ts';
import { createClient, type LinodeClient } from './client.ts';
import { clash } from './errors.ts';
import { type Apex, DEFAULT_TTL, normalizeTtl, toBody, toCurrent } from './records.ts';
import { variables } from './variables.ts';
import { chooseDomain, domainNotFound, type LinodeDomain } from './zones.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: true,
  sharesTtl: false,
  rewritesZone: false,
  // Linode renders a changed zone within a minute; the time to reach every server is not
  // documented.
  propagationSeconds: 300,
};

/**
 * Below 800 calls an hour and 200 a minute. The documentation allows 200 lists and 1600 other calls
 * a minute (https://techdocs.akamai.com/linode-api/reference/rate-limits), for all programs of one
 * user together.
 */
const LIMIT: Limit = { burst: 150, calls: 600, perMs: 3_600_000 };

const TIMEOUT_MS = 15_000;

/** The settings of the provider, and what tests replace. */
export interface LinodeOptions extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * Implements the provider contract on Linode's API v4. A normal reconciliation costs one read for
 * the domain (once) and one for the records. A write costs one more read and one call for each
 * record, because Linode has neither batches nor transactions and accepts duplicate records. The
 * domain itself is never changed.
 */
export function openLinode(
  { token, baseUrl, timeoutMs = TIMEOUT_MS }: LinodeOptions,
  context: ProviderContext,
): DnsProvider {
  const budget = createBudget({ title: 'Linode', limit: LIMIT, context });
  return new Linode(
    createClient({ token, baseUrl, timeoutMs, budget, clock: context.clock, outgoing: context.outgoing }),
  );
}

class Linode implements DnsProvider {
  readonly name = 'linode';
  readonly capabilities = CAPABILITIES;
  readonly #client: LinodeClient;
  readonly #zones: ZoneList<LinodeDomain>;
  /** Serializes the writes to a domain. */
  readonly #writes = new KeyedMutex();

  constructor(client: LinodeClient) {
    this.#client = client;
    this.#zones = new ZoneList({
      list: async (signal) =>
        (await client.domains(signal)).map(({ domain, ...rest }) => ({ ...rest, name: domain })),
      choose: chooseDomain,
      notFound: domainNotFound,
    });
  }

  async zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    const { id, name } = await this.#zones.find(fqdn, signal);
    return { id: String(id), name };
  }

  /**
   * Reads the whole domain: up to 500 records cost one call, the same as a filtered list, and the
   * comparison of names stays ours.
   */
  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const wanted = new Set(names.map(canonicalName));
    if (wanted.size === 0) return [];
    const apex = this.#apexOf(zone);
    const listed = await forgetIfGone(this.#zones, () => this.#client.records(zone.id, signal));
    return listed.map((record) => toCurrent(record, apex)).filter(({ name }) => wanted.has(name));
  }

  async apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const apex = this.#apexOf(zone);
    // Fails before the first write if a record cannot be written.
    for (const change of changes) if (change.action !== 'remove') toBody(change.record, apex.name);
    return await this.#writes.run(zone.id, () => this.#apply(zone, apex, changes, signal), signal);
  }

  async #apply(
    zone: Zone,
    apex: Apex,
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<CurrentRecord[]> {
    const planned = schedule(changes, await this.records(zone, namesOf(changes), signal));
    if (planned.clash) throw clash(planned.clash);
    return await forgetIfGone(this.#zones, () => this.#carryOut(zone, apex, changes, planned, signal));
  }

  /**
   * Lists the domains, which proves the token and its scope. Only a write can prove the right to
   * write.
   */
  async check(signal: AbortSignal): Promise<void> {
    await this.#zones.refresh(signal);
  }

  #apexOf({ id, name }: Zone): Apex {
    if (name === undefined) throw new IngressError('ZONE_NOT_FOUND', `The Linode domain ${id} has no name`);
    const ttl = this.#zones.known.find((domain) => String(domain.id) === id)?.ttl_sec ?? 0;
    return { name, defaultTtl: ttl === 0 ? DEFAULT_TTL : ttl };
  }

  async #carryOut(
    zone: Zone,
    apex: Apex,
    changes: readonly Change[],
    { steps, current }: Schedule,
    signal: AbortSignal,
  ): Promise<CurrentRecord[]> {
    const made = new Map<Change, CurrentRecord>(current);
    for (const step of steps) {
      const written = await this.#write(zone, apex.name, step, signal);
      if (written && step.kind !== 'delete') made.set(step.change, toCurrent(written, apex));
    }
    return changes.flatMap((change) => made.get(change) ?? []);
  }

  async #write({ id }: Zone, apex: string, step: Step, signal: AbortSignal): Promise<ApiRecord | undefined> {
    switch (step.kind) {
      case 'delete':
        await this.#client.remove(id, step.id, describeRecord(step.removed), signal);
        return undefined;
      case 'put':
        return await this.#client.update(id, step.id, toBody(step.record, apex), signal);
      case 'post':
        return await this.#client.create(id, toBody(step.record, apex), signal);
    }
  }
}

/** Linode, of Akamai (API v4, https://techdocs.akamai.com/linode-api/reference/get-domains). */
export const linode = defineProvider({
  name: 'linode',
  title: 'Linode',
  variables,
  credentials: ['LINODE_API_TOKEN'],
  open: openLinode,
});
