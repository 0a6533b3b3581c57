import type { Authority } from '../acme/issuance.ts';
import { type Hold, orRefusal } from '../acme/ledger/limits.ts';
import type { Names } from '../certificates/certificate.ts';
import { challengeName } from '../dns/name.ts';
import { IngressError, isIngressError } from '../errors.ts';
import { challengeTtl } from '../records/challenges.ts';
import type { Authorities, Deps } from './deps.ts';
import { assertNoAliasOfChallenge } from './draft.ts';
import type { DueCertificate, Ground } from './job.ts';
import { type Asked, checkPermission } from './permission.ts';

/** Nothing here writes, so that `plan` can make the same checks. */
export type PreflightParts = Omit<Deps, 'serve'>;
type Zones = Pick<Ground, 'zoneOf'>;

/**
 * Makes every check at a CA, for a certificate that is due, that needs no order: the challenge name, the CA's directory, both clocks,
 * CAA. Gives a hold where an order has to wait. Throws CHALLENGE_NAME_IS_ALIAS, CAA_FORBIDS, CLOCK_WRONG, ZONE_NOT_FOUND, STORE_FAILED
 * and ACME_* errors.
 */
export async function preflight(
  parts: PreflightParts,
  issuer: Authority,
  due: DueCertificate,
  zones: Zones,
  signal: AbortSignal,
): Promise<Asked | Hold> {
  const { names } = due.course.kept;
  const { spec, authorities } = parts;
  // Before its order: without its journal a challenge is never published.
  for (const name of names) await parts.journalOf(name).peek();
  await assertProvable(parts, names, zones, signal);
  const neighbour = await rememberedNeighbour(parts, issuer, names);
  if (neighbour) return neighbour;
  const asked = { issuer, rehearsal: await rehearsalFor(parts, issuer, names) };
  await issuer.client.assertOrderable(issuer === authorities.primary ? spec.profile : undefined, signal);
  await checkPermission(parts, asked, due, zones, signal);
  return asked;
}

/** Under which the open order of a certificate is kept. */
export function keyOf([first]: readonly [string, ...string[]]): string {
  return first;
}

/** An alias at the challenge name leads the CA elsewhere. Throws CHALLENGE_NAME_IS_ALIAS and what the provider throws. */
async function assertProvable(
  { provider }: PreflightParts,
  names: readonly string[],
  { zoneOf }: Zones,
  signal: AbortSignal,
): Promise<void> {
  for (const name of names) {
    const work = zoneOf.get(name);
    if (!work) throw new IngressError('ZONE_NOT_FOUND', `the zone of ${name} is not known`);
    const { look, zone } = work;
    // That is the same failure.
    const lost = look?.results.lost.get(name);
    if (isIngressError(lost, 'CHALLENGE_NAME_IS_ALIAS')) throw lost;
    const live = look?.planned.live ?? (await provider.records(zone, [challengeName(name)], signal));
    assertNoAliasOfChallenge(name, live);
  }
}

/**
 * Another certificate's challenge at the same owner name, as of a name and its wildcard, while the CA may still see it in the place of
 * ours. Of certificates that are got together both stand there at once.
 */
async function rememberedNeighbour(
  { provider, clock }: PreflightParts,
  { ledger, orders }: Authority,
  names: Names,
): Promise<Hold | undefined> {
  const own = (await orders.peek(keyOf(names)))?.attempt;
  const history = await ledger.history();
  const rememberedMs = challengeTtl(provider) * 1000;
  for (const owner of new Set(names.map(challengeName))) {
    const last = history.recentlyValidated(owner, own);
    const until = new Date((last?.getTime() ?? 0) + rememberedMs);
    const hold = { until, reason: `resolvers may remember an earlier challenge at ${owner}` };
    if (clock.now() < until) return orRefusal(hold, history, names);
  }
  return undefined;
}

/** The first authority, unless it has failed for so long that the other one is asked. Throws STORE_FAILED. */
export async function chooseIssuer(
  { authorities, clock }: Pick<PreflightParts, 'authorities' | 'clock'>,
  names: readonly string[],
): Promise<Authority> {
  const { primary, fallback } = authorities;
  if (!fallback) return primary;
  const since = (await primary.ledger.history()).failingSince(names);
  const now = clock.now().getTime();
  if (since === undefined || now - since.getTime() < fallback.afterMs) return primary;
  const waits = async ({ ledger }: Authority) => (await ledger.history()).notBefore(names)?.getTime() ?? 0;
  const [first, second] = await Promise.all([waits(primary), waits(fallback.issuer)]);
  // While the other one waits too, whoever may be asked first.
  return second > now && first < second ? primary : fallback.issuer;
}

/** Where there are two authorities, a hold says of which it is. Pure. */
export function heldAt({ fallback }: Authorities, { directoryUrl }: Authority, hold: Hold): Hold {
  return fallback ? { ...hold, reason: `at ${new URL(directoryUrl).host}, ${hold.reason}` } : hold;
}

/** Where the next attempt is proven first, because the last one was refused. */
async function rehearsalFor(
  { authorities: { staging } }: PreflightParts,
  { ledger }: Authority,
  names: readonly string[],
): Promise<Authority | undefined> {
  if (!staging) return undefined;
  return (await ledger.history()).refusalsInARow(names) > 0 ? staging : undefined;
}
