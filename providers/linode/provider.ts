import type { Settings } from '../../src/config/variable.ts';
import { canonicalName } from '../../src/dns/names.ts';
import { type Capabilities, type DnsProvider, NAME_IN_DOUBT, type Zone } from '../../src/dns/provider.ts';
import { type Change, type CurrentRecord, describeRecord } from '../../src/dns/record.ts';
import { IngressError, isIngressError } from '../../src/errors.ts';
import { createBudget, type Limit } from '../shared/budget.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { createQueue } from '../shared/queue.ts';
import type { ApiDomain, ApiRecord } from './answers.ts';
import { type Clash, namesOf, type Schedule, type Step, schedule } from './changes.ts';
import { createClient, type LinodeClient } from './client.ts';
import { type Apex, DEFAULT_TTL, normalizeTtl, toBody, toLive } from './records.ts';
import { variables } from './variables.ts';
import { chooseDomain } from './zones.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: true,
  sharesTtl: false,
  rewritesZone: false,
  // Linode renders a changed zone within a minute, and says nothing of the time to every server.
  propagationSeconds: 300,
};

/**
 * Below 800 calls an hour and 200 a minute. The documentation allows 200 lists and 1600 other calls a minute
 * (https://techdocs.akamai.com/linode-api/reference/rate-limits), for all programs of one user together.
 */
const LIMIT: Limit = { burst: 150, calls: 600, perMs: 3_600_000 };

const TIMEOUT_MS = 15_000;
/** Domains that a message names. */
const SEEN_DOMAINS = 5;

export interface LinodeOptions extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * The provider contract on Linode's API v4. A normal pass costs one read for the domain (once) and one for the records; a
 * write costs one more read and a call for each record, since Linode has neither batches nor transactions and stores the
 * same record twice when it is asked to. Never touches the domain itself.
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
  readonly #inTurn = createQueue();
  #domains: readonly ApiDomain[] = [];

  constructor(client: LinodeClient) {
    this.#client = client;
  }

  zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    return this.#inTurn('zones', signal, () => this.#findZone(canonicalName(fqdn), signal));
  }

  /**
   * Reads the whole domain: up to 500 records are one call, as a filtered list would be, and no filter of theirs decides
   * which spelling of a name is the same.
   */
  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const wanted = new Set(names.map(canonicalName));
    if (wanted.size === 0) return [];
    const apex = this.#apexOf(zone);
    const listed = await this.#knowing(() => this.#client.records(zone.id, signal));
    return listed.map((record) => toLive(record, apex)).filter(({ name }) => wanted.has(name));
  }

  async apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const apex = this.#apexOf(zone);
    // Whatever cannot be written is told before anything is.
    for (const change of changes) if (change.action !== 'remove') toBody(change.record, apex.name);
    return await this.#inTurn(`zone ${zone.id}`, signal, async () => {
      const live = await this.records(zone, namesOf(changes), signal);
      const planned = schedule(changes, live);
      if (planned.clash) throw clash(planned.clash);
      return await this.#knowing(() => this.#carryOut(zone, apex, changes, planned, signal));
    });
  }

  /** A list of the domains proves the token and its scope; it cannot be known without a write whether it may write. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#inTurn('zones', signal, () => this.#listDomains(signal));
  }

  async #findZone(name: string, signal: AbortSignal): Promise<Zone> {
    const known = chooseDomain(this.#domains, name)?.domain;
    if (known) return toZone(known);
    await this.#listDomains(signal);
    const found = chooseDomain(this.#domains, name);
    if (found?.domain) return toZone(found.domain);
    const sentence = `No domain of the Linode account can hold ${name}`;
    if (found) {
      throw new IngressError('ZONE_NOT_FOUND', `${sentence}: ${found.obstacle}`, { hint: found.hint });
    }
    throw new IngressError('ZONE_NOT_FOUND', sentence, { hint: this.#whatIsSeen(), details: NAME_IN_DOUBT });
  }

  #whatIsSeen(): string {
    const seen = this.#domains.map(({ domain }) => domain);
    const some = `${seen.slice(0, SEEN_DOMAINS).join(', ')}${seen.length > SEEN_DOMAINS ? ' and others' : ''}`;
    const sees = seen.length > 0 ? `sees ${some}` : 'sees none at all';
    return `The token ${sees}. Add the domain at cloud.linode.com > Domains > Create Domain, or let the user of the token see it (User Permissions > Domains).`;
  }

  async #listDomains(signal: AbortSignal): Promise<void> {
    const listed = await this.#client.domains(signal);
    this.#domains = listed.map((one) => ({ ...one, domain: canonicalName(one.domain) }));
  }

  #apexOf({ id, name }: Zone): Apex {
    if (name === undefined) throw new IngressError('ZONE_NOT_FOUND', `The Linode domain ${id} has no name`);
    const ttl = this.#domains.find((domain) => String(domain.id) === id)?.ttl_sec ?? 0;
    return { name, defaultTtl: ttl === 0 ? DEFAULT_TTL : ttl };
  }

  async #carryOut(
    zone: Zone,
    apex: Apex,
    changes: readonly Change[],
    { steps, standing }: Schedule,
    signal: AbortSignal,
  ): Promise<CurrentRecord[]> {
    const made = new Map<Change, CurrentRecord>(standing);
    for (const step of steps) {
      const written = await this.#write(zone, apex.name, step, signal);
      if (written && step.kind !== 'delete') made.set(step.change, toLive(written, apex));
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

  /** A domain that is gone is forgotten, so that the next look finds where the name lives now. */
  async #knowing<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (thrown) {
      if (isIngressError(thrown, 'ZONE_NOT_FOUND')) this.#domains = [];
      throw thrown;
    }
  }
}

function toZone({ id, domain }: ApiDomain): Zone {
  return { id: String(id), name: domain };
}

/**
 * Linode takes some of these and then fails to render the whole zone, so it is not asked. It is a conflict only where
 * another look can find something else.
 */
function clash({ wanted, standing, isNew }: Clash): IngressError {
  const inTheWay = describeRecord(standing);
  return new IngressError(
    isNew ? 'PROVIDER_CONFLICT' : 'PROVIDER_REJECTED',
    `${describeRecord(wanted)} cannot stand beside ${inTheWay}: a CNAME stands alone`,
    isNew ? {} : { hint: `Remove ${inTheWay} if nobody needs it, or choose another name.` },
  );
}

/** Linode, of Akamai (API v4, https://techdocs.akamai.com/linode-api/reference/get-domains). */
export const linode = defineProvider({
  name: 'linode',
  title: 'Linode',
  variables,
  credentials: ['LINODE_API_TOKEN'],
  open: openLinode,
});
