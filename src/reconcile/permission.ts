import { judgeClockSkew } from '../acme/clock-skew.ts';
import type { Authority } from '../acme/issuance.ts';
import { type CaaAccount, caaForbidsError, checkCaa } from '../dns/caa/check.ts';
import { type CaaLookup, overlay, resolverLookup } from '../dns/caa/relevant-set.ts';
import { IngressError, isIngressError } from '../errors.ts';
import type { Deps } from './deps.ts';
import type { DueCertificate, Ground } from './job.ts';

type PermissionParts = Pick<Deps, 'resolver' | 'warn' | 'emit'>;

/** Who is about to be asked for a certificate. */
export interface Asked {
  readonly issuer: Authority;
  /** Where it is proven first, if it is. */
  readonly rehearsal: Authority | undefined;
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
    if (refusals.length > 0) throw caaForbidsError(refusals);
  } catch (thrown) {
    signal.throwIfAborted();
    const isUnknown = isIngressError(thrown, 'DNS_LOOKUP_FAILED');
    const isRisked = isIngressError(thrown, 'CAA_FORBIDS') && due.urgent && due.course.stored !== undefined;
    if (!isUnknown && !isRisked) throw thrown;
    parts.emit({ type: 'caa-unclear', certificate: due.course.kept.names, error: thrown });
  }
}

async function checkClock(
  parts: PermissionParts,
  { client }: Authority,
  { urgent }: DueCertificate,
  signal: AbortSignal,
): Promise<void> {
  await client.refreshClockSkew(signal);
  const verdict = judgeClockSkew(client.clockSkewMs(), urgent);
  if (verdict === undefined) return;
  if (verdict.refuse) throw new IngressError('CLOCK_WRONG', verdict.sentence);
  parts.warn(verdict.sentence);
}

async function accountsOf({ issuer, rehearsal }: Asked, signal: AbortSignal): Promise<CaaAccount[]> {
  const accountOf = async ({ client }: Authority, account: string): Promise<CaaAccount> => ({
    account,
    issuers: await client.caaIdentities(signal),
    accountUrls: [await client.storedAccountUrl()].filter((url) => url !== undefined),
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
): CaaLookup {
  const works = new Set(course.kept.names.flatMap((name) => zoneOf.get(name) ?? []));
  return [...works].reduce<CaaLookup>((ask, { zone, look }) => {
    if (!look) return ask;
    const { live, changes } = look.planned;
    return overlay(ask, { names: look.draft.names, current: live, changes, apex: zone.name });
  }, resolverLookup(resolver));
}
