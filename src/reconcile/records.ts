import { chooseAliasTarget, friendlyName, type GatewayLookups } from '../dns/alias.ts';
import { type DesiredRecord, desiredRecords } from '../dns/desired.ts';
import { appAddressName, baseName, challengeName } from '../dns/names.ts';
import type { Expectation } from '../dns/propagation.ts';
import { reconcileZone } from '../dns/reconcile-zone.ts';
import { type Change, describeRecord, type LiveRecord } from '../dns/record.ts';
import { addressesOf } from '../dns/resolver.ts';
import type { Memory, Parts, ZoneKnowledge } from './parts.ts';
import { waitUntilEverywhere } from './seen.ts';
import { stopwatch } from './stopwatch.ts';

/**
 * Brings the records of the name to what is asked for and waits until every authoritative name server serves what was
 * written. Writes nothing and waits for nothing when nothing differs.
 */
export async function reconcileRecords(
  parts: Parts,
  memory: Memory,
  signal: AbortSignal,
): Promise<ZoneKnowledge> {
  const { goal, provider, log } = parts;
  const { domain, txtPrefix } = goal;
  const identity = await parts.identify(signal);
  tell(parts, memory, identity.warning === undefined ? [] : [identity.warning]);
  const lookups = await lookUpGateway(parts, signal);
  const caa = goal.setCaa ? await caaOwner(parts, signal) : undefined;
  const zone = await provider.zone(baseName(domain), signal);
  let desired: DesiredRecord[] = [];
  const desire = (live: readonly LiveRecord[]) => {
    const published = live.find(({ name, type }) => name === domain && type === 'CNAME')?.value;
    const aliasTarget = chooseAliasTarget({ ...lookups, published });
    const wanted = { domain, aliasTarget, appId: identity.appId, port: goal.port, txtPrefix, caa };
    desired = desiredRecords(wanted, provider.capabilities.normalizeTtl);
    return desired;
  };
  const names = new Set([domain, baseName(domain), appAddressName(domain, txtPrefix), challengeName(domain)]);
  const elapsed = stopwatch(parts.clock);
  const outcome = await reconcileZone(provider, zone, [...names], desire, signal);
  tell(parts, memory, outcome.warnings);
  if (outcome.changes.length > 0) {
    memory.unseen = true;
    const what = describeChanges(outcome.changes);
    log.info(
      { event: 'records-published', zone: zone.name ?? zone.id, ...what, seconds: elapsed() },
      'records published',
    );
  }
  if (memory.unseen) {
    const expectations = (apex: string) => desired.map((record) => expectation(record, apex, parts));
    await waitUntilEverywhere(parts, zone, 'records', expectations, signal);
  }
  memory.unseen = false;
  const alias = outcome.live.find(({ name, type }) => name === challengeName(domain) && type === 'CNAME');
  return { zone, challengeAlias: alias?.value };
}

async function caaOwner({ authority }: Parts, signal: AbortSignal) {
  return { accountUrl: await authority.accountUrl(signal), issuer: await authority.caaIdentity(signal) };
}

async function lookUpGateway(parts: Parts, signal: AbortSignal): Promise<Omit<GatewayLookups, 'published'>> {
  const { gatewayDomain } = parts.goal;
  const friendly = friendlyName(gatewayDomain);
  const lookUp = async (name: string | undefined) => {
    if (friendly === undefined || name === undefined) return undefined;
    // A look-up that fails decides nothing: what is published stays.
    return addressesOf(name, parts.resolver, signal).catch(() => undefined);
  };
  const [configured, other] = await Promise.all([lookUp(gatewayDomain), lookUp(friendly)]);
  return { gatewayDomain, configured, friendly: other };
}

function expectation(record: DesiredRecord, apex: string, { provider }: Parts): Expectation {
  const atApex = record.purpose === 'alias' && record.name === apex;
  return {
    record,
    alone: record.purpose === 'app-address',
    flattened: atApex && provider.capabilities.flattensApexCname,
  };
}

function describeChanges(changes: readonly Change[]): { written: string[]; removed: string[] } {
  return {
    written: changes.flatMap((change) => (change.action === 'remove' ? [] : [describeRecord(change.record)])),
    removed: changes.flatMap((change) => {
      if (change.action === 'remove') return [describeRecord(change.removed)];
      return change.action === 'replace' ? [describeRecord(change.replaced)] : [];
    }),
  };
}

/** Logs each warning once, not in every pass. */
function tell({ log }: Parts, { told }: Memory, warnings: readonly string[]): void {
  for (const warning of warnings.filter((sentence) => !told.has(sentence))) {
    told.add(warning);
    log.warn({ event: 'warning' }, warning);
  }
}
