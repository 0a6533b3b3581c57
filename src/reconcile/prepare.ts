import { begin, type Issuer, type Wish } from '../acme/attempt.ts';
import { challengeTtl } from '../acme/challenges.ts';
import { lifetimeMs, type Names } from '../certificates/certificate.ts';
import { challengeName } from '../dns/names.ts';
import { IngressError } from '../errors.ts';
import { type Hold, isHold } from '../ledger/limits.ts';
import { certificateId } from '../renewal/renewal-info.ts';
import { type Course, attempt as step } from './course.ts';
import { originOf } from './decision.ts';
import { aliasOfChallenge } from './draft.ts';
import type { DueCertificate, Ground, Job } from './job.ts';
import type { Parts } from './parts.ts';
import { checkPermission } from './permission.ts';
import { contextOf, recordFailure } from './record-failure.ts';
import { stopwatch } from './stopwatch.ts';

/**
 * Opens the order for a certificate that is due, or goes on with the one of an earlier run; undefined when it is held back or
 * failed, which its course then says. Everything that the CA would refuse for and that can be known before is looked at first.
 */
export async function prepare(
  parts: Parts,
  due: DueCertificate,
  ground: Ground,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { course } = due;
  const work = () => open(parts, due, ground, signal);
  return step(course, 'certificate', work, signal);
}

async function open(
  parts: Parts,
  due: DueCertificate,
  ground: Ground,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { course, reason } = due;
  const { names, log } = course.kept;
  const elapsed = stopwatch(parts.clock);
  await assertProvable(parts, names, ground, signal);
  const issuer = await chooseIssuer(parts, names);
  const neighbour = await rememberedNeighbour(parts, issuer, names);
  if (neighbour) return holdBack(course, neighbour);
  const rehearsing = await rehearsalFor(parts, issuer, names);
  await checkPermission(parts, { issuer, rehearsal: rehearsing }, due, ground, signal);
  const begun = await beginAt(parts, issuer, course, signal);
  if (isHold(begun)) return holdBack(course, begun);
  log.info({ event: 'order', reason }, 'ordering a certificate');
  const fields = { event: 'order-created', resumed: begun.resumed, seconds: elapsed() };
  const since = `resuming the order that was created at ${begun.note.createdAt}`;
  log.info(fields, begun.resumed ? since : 'order created');
  const rehearsal = rehearsing && (await beginAt(parts, rehearsing, course, signal));
  if (isHold(rehearsal)) return holdBack(course, rehearsal);
  return { due, attempt: begun, rehearsal, elapsed };
}

function holdBack(course: Course, hold: Hold): undefined {
  course.held = hold;
  course.kept.log.info({ event: 'order-held-back', until: hold.at }, `no order yet: ${hold.why}`);
}

/** An alias at the challenge name leads the CA elsewhere. Throws CHALLENGE_NAME_IS_ALIAS and what the provider throws. */
async function assertProvable(
  { provider }: Parts,
  names: readonly string[],
  { zoneOf }: Ground,
  signal: AbortSignal,
): Promise<void> {
  for (const name of names) {
    const work = zoneOf.get(name);
    if (!work) throw new IngressError('ZONE_NOT_FOUND', `the zone of ${name} is not known`);
    const live =
      work.look?.planned.live ?? (await provider.records(work.zone, [challengeName(name)], signal));
    const alias = aliasOfChallenge(name, live);
    if (alias)
      throw new IngressError('CHALLENGE_NAME_IS_ALIAS', `${alias.name} is an alias of ${alias.value}`);
  }
}

/**
 * Another certificate's challenge at the same owner name, as of a name and its wildcard, while the CA may still see it in the place of
 * ours. Of certificates that are got together both stand there at once.
 */
async function rememberedNeighbour(
  { provider, clock }: Parts,
  { ledger, openOrders }: Issuer,
  names: Names,
): Promise<Hold | undefined> {
  const own = (await openOrders.peek(keyOf(names)))?.attempt;
  const history = await ledger.history();
  const rememberedMs = challengeTtl(provider) * 1000;
  for (const owner of new Set(names.map(challengeName))) {
    const last = history.recentlyValidated(owner, own);
    const at = new Date((last?.getTime() ?? 0) + rememberedMs);
    if (clock.now() < at) return { at, why: `resolvers may remember an earlier challenge at ${owner}` };
  }
  return undefined;
}

/** Opens an order; a failure is written into the CA's ledger. */
async function beginAt(parts: Parts, issuer: Issuer, course: Course, signal: AbortSignal) {
  const wish = await wishOf(parts, issuer, course);
  try {
    return await begin(issuer, wish, contextOf(parts, signal));
  } catch (thrown) {
    signal.throwIfAborted();
    await recordFailure(parts, issuer, course, undefined, thrown);
    throw thrown;
  }
}

async function wishOf({ goal, issuers }: Parts, issuer: Issuer, { kept, stored }: Course): Promise<Wish> {
  const { names } = kept;
  const origin = await originOf(issuers, names, stored);
  return {
    key: keyOf(names),
    names,
    keyType: goal.keyType,
    profile: issuer === issuers.primary ? goal.profile : undefined,
    // Only the CA that has issued it can know it (RFC 9773 §5).
    replaces: stored && origin === issuer ? certificateId(stored.chainPem) : undefined,
    lifetimeMs: stored && lifetimeMs(stored.facts),
  };
}

/** Under which the open order of a certificate is kept. */
export function keyOf([first]: readonly [string, ...string[]]): string {
  return first;
}

/** The first authority, unless it has failed for so long that the other one is asked. */
async function chooseIssuer({ issuers, clock }: Parts, names: readonly string[]): Promise<Issuer> {
  const { primary, fallback } = issuers;
  if (!fallback) return primary;
  const since = (await primary.ledger.history()).failingSince(names);
  const now = clock.now().getTime();
  if (since === undefined || now - since.getTime() < fallback.afterMs) return primary;
  const waits = async ({ ledger }: Issuer) => (await ledger.history()).notBefore(names)?.getTime() ?? 0;
  const [first, second] = await Promise.all([waits(primary), waits(fallback.issuer)]);
  // While the other one waits too, whoever may be asked first.
  return second > now && first < second ? primary : fallback.issuer;
}

/** Where the next attempt is proven first, because the last one was refused. */
async function rehearsalFor(
  { issuers: { rehearsal } }: Parts,
  { ledger }: Issuer,
  names: readonly string[],
): Promise<Issuer | undefined> {
  if (!rehearsal) return undefined;
  return (await ledger.history()).refusalsInARow(names) > 0 ? rehearsal : undefined;
}
