import type { Issuer } from '../acme/attempt.ts';
import { judgeClock } from '../acme/ca-clock.ts';
import { type CaaAccount, caaForbids, checkCaa } from '../dns/caa/check.ts';
import { type AskCaa, askResolver, overlay } from '../dns/caa/set.ts';
import { IngressError, isIngressError } from '../errors.ts';
import type { DueCertificate, Ground } from './job.ts';
import type { Parts } from './parts.ts';

type PermissionParts = Pick<Parts, 'resolver' | 'tell'>;

/** Who is about to be asked for a certificate. */
export interface Asked {
  readonly issuer: Issuer;
  /** Where it is proven first, if it is. */
  readonly rehearsal: Issuer | undefined;
}

/**
 * Whether the CA would say yes, as far as can be known without asking it: our clock and its own, and the CAA records that will
 * stand. Near the end of a certificate that is served the CA is asked all the same, since it knows better. Throws CLOCK_WRONG and
 * CAA_FORBIDS, and ACME_* errors when the CA cannot be reached at all.
 */
export async function checkPermission(
  parts: PermissionParts,
  asked: Asked,
  due: DueCertificate,
  ground: Pick<Ground, 'zoneOf'>,
  signal: AbortSignal,
): Promise<void> {
  await checkClock(parts, asked.issuer, due, signal);
  try {
    const refusals = await checkCaa(
      due.course.kept.names,
      await accountsOf(asked, signal),
      askerOf(parts, due, ground),
      signal,
    );
    if (refusals.length > 0) throw caaForbids(refusals);
  } catch (thrown) {
    signal.throwIfAborted();
    const isUnknown = isIngressError(thrown, 'DNS_LOOKUP_FAILED');
    const isRisked = isIngressError(thrown, 'CAA_FORBIDS') && due.urgent && due.course.stored !== undefined;
    if (!isUnknown && !isRisked) throw thrown;
    due.course.kept.log.warn({ event: 'caa-unclear', err: thrown }, 'CAA may forbid it; the CA will tell');
  }
}

async function checkClock(
  parts: PermissionParts,
  { authority }: Issuer,
  { urgent }: DueCertificate,
  signal: AbortSignal,
): Promise<void> {
  await authority.ready(signal);
  const verdict = judgeClock(authority.clockSkewMs(), urgent);
  if (verdict === undefined) return;
  if (verdict.refuse) throw new IngressError('CLOCK_WRONG', verdict.sentence);
  parts.tell(verdict.sentence);
}

async function accountsOf({ issuer, rehearsal }: Asked, signal: AbortSignal): Promise<CaaAccount[]> {
  const accountOf = async ({ authority }: Issuer, account: string): Promise<CaaAccount> => ({
    account,
    issuers: await authority.caaIdentities(signal),
    accountUrls: [await authority.storedAccountUrl()].filter((url) => url !== undefined),
    method: 'dns-01',
  });
  return [
    await accountOf(issuer, 'production'),
    ...(rehearsal ? [await accountOf(rehearsal, 'staging')] : []),
  ];
}

/** As the zones will be once the plan is carried out; what is not ours is looked up. */
function askerOf(
  { resolver }: PermissionParts,
  { course }: DueCertificate,
  { zoneOf }: Pick<Ground, 'zoneOf'>,
): AskCaa {
  const works = new Set(course.kept.names.flatMap((name) => zoneOf.get(name) ?? []));
  return [...works].reduce<AskCaa>((ask, { zone, look }) => {
    if (!look) return ask;
    const { live, changes } = look.planned;
    return overlay(ask, { names: look.draft.names, live, changes, apex: zone.name });
  }, askResolver(resolver));
}
