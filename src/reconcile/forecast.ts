import type { RenewalDecision } from '../acme/renewal.ts';
import type { CertificateBundle, CertificateFacts } from '../certificates/certificate.ts';
import { challengeName } from '../dns/names.ts';
import type { Zone } from '../dns/provider.ts';
import { planZone } from '../dns/reconcile-zone.ts';
import { type Change, type DnsRecord, type LiveRecord, sameData } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import { decide } from './certificate.ts';
import { aliasOfChallenge, draftRecords } from './draft.ts';
import type { Parts } from './parts.ts';

/** What a pass would do now. */
export interface Forecast {
  readonly domain: string;
  /** The provider's name. */
  readonly provider: string;
  readonly zone: Zone;
  readonly changes: readonly Change[];
  /** What is desired and stands already. */
  readonly standing: readonly DnsRecord[];
  /** Challenge values that an earlier run left in the zone, and that would be removed. */
  readonly leftovers: readonly LiveRecord[];
  readonly certificate: {
    readonly stored: CertificateFacts | undefined;
    readonly decision: RenewalDecision;
  };
  /** What a person should know, a sentence each. */
  readonly warnings: readonly string[];
}

export type ForecastParts = Omit<Parts, 'serve' | 'log'>;

/** Stands where the URL of the ACME account will be. */
const NO_ACCOUNT_YET = '(of the account that a start registers)';

/**
 * Finds out what a pass would do, by asking what a pass asks and deciding as a pass decides. Writes nothing: no record,
 * no file, no ACME account. Throws what makes a pass fail before it writes.
 */
export async function forecast(parts: ForecastParts, signal: AbortSignal): Promise<Forecast> {
  const { goal, provider, authority } = parts;
  const warnings: string[] = [];
  const tell = (warning: string) => void warnings.push(warning);
  const stored = await peekCertificate(parts, tell);
  const decision = decide(parts, stored);
  const unwritable = (await parts.store.whyUnwritable(goal.domain)) ?? (await parts.journal.whyUnwritable());
  if (unwritable) tell(`${unwritable.message}. ${unwritable.hint}`);
  const accountUrl = async () => (await authority.storedAccountUrl()) ?? NO_ACCOUNT_YET;
  const caaIdentity = (ends: AbortSignal) => authority.caaIdentity(ends);
  const draft = await draftRecords({ ...parts, authority: { accountUrl, caaIdentity } }, tell, signal);
  const { changes, desired, live, warnings: ofPlan } = await planZone(provider, draft, signal);
  for (const warning of ofPlan) tell(warning);
  const alias = aliasOfChallenge(goal.domain, live);
  if (decision.action === 'order' && alias !== undefined)
    tell(`${challengeName(goal.domain)} is an alias of ${alias}: no certificate can be ordered`);
  return {
    domain: goal.domain,
    provider: provider.name,
    zone: draft.zone,
    changes,
    standing: desired.filter((record) => !changes.some((change) => writes(change, record))),
    leftovers: await findLeftovers(parts, live),
    certificate: { stored: stored?.facts, decision },
    warnings,
  };
}

// Files that fit nobody count as no certificate, as they do in a pass.
async function peekCertificate(
  { goal, store }: ForecastParts,
  tell: (warning: string) => void,
): Promise<CertificateBundle | undefined> {
  try {
    return await store.peek(goal.domain);
  } catch (thrown) {
    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;
    tell(`what is stored cannot be served: ${thrown.message}`);
    return undefined;
  }
}

async function findLeftovers(
  { provider, journal }: ForecastParts,
  live: readonly LiveRecord[],
): Promise<LiveRecord[]> {
  const entries = (await journal.peek()).filter((entry) => entry.provider === provider.name);
  return live.filter((record) => entries.some((entry) => sameData({ ...entry, type: 'TXT' }, record)));
}

function writes(change: Change, record: DnsRecord): boolean {
  return change.action !== 'remove' && sameData(change.record, record);
}
