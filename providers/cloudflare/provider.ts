import { KeyedMutex } from '../../src/async.ts';
import type { Settings } from '../../src/config/variable.ts';
import { canonicalName } from '../../src/dns/name.ts';
import type { Capabilities, DnsProvider, Zone } from '../../src/dns/provider.ts';
import type { Change, CurrentRecord } from '../../src/dns/record.ts';
import { IngressError, isIngressError } from '../../src/errors.ts';
import { createBudget, type Limit } from '../shared/budget.ts';
import { namesOf } from '../shared/changes.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { ConfiguredZone, forgetIfGone, ZoneList } from '../shared/zones.ts';
import type { ApiZone } from './answers.ts';
import { groupSteps, matchAnswer, type Step, stepsAgainst, stepsByHandle, toBatch } from './changes.ts';
import { type CloudflareClient, createClient } from './client.ts';
import { createdElsewhere, inactiveToken, isStale, noZoneVisible } from './errors.ts';
import { normalizeTtl, toCurrentRecords } from './records.ts';
import { variables } from './variables.ts';
import { chooseZone, nameFilter, zoneNotFound } from './zones.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: true,
  flattensApexCname: true,
  servesUnderscoreTargets: true,
  sharesTtl: false,
  rewritesZone: false,
  // The documentation: "usually within five minutes" in Cloudflare's own network.
  propagationSeconds: 300,
};

/**
 * Below the 1200 calls in five minutes that a user may make
 * (developers.cloudflare.com/fundamentals/api/reference/limits).
 */
const LIMIT: Limit = { burst: 300, calls: 600, perMs: 300_000 };

const TIMEOUT_MS = 15_000;
/** A name outside every zone (RFC 6761 §6.4): reading its records shows what the token may do. */
const NO_NAME = 'dstack-ingress.invalid';

/** The settings of the provider, and what tests replace. */
export interface CloudflareOptions extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * Implements the provider contract on Cloudflare's API v4. A normal reconciliation costs one read
 * for the zone (once), one read for the records and one write. A batch is a transaction: if it
 * fails, none of its changes are made.
 */
export function openCloudflare(
  { token, zoneId, baseUrl, timeoutMs = TIMEOUT_MS }: CloudflareOptions,
  context: ProviderContext,
): DnsProvider {
  const budget = createBudget({ title: 'Cloudflare', limit: LIMIT, context });
  const client = createClient({
    token,
    baseUrl,
    timeoutMs,
    budget,
    clock: context.clock,
    outgoing: context.outgoing,
  });
  return new Cloudflare(client, zoneId, token.reveal().startsWith('cfat_'));
}

class Cloudflare implements DnsProvider {
  readonly name = 'cloudflare';
  readonly capabilities = CAPABILITIES;
  readonly #client: CloudflareClient;
  readonly #ownedByAccount: boolean;
  readonly #zones: ZoneList<ApiZone> | ConfiguredZone;
  /** Serializes the writes to a zone. */
  readonly #writes = new KeyedMutex();

  constructor(client: CloudflareClient, zoneId: string | undefined, ownedByAccount: boolean) {
    this.#client = client;
    this.#ownedByAccount = ownedByAccount;
    this.#zones =
      zoneId === undefined
        ? new ZoneList({
            list: (signal) => this.#listZones(signal),
            choose: chooseZone,
            notFound: zoneNotFound,
          })
        : new ConfiguredZone({
            variable: 'CLOUDFLARE_ZONE_ID',
            id: zoneId,
            read: (id, signal) => this.#readZone(id, signal),
          });
  }

  async zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    const { id, name } = await this.#zones.find(fqdn, signal);
    return { id, name };
  }

  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const wanted = new Set(names.map(canonicalName));
    if (wanted.size === 0) return [];
    const listed = await forgetIfGone(this.#zones, () =>
      this.#client.records(zone.id, nameFilter([...wanted]), signal),
    );
    return toCurrentRecords(listed.filter((record) => wanted.has(canonicalName(record.name))));
  }

  apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    return this.#writes.run(zone.id, () => this.#apply(zone, changes, signal), signal);
  }

  async #apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const read = async () => stepsAgainst(changes, await this.records(zone, namesOf(changes), signal));
    const steps = stepsByHandle(changes) ?? (await read());
    try {
      return await this.#carryOut(zone, steps, signal);
    } catch (thrown) {
      if (!isStale(thrown)) throw thrown;
      return await this.#carryOut(zone, await read(), signal);
    }
  }

  /**
   * A successful read proves the token; the token is verified only after a refused read. Verifying
   * first would fail for account tokens, which the API verifies elsewhere.
   */
  async check(signal: AbortSignal): Promise<void> {
    try {
      if (this.#zones instanceof ZoneList) await this.#zones.refresh(signal);
      else await this.#client.records(this.#zones.id, { exact: NO_NAME }, signal);
    } catch (thrown) {
      const refused = isIngressError(thrown, 'PROVIDER_PERMISSION_MISSING');
      if (refused && !this.#ownedByAccount) await this.#requireActive(signal);
      throw thrown;
    }
  }

  async #requireActive(signal: AbortSignal): Promise<void> {
    const status = await this.#client.tokenStatus(signal);
    if (status === 'active') return;
    throw inactiveToken(status);
  }

  async #listZones(signal: AbortSignal): Promise<readonly ApiZone[]> {
    const zones = await this.#client.zones(signal);
    if (zones.length > 0) return zones;
    throw noZoneVisible();
  }

  async #readZone(id: string, signal: AbortSignal): Promise<Zone> {
    try {
      const zone = await this.#client.zone(id, signal);
      return { id, name: canonicalName(zone.name) };
    } catch (thrown) {
      // A token that may only edit DNS records is sufficient; apply() then checks that the zone is
      // the right one.
      if (isIngressError(thrown, 'PROVIDER_PERMISSION_MISSING')) return { id, name: undefined };
      throw thrown;
    }
  }

  async #carryOut(zone: Zone, steps: readonly Step[], signal: AbortSignal): Promise<CurrentRecord[]> {
    const made = new Map<Change, CurrentRecord>();
    for (const group of groupSteps(steps)) {
      const answer = await forgetIfGone(this.#zones, () =>
        this.#client.batch(zone.id, toBatch(group), signal),
      );
      const matched = matchAnswer(group, answer);
      if (!matched)
        throw new IngressError(
          'PROVIDER_BAD_ANSWER',
          'Cloudflare answered a batch with records that were not sent',
        );
      await this.#undoStrays(zone, group, matched, signal);
      for (const [change, record] of matched) made.set(change, record);
    }
    return steps.flatMap(({ change, current }) => made.get(change) ?? current ?? []);
  }

  /**
   * Removes records that Cloudflare created under another name: it appends the zone's name to a
   * name outside the zone.
   */
  async #undoStrays(
    zone: Zone,
    steps: readonly Step[],
    made: ReadonlyMap<Change, CurrentRecord>,
    signal: AbortSignal,
  ): Promise<void> {
    const strays = steps.flatMap(({ change, post }) => {
      const record = made.get(change);
      return post && record && record.name !== post.name ? [{ asked: post, record }] : [];
    });
    const [first] = strays;
    if (!first) return;
    const deletes = strays.flatMap(({ record }) =>
      record.handle === undefined ? [] : [{ id: record.handle }],
    );
    await this.#client.batch(zone.id, { deletes }, signal);
    throw createdElsewhere(zone, first.asked.name, first.record);
  }
}

/** Cloudflare (API v4, https://developers.cloudflare.com/api/resources/dns/). */
export const cloudflare = defineProvider({
  name: 'cloudflare',
  title: 'Cloudflare',
  variables,
  credentials: ['CLOUDFLARE_API_TOKEN'],
  open: openCloudflare,
});
