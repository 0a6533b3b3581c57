import { KeyedMutex, Mutex } from '../../src/async.ts';
import type { Settings } from '../../src/config/variable.ts';
import { canonicalName } from '../../src/dns/name.ts';
import { type Capabilities, type DnsProvider, NAME_IN_DOUBT, type Zone } from '../../src/dns/provider.ts';
import { type Change, type CurrentRecord, sameData } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { type Budget, createBudget, type Limit } from '../shared/budget.ts';
import type { ProviderContext } from '../shared/context.ts';
import { defineProvider } from '../shared/definition.ts';
import { forgetIfGone } from '../shared/zones.ts';
import { keepBackup } from './backups.ts';
import { type Changed, changeHosts, verify } from './changes.ts';
import { createClient, type NamecheapClient } from './client.ts';
import { notUnderstood, tooManyHosts, unconfirmed, unverified } from './errors.ts';
import { formLines, type Host, type HostZone, setHostsForm } from './hosts.ts';
import { createReads, type Reads } from './reads.ts';
import { normalizeTtl, toCurrent } from './records.ts';
import type { DomainParts } from './suffix.ts';
import { variables } from './variables.ts';

const CAPABILITIES: Capabilities = {
  normalizeTtl,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: false,
  sharesTtl: false,
  rewritesZone: true,
  // Usually minutes; users have reported up to an hour.
  propagationSeconds: 3600,
};

/**
 * Below 50 calls an hour and 20 a minute. Namecheap's support mentions 20 a minute, 700 an hour and
 * 8000 a day; its older documentation says 50 an hour.
 */
const LIMIT: Limit = { burst: 15, calls: 33, perMs: 3_600_000 };

const TIMEOUT_MS = 30_000;
const PRODUCTION = 'https://api.namecheap.com';
const SANDBOX = 'https://api.sandbox.namecheap.com';

/**
 * Most hosts of one domain
 * (https://www.namecheap.com/support/knowledgebase/article.aspx/10058/10/namecheap-dns-limits/).
 */
const MOST_HOSTS = 150;

/** The settings of the provider, and what tests replace. */
export interface NamecheapOptions extends Settings<typeof variables> {
  /** Milliseconds that one call may take. */
  readonly timeoutMs?: number;
}

/**
 * Implements the provider contract on Namecheap's XML API, which replaces whole zones. A write
 * reads the zone, saves it to a file, writes it with the changes applied, and reads it again to
 * verify it.
 */
export function openNamecheap(
  { username, apiKey, clientIp, apiUser, sandbox, baseUrl, timeoutMs = TIMEOUT_MS }: NamecheapOptions,
  context: ProviderContext,
): DnsProvider {
  const budget = createBudget({ title: 'Namecheap', limit: LIMIT, context });
  const open = (spender: Budget) =>
    createClient({
      apiKey,
      apiUser: apiUser ?? username,
      username,
      clientIp,
      baseUrl: baseUrl ?? (sandbox ? SANDBOX : PRODUCTION),
      timeoutMs,
      budget: spender,
      clock: context.clock,
      outgoing: context.outgoing,
    });
  // For calls whose budget is already spent, so that nothing waits between a read and the write
  // that depends on it.
  const prepaid = open({ spend: async (signal) => signal.throwIfAborted(), hold: budget.hold });
  return new Namecheap({ client: open(budget), prepaid, budget, context });
}

interface Parts {
  readonly client: NamecheapClient;
  readonly prepaid: NamecheapClient;
  readonly budget: Budget;
  readonly context: ProviderContext;
}

interface Write {
  readonly before: HostZone;
  readonly changed: Changed;
  /** The path of the file with the former content. */
  readonly backup: string;
}

class Namecheap implements DnsProvider {
  readonly name = 'namecheap';
  readonly capabilities = CAPABILITIES;
  readonly #parts: Parts;
  readonly #reads: Reads;
  /** Serializes the writes to a domain. */
  readonly #writes = new KeyedMutex();
  readonly #mutex = new Mutex();
  /** The domains that the account is known to hold. */
  readonly #zones = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#reads = createReads(parts.context.clock);
  }

  async zone(fqdn: string, signal: AbortSignal): Promise<Zone> {
    const name = canonicalName(fqdn);
    const parts = await partsOf(name);
    if (!parts) {
      throw new IngressError('ZONE_NOT_FOUND', `${name} is not below a registrable domain`, {
        hint: 'Choose a name below a domain that the account holds.',
        details: NAME_IN_DOUBT,
      });
    }
    const { domain } = parts;
    await this.#mutex.run(async () => {
      if (this.#zones.has(domain)) return;
      await this.#reads.load(domain, 'zone', () => this.#parts.client.getHosts(parts, signal));
      this.#zones.add(domain);
    }, signal);
    return { id: domain, name: domain };
  }

  async records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]> {
    signal.throwIfAborted();
    const wanted = new Set(names.map(canonicalName));
    if (wanted.size === 0) return [];
    const parts = await this.#partsOf(zone);
    const { hosts } =
      this.#reads.takeForRecords(parts.domain) ??
      (await this.#inZone(parts, () =>
        this.#reads.load(parts.domain, 'records', () => this.#parts.client.getHosts(parts, signal)),
      ));
    return hosts.map((host) => toCurrent(host, parts.domain)).filter(({ name }) => wanted.has(name));
  }

  async apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]> {
    if (changes.length === 0) return [];
    const parts = await this.#partsOf(zone);
    const change = () =>
      this.#inZone(parts, () => this.#change(parts, changes, signal)).finally(() =>
        this.#reads.forget(parts.domain),
      );
    return await this.#writes.run(parts.domain, change, signal);
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#parts.client.list(signal);
  }

  async #change(
    parts: DomainParts,
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<CurrentRecord[]> {
    const { client, budget, context } = this.#parts;
    const { domain } = parts;
    for (let paid = false; ; paid = true) {
      const before =
        this.#reads.recent(domain) ??
        (await this.#reads.load(domain, 'apply', () => client.getHosts(parts, signal)));
      const changed = changeHosts(before.hosts, changes, domain);
      if (!changed.differs) return changed.wanted.map((host) => toCurrent(host, domain));
      requireUnderstood(before, changed);
      requireRoom(domain, changed);
      // One call for the write, and one for its verification.
      for (const _ of paid ? [] : ['write', 'read']) await budget.spend(signal);
      const text = formLines(setHostsForm(parts, before.emailType, before.hosts));
      const backup = await keepBackup(context, domain, text);
      // Reads once more if the read is too old by now. The budget is spent, so nothing waits after
      // it.
      if (paid || this.#reads.recent(domain) === before)
        return await this.#write(parts, { before, changed, backup }, signal);
    }
  }

  async #write(
    parts: DomainParts,
    { before, changed, backup }: Write,
    signal: AbortSignal,
  ): Promise<CurrentRecord[]> {
    const { prepaid } = this.#parts;
    const { domain } = parts;
    const form = setHostsForm(parts, before.emailType, changed.hosts);
    await this.#reads.during(domain, () => prepaid.setHosts(domain, form, signal));
    const after = await prepaid.getHosts(parts, signal).catch((thrown: unknown) => {
      signal.throwIfAborted();
      throw unverified(domain, thrown, backup);
    });
    const verdict = verify(before, changed, after);
    if (verdict.lost.length + verdict.mangled.length + verdict.undone.length > 0) {
      throw unconfirmed(domain, verdict, backup);
    }
    const stored = after.hosts.map((host) => toCurrent(host, domain));
    return changed.wanted.map((host) => {
      const written = toCurrent(host, domain);
      return stored.find((other) => sameData(other, written)) ?? written;
    });
  }

  async #partsOf({ id }: Zone): Promise<DomainParts> {
    const parts = await partsOf(id);
    if (parts?.domain === id) return parts;
    throw new IngressError('ZONE_NOT_FOUND', `${id} is not a registrable domain`);
  }

  /** Makes a call about a domain. If the account no longer holds it, forgets it. */
  #inZone<T>({ domain }: DomainParts, call: () => Promise<T>): Promise<T> {
    return forgetIfGone({ forget: () => this.#zones.delete(domain) }, call);
  }
}

async function partsOf(name: string): Promise<DomainParts | undefined> {
  const { registrableDomain } = await import('./suffix.ts');
  return registrableDomain(name);
}

function requireRoom(domain: string, { hosts }: Changed): void {
  if (hosts.length <= MOST_HOSTS) return;
  throw tooManyHosts(domain, hosts.length, MOST_HOSTS);
}

/**
 * Throws if a host that stays cannot be written back. Hosts that the change removes do not matter.
 */
function requireUnderstood({ domain, unwritable }: HostZone, { hosts }: Changed): void {
  const stays = (host: Host | undefined) => host === undefined || hosts.includes(host);
  const left = unwritable.filter(({ host, twin }) => stays(host) && stays(twin));
  if (left.length > 0) throw notUnderstood(domain, left);
}

/** Namecheap (XML API, https://www.namecheap.com/support/api/methods/). */
export const namecheap = defineProvider({
  name: 'namecheap',
  title: 'Namecheap',
  variables,
  credentials: ['NAMECHEAP_API_KEY'],
  open: openNamecheap,
});
