import { challengeName } from '../../src/dns/name.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { type Change, sameData } from '../../src/dns/record.ts';
import { removeChallenges } from '../../src/reconcile/apply.ts';
import { appAddressName } from '../../src/records/app-address.ts';
import type { JournalEntry } from '../../src/records/challenges.ts';
import { challengeRecord, toRecord } from '../../src/records/challenges.ts';
import { type DesiredRecord, desiredRecords } from '../../src/records/desired.ts';
import type { ChallengeJournal } from '../../src/records/journal.ts';
import { addToJournal, journalledChallenges, removeFromJournal } from '../../src/records/journal.ts';
import { plan } from '../../src/records/plan.ts';
import { cloudflareSetup } from '../contract/cloudflare-world.ts';
import { linodeSetup } from '../contract/linode-world.ts';
import { namecheapSetup } from '../contract/namecheap-world.ts';
import { route53Setup } from '../contract/route53-world.ts';
import type { ContractSetup, ContractWorld } from '../contract/world.ts';

/** Calls to a provider's API. */
export interface Calls {
  readonly reads: number;
  readonly writes: number;
}

const setups: Readonly<Record<string, ContractSetup>> = {
  cloudflare: cloudflareSetup,
  linode: linodeSetup,
  namecheap: namecheapSetup,
  route53: route53Setup,
};

const ZONE = 'example.com';
const PREFIX = '_dstack-app-address';
const DOMAINS = Array.from({ length: 10 }, (_, index) => `app${index}.${ZONE}`);
const NAMES = DOMAINS.flatMap((domain) => [domain, appAddressName(domain, PREFIX), challengeName(domain)]);
const never = new AbortController().signal;

/**
 * Ten names of one zone with CAA, with the verbs of a run of reconcile: one lookup of the zone, one
 * write of all records and challenges, one removal of the challenges.
 */
export async function tenNames(provider: string) {
  const setup = setups[provider];
  if (!setup) throw new Error(`no world for ${provider}`);
  await using world = await setup([ZONE]);
  const subject = world.open();
  const journal = memoryJournal();
  const run = async (ordering: boolean) => {
    await reconcileOnce(subject, journal, ordering);
    return count(world);
  };
  const [firstStart, nextRun, renewal] = [await run(true), await run(false), await run(true)];
  await run(false);
  return { firstStart, nextRun, renewal, unchangedRun: await run(false) };
}

async function reconcileOnce(
  provider: DnsProvider,
  journal: ChallengeJournal,
  ordering: boolean,
): Promise<void> {
  const deps = { provider, journalOf: () => journal };
  // One journal for all names.
  const [first = ''] = DOMAINS;
  const zone = await provider.zone(first, never);
  const journalled = await journalledChallenges(deps, first);
  const current = await provider.records(zone, NAMES, never);
  const { changes } = plan(desiredOf(provider), current, provider.capabilities);
  const left = journalled.filter((one) => current.some((record) => sameData(record, toRecord(one))));
  const removals = left.map((one): Change => ({ action: 'remove', removed: toRecord(one) }));
  if (!ordering) {
    if (removals.length > 0) await provider.apply(zone, removals, never);
    await removeFromJournal(deps, journalled);
    return;
  }
  const values = DOMAINS.map((domain) => {
    const value = { domain: first, name: challengeName(domain), value: `value of ${domain}` };
    const { name, type, ttl } = challengeRecord(value, provider.capabilities);
    return { domain: first, name, type, value: value.value, ttl };
  });
  await addToJournal(deps, zone, values);
  const creates = values.map((record): Change => ({ action: 'create', record }));
  const made = await provider.apply(zone, [...removals, ...changes, ...creates], never);
  await removeFromJournal(deps, journalled);
  await addToJournal(
    deps,
    zone,
    made.slice(-values.length).map((record) => ({ ...record, domain: first })),
  );
  await provider.settled?.(zone, never);
  if (provider.capabilities.rewritesZone) return;
  await removeChallenges(deps, { zone }, await journalledChallenges(deps, first), never);
}

function desiredOf(provider: DnsProvider): DesiredRecord[] {
  const { cnameBesideOthers, normalizeTtl } = provider.capabilities;
  const alias = cnameBesideOthers
    ? { target: 'gateway.cluster.example.net' }
    : { addresses: ['192.0.2.1', '2001:db8::1'] };
  const caa = [{ issuer: 'letsencrypt.org', accountUrl: 'https://ca.example/acct/1' }];
  return DOMAINS.flatMap((domain) =>
    desiredRecords({ domain, alias, appId: 'a'.repeat(40), port: 443, txtPrefix: PREFIX, caa }, normalizeTtl),
  );
}

function memoryJournal(): ChallengeJournal {
  let kept: readonly JournalEntry[] = [];
  return {
    entries: async () => kept,
    peek: async () => kept,
    write: async (entries) => {
      kept = entries;
    },
    remove: async (removed) => {
      kept = kept.filter(
        (one) => !removed.some(({ name, value }) => one.name === name && one.value === value),
      );
    },
    whyUnwritable: async () => undefined,
  };
}

function count(world: ContractWorld): Calls {
  const calls = world.calls();
  world.resetCalls();
  return calls;
}
