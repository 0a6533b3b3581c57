import { judgeClockSkew } from '../acme/clock-skew.ts';
import type { Authority } from '../acme/issuance.ts';
import type { Deferral } from '../acme/ledger/limits.ts';
import { type CaaAccount, caaForbidsError, checkCaa } from '../dns/caa/check.ts';
import { type CaaLookup, overlay, resolverLookup } from '../dns/caa/relevant-set.ts';
import { challengeName } from '../dns/name.ts';
import { IngressError, isIngressError } from '../errors.ts';
import { challengeTtl } from '../records/challenges.ts';
import { challengeAliasFault } from '../records/name-records.ts';
import {
  chooseAuthority,
  conflictingChallenge,
  isFallbackDue,
  needsStagingDryRun,
} from './authority-choice.ts';
import { type Authorities, orderKey, type ReadDeps } from './deps.ts';
import type { RenewalTask } from './renewal.ts';
import type { ObservedZones } from './zones.ts';

/** The CAs that an order is opened at. */
export interface ChosenAuthorities {
  readonly authority: Authority;
  /** Validates first, without issuing; undefined if that is not needed. */
  readonly staging: Authority | undefined;
}

/** Chooses the CA by the ledgers. Throws STORE_FAILED. */
export async function authorityFor(
  { authorities, clock }: Pick<ReadDeps, 'authorities' | 'clock'>,
  { certificate: { names } }: Pick<RenewalTask, 'certificate'>,
): Promise<Authority> {
  const { primary, fallback } = authorities;
  if (!fallback) return primary;
  const { afterMs } = fallback;
  const first = await primary.ledger.history();
  // An unreadable ledger of the fallback must not stop orders at the primary CA.
  if (!isFallbackDue({ primary: first, afterMs }, names, clock.now())) return primary;
  const history = await fallback.authority.ledger.history();
  const views = { primary: first, fallback: { history, afterMs } };
  return chooseAuthority(views, names, clock.now()) === 'primary' ? primary : fallback.authority;
}

/**
 * Runs every check that is possible before the order exists: the challenge name, earlier challenges
 * that resolvers may cache, the CA's directory, the clock, CAA. Writes nothing. Returns a deferral
 * if the order has to wait. Throws CHALLENGE_NAME_IS_ALIAS, CAA_FORBIDS, CLOCK_WRONG,
 * ZONE_NOT_FOUND, STORE_FAILED and ACME_* errors.
 */
export async function preflight(
  deps: ReadDeps,
  authority: Authority,
  task: RenewalTask,
  zones: ObservedZones,
  signal: AbortSignal,
): Promise<ChosenAuthorities | Deferral> {
  const { names } = task.certificate;
  const { spec, authorities, provider, clock } = deps;
  // Without its journal a challenge could not be published.
  for (const name of names) await deps.journalOf(name).peek();
  for (const name of names) await assertChallengeNameIsOurs(deps, name, zones, signal);
  const history = await authority.ledger.history();
  const conflict = conflictingChallenge(history, {
    names,
    ownAttempt: (await authority.orders.peek(orderKey(names)))?.attempt,
    cachedMs: challengeTtl(provider.capabilities) * 1000,
    now: clock.now(),
  });
  if (conflict) return conflict;
  const staging = needsStagingDryRun(history, names) ? authorities.staging : undefined;
  const profile = authority === authorities.primary ? spec.profile : undefined;
  await authority.client.assertOrderable(profile, signal);
  await assertClock(deps, authority, task, signal);
  await assertCaa(deps, { authority, staging }, task, zones, signal);
  return { authority, staging };
}

/** A deferral that names its CA if there are two. Pure. */
export function deferralAt(
  { fallback }: Authorities,
  { directoryUrl }: Authority,
  deferral: Deferral,
): Deferral {
  if (!fallback) return deferral;
  return { ...deferral, reason: `at ${new URL(directoryUrl).host}, ${deferral.reason}` };
}

/** The error for a name whose zone was not found in this run. Pure. */
export function unknownZone(name: string): IngressError {
  return new IngressError('ZONE_NOT_FOUND', `the zone of ${name} is unknown`);
}

/** A CNAME at the challenge name would lead the CA to another zone. */
async function assertChallengeNameIsOurs(
  { provider }: ReadDeps,
  name: string,
  zones: ObservedZones,
  signal: AbortSignal,
): Promise<void> {
  const observed = zones.of.get(name);
  if (!observed) throw unknownZone(name);
  const { zone, current, plan } = observed;
  // The plan has already found the alias.
  const refused = plan?.refused.get(name);
  if (isIngressError(refused, 'CHALLENGE_NAME_IS_ALIAS')) throw refused;
  const records = current ?? (await provider.records(zone, [challengeName(name)], signal));
  const alias = challengeAliasFault(name, records);
  if (alias) throw alias;
}

async function assertClock(
  { warn }: ReadDeps,
  { client }: Authority,
  { urgent }: RenewalTask,
  signal: AbortSignal,
): Promise<void> {
  await client.refreshClockSkew(signal);
  const skewMs = client.clockSkewMs();
  const verdict = judgeClockSkew(skewMs, urgent);
  if (verdict === undefined) return;
  if (verdict.refuse) throw new IngressError('CLOCK_WRONG', verdict.sentence, { details: { skewMs } });
  warn(verdict.sentence);
}

/**
 * Checks CAA as it will be once the zones are written. If a stored certificate ends soon, a failed
 * check does not stop the order: the CA decides.
 */
async function assertCaa(
  { resolver, emit }: ReadDeps,
  chosen: ChosenAuthorities,
  { certificate, urgent, stored }: RenewalTask,
  zones: ObservedZones,
  signal: AbortSignal,
): Promise<void> {
  try {
    const lookUp = plannedLookup(certificate.names, zones, resolverLookup(resolver));
    const refusals = await checkCaa(certificate.names, await accountsOf(chosen, signal), lookUp, signal);
    if (refusals.length > 0) throw caaForbidsError(refusals);
  } catch (thrown) {
    signal.throwIfAborted();
    const isUnknown = isIngressError(thrown, 'DNS_LOOKUP_FAILED');
    const isRisked = isIngressError(thrown, 'CAA_FORBIDS') && urgent && stored !== undefined;
    if (!isUnknown && !isRisked) throw thrown;
    emit({ type: 'caa-unclear', certificate: certificate.names, error: thrown });
  }
}

async function accountsOf(
  { authority, staging }: ChosenAuthorities,
  signal: AbortSignal,
): Promise<CaaAccount[]> {
  const accountOf = async ({ client }: Authority, account: string): Promise<CaaAccount> => ({
    account,
    issuers: await client.caaIdentities(signal),
    accountUrls: [await client.storedAccountUrl()].filter((url) => url !== undefined),
    method: 'dns-01',
  });
  return [
    await accountOf(authority, 'production'),
    ...(staging ? [await accountOf(staging, 'staging')] : []),
  ];
}

/**
 * Answers CAA lookups as the zones will once their plans are applied; other names are looked up.
 */
function plannedLookup(names: readonly string[], { of }: ObservedZones, resolvers: CaaLookup): CaaLookup {
  const zones = new Set(names.flatMap((name) => of.get(name) ?? []));
  return [...zones].reduce<CaaLookup>((lookUp, { zone, current, plan, readNames }) => {
    if (!current || !plan) return lookUp;
    return overlay(lookUp, { names: readNames, current, changes: plan.changes, apex: zone.name });
  }, resolvers);
}
