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
  const { emit } = parts;
  const { names } = course.kept;
  const elapsed = stopwatch(parts.clock);
  const issuer = await chooseIssuer(parts, names);
  const asked = await recorded(parts, issuer, course, signal, () =>
    preflight(parts, issuer, due, ground, signal),
  );
  if (isDeferral(asked)) return holdBack(parts, due, heldAt(parts.authorities, issuer, asked));
  const { rehearsal: rehearsing } = asked;
  const begun = await beginAt(parts, issuer, course, signal);
  if (isDeferral(begun)) return holdBack(parts, due, heldAt(parts.authorities, issuer, begun));
  emit({ type: 'order', certificate: names, reason });
  const { resumed, stored } = begun;
  const opened = { resumed, createdAt: stored.createdAt, seconds: elapsed() };
  emit({ type: 'order-opened', certificate: names, ...opened });
  const rehearsal = rehearsing && (await beginAt(parts, rehearsing, course, signal));
  if (isDeferral(rehearsal)) return holdBack(parts, due, rehearsal);
  return { due, attempt: begun, rehearsal, elapsed };
}

function holdBack({ emit }: Deps, { course }: DueCertificate, { until, reason, failure }: Hold): undefined {
  course.held = { until, reason };
  const isFirst = course.stored === undefined;
  emit({ type: 'order-deferred', certificate: course.kept.names, until, reason, failure, isFirst });
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
