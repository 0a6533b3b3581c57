import { begin, type Issuer, type Wish } from '../acme/attempt.ts';
import { type Hold, isHold } from '../acme/ledger/limits.ts';
import { lifetimeMs } from '../certificates/certificate.ts';
import { certificateId } from '../certificates/renewal/ari.ts';
import { type Course, attempt as step } from './course.ts';
import { originOf } from './decision.ts';
import type { DueCertificate, Ground, Job } from './job.ts';
import type { Parts } from './parts.ts';
import { chooseIssuer, heldAt, keyOf, preflight } from './preflight.ts';
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
  const { log } = course.kept;
  const elapsed = stopwatch(parts.clock);
  const issuer = await chooseIssuer(parts, course.kept.names);
  const asked = await recorded(parts, issuer, course, signal, () =>
    preflight(parts, issuer, due, ground, signal),
  );
  if (isHold(asked)) return holdBack(due, heldAt(parts.issuers, issuer, asked));
  const { rehearsal: rehearsing } = asked;
  const begun = await beginAt(parts, issuer, course, signal);
  if (isHold(begun)) return holdBack(due, heldAt(parts.issuers, issuer, begun));
  log.info({ event: 'order', reason }, 'ordering a certificate');
  const fields = { event: 'order-created', resumed: begun.resumed, seconds: elapsed() };
  const since = `resuming the order that was created at ${begun.note.createdAt}`;
  log.info(fields, begun.resumed ? since : 'order created');
  const rehearsal = rehearsing && (await beginAt(parts, rehearsing, course, signal));
  if (isHold(rehearsal)) return holdBack(due, rehearsal);
  return { due, attempt: begun, rehearsal, elapsed };
}

function holdBack({ course }: DueCertificate, { at, why, failure }: Hold): undefined {
  course.held = { at, why };
  const { log } = course.kept;
  const fields = { event: 'order-held-back', until: at, why, failure };
  const sentence = `no order before ${at.toISOString()}: ${why}`;
  // That a certificate is near its end is said at the end of the round.
  if (failure !== undefined && course.stored === undefined) log.warn(fields, sentence);
  else log.info(fields, sentence);
}

/** Opens an order. */
async function beginAt(parts: Parts, issuer: Issuer, course: Course, signal: AbortSignal) {
  const wish = await wishOf(parts, issuer, course);
  return recorded(parts, issuer, course, signal, () => begin(issuer, wish, contextOf(parts, signal)));
}

/** Asks a CA; its failure is written into its ledger, because how long it has failed decides who is asked. */
async function recorded<T>(
  parts: Parts,
  issuer: Issuer,
  course: Course,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    signal.throwIfAborted();
    await recordFailure(parts, issuer, course, undefined, thrown);
    throw thrown;
  }
}

/** What is asked of a CA for a certificate. Throws STORE_FAILED. */
export async function wishOf(
  { goal, issuers }: Pick<Parts, 'goal' | 'issuers'>,
  issuer: Issuer,
  { kept, stored }: Course,
): Promise<Wish> {
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
