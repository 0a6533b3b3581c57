import { type Authority, type OrderParams, openOrder } from '../acme/issuance.ts';
import { type Hold, isDeferral } from '../acme/ledger/limits.ts';
import { lifetimeMs } from '../certificates/certificate.ts';
import { certificateId } from '../certificates/renewal/ari.ts';
import { type Course, attempt as step } from './course.ts';
import { originOf } from './decision.ts';
import type { Deps } from './deps.ts';
import type { DueCertificate, Ground, Job } from './job.ts';
import { chooseIssuer, heldAt, keyOf, preflight } from './preflight.ts';
import { contextOf, recordFailure } from './record-failure.ts';
import { stopwatch } from './stopwatch.ts';

/**
 * Opens the order for a certificate that is due, or goes on with the one of an earlier run; undefined when it is held back or
 * failed, which its course then says. Everything that the CA would refuse for and that can be known before is looked at first.
 */
export async function prepare(
  parts: Deps,
  due: DueCertificate,
  ground: Ground,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { course } = due;
  const work = () => open(parts, due, ground, signal);
  return step(course, 'certificate', work, signal);
}

async function open(
  parts: Deps,
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
  if (isDeferral(asked)) return holdBack(due, heldAt(parts.authorities, issuer, asked));
  const { rehearsal: rehearsing } = asked;
  const begun = await beginAt(parts, issuer, course, signal);
  if (isDeferral(begun)) return holdBack(due, heldAt(parts.authorities, issuer, begun));
  log.info({ event: 'order', reason }, 'ordering a certificate');
  const fields = { event: 'order-created', resumed: begun.resumed, seconds: elapsed() };
  const since = `resuming the order that was created at ${begun.stored.createdAt}`;
  log.info(fields, begun.resumed ? since : 'order created');
  const rehearsal = rehearsing && (await beginAt(parts, rehearsing, course, signal));
  if (isDeferral(rehearsal)) return holdBack(due, rehearsal);
  return { due, attempt: begun, rehearsal, elapsed };
}

function holdBack({ course }: DueCertificate, { until: at, reason: why, failure }: Hold): undefined {
  course.held = { until: at, reason: why };
  const { log } = course.kept;
  const fields = { event: 'order-held-back', until: at, why, failure };
  const sentence = `no order before ${at.toISOString()}: ${why}`;
  // That a certificate is near its end is said at the end of the round.
  if (failure !== undefined && course.stored === undefined) log.warn(fields, sentence);
  else log.info(fields, sentence);
}

/** Opens an order. */
async function beginAt(parts: Deps, issuer: Authority, course: Course, signal: AbortSignal) {
  const wish = await wishOf(parts, issuer, course);
  return recorded(parts, issuer, course, signal, () => openOrder(issuer, wish, contextOf(parts, signal)));
}

/** Asks a CA; its failure is written into its ledger, because how long it has failed decides who is asked. */
async function recorded<T>(
  parts: Deps,
  issuer: Authority,
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
  { spec, authorities }: Pick<Deps, 'spec' | 'authorities'>,
  issuer: Authority,
  { kept, stored }: Course,
): Promise<OrderParams> {
  const { names } = kept;
  const origin = await originOf(authorities, names, stored);
  return {
    key: keyOf(names),
    names,
    keyType: spec.keyType,
    profile: issuer === authorities.primary ? spec.profile : undefined,
    // Only the CA that has issued it can know it (RFC 9773 §5).
    replaces: stored && origin === issuer ? certificateId(stored.chainPem) : undefined,
    lifetimeMs: stored && lifetimeMs(stored.facts),
  };
}
