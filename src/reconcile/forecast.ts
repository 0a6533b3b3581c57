import { orderDeferral } from '../acme/issuance.ts';
import type { PastFailure } from '../acme/ledger/deferral.ts';
import { type Hold, isDeferral } from '../acme/ledger/limits.ts';
import type { CertificateBundle, CertificateFacts, Names } from '../certificates/certificate.ts';
import { type Ending, endingOf } from '../certificates/renewal/ending.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import type { Zone } from '../dns/provider.ts';
import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../dns/record.ts';
import { type IngressError, isIngressError } from '../errors.ts';
import { notedChallenges } from '../records/challenges.ts';
import { attempt, type Course, startCourse } from './course.ts';
import { decide } from './decision.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import type { DueCertificate, Ground } from './job.ts';
import { chooseIssuer, heldAt, preflight } from './preflight.ts';
import { wishOf } from './prepare.ts';
import type { ZoneWork } from './publish.ts';
import { createServerFinder } from './seen.ts';
import { canBeCertified, openZones } from './zones.ts';

/** What a round over everything would do now. */
export interface Forecast {
  /** The provider's name. */
  readonly provider: string;
  /** All that are kept, whatever is known of them. */
  readonly names: readonly string[];
  /** Those whose records cannot be planned; the failures say why. */
  readonly unplanned: readonly string[];
  readonly zones: readonly ZoneForecast[];
  readonly certificates: readonly CertificateForecast[];
  /** What makes a round fail for a certificate before it writes. */
  readonly failures: readonly { readonly domain: string; readonly error: IngressError }[];
}

export interface ZoneForecast {
  readonly zone: Zone;
  /** Those of its names that are served. */
  readonly names: readonly string[];
  readonly changes: readonly Change[];
  /** What is desired and stands already. */
  readonly standing: readonly DnsRecord[];
  /** Challenge values that an earlier run left in the zone, and that would be removed. */
  readonly leftovers: readonly CurrentRecord[];
}

export interface CertificateForecast {
  readonly names: Names;
  readonly stored: CertificateFacts | undefined;
  /** How near its end the stored one is, from its emergency line on. */
  readonly ending: Ending | undefined;
  readonly decision: RenewalDecision;
  /** Why an order that is due would not be made yet. */
  readonly held: Hold | undefined;
  /** Why an order that is due would not be made at all: what a start would fail with. */
  readonly refused: IngressError | undefined;
  /** Why the CA refused the last one that was due. */
  readonly lastRefusal: PastFailure | undefined;
}

/** Of a round, what reads; whatever of it writes has to be harmless. */
export type ForecastParts = Omit<Deps, 'serve'>;

/**
 * Finds out what a round would do, by asking what a round asks and deciding as a round decides. Writes nothing: no record,
 * no file, no ACME account. What fails is told with the certificate that it is about.
 */
export async function forecast(
  parts: ForecastParts,
  all: readonly ManagedCertificate[],
  signal: AbortSignal,
): Promise<Forecast> {
  const courses = all.map(startCourse);
  const decided = new Map<Course, RenewalDecision>();
  for (const course of courses) {
    const decision = await lookAt(parts, course, signal);
    if (decision) decided.set(course, decision);
  }
  const due = new Set(courses.filter((course) => decided.get(course)?.action === 'order'));
  const { zoneOf, bare } = await openZones(parts, courses, due, createServerFinder(parts), signal);
  const looked = [...new Set(zoneOf.values())].filter(({ look }) => look !== undefined);
  const names = courses.flatMap(({ kept }) => kept.names);
  const foreseeable = [...decided].filter(
    ([course, { action }]) => action === 'keep' || canBeCertified(course, zoneOf, bare),
  );
  tellOfEndings(parts, courses, new Map(foreseeable));
  return {
    provider: parts.provider.name,
    names,
    unplanned: names.filter((name) => !zoneOf.get(name)?.look),
    zones: await Promise.all(looked.map((work) => forecastZone(parts, work, courses))),
    certificates: await Promise.all(
      foreseeable.map(([course, decision]) =>
        forecastCertificate(parts, { course, decision }, { zoneOf }, signal),
      ),
    ),
    failures: courses.flatMap(failuresOf),
  };
}

async function lookAt(
  parts: ForecastParts,
  course: Course,
  signal: AbortSignal,
): Promise<RenewalDecision | undefined> {
  const { names } = course.kept;
  const { store, warn } = parts;
  course.stored = await attempt(
    course,
    'certificate on the volume',
    () => peekCertificate(parts, names),
    signal,
  );
  const decision =
    course.failures.length > 0
      ? undefined
      : await attempt(course, 'renewal', () => decide(parts, names, course.stored, signal), signal);
  const blocked = await whyBlocked(parts, names);
  const unwritable = (await store.whyUnwritable(names)) ?? blocked;
  // What blocks an order is told with the order.
  const isToldLater = decision?.action === 'order' && blocked !== undefined;
  if (unwritable && !isToldLater) warn(`${unwritable.message}. ${unwritable.hint}`);
  return decision;
}

/** Why nothing could be noted on the volume, without which nothing is ordered. */
async function whyBlocked(
  { journalOf, authorities }: ForecastParts,
  [first]: Names,
): Promise<IngressError | undefined> {
  return (await journalOf(first).whyUnwritable()) ?? (await authorities.primary.ledger.whyUnwritable());
}

// Files that fit nobody count as no certificate, as they do in a round.
async function peekCertificate(
  { store, warn }: ForecastParts,
  names: Names,
): Promise<CertificateBundle | undefined> {
  try {
    return await store.peek(names);
  } catch (thrown) {
    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;
    warn(`what is stored cannot be served: ${thrown.message}`);
    return undefined;
  }
}

/** Of a certificate that cannot be foreseen nothing else is told. */
function tellOfEndings(
  { warn, clock }: ForecastParts,
  courses: readonly Course[],
  foreseeable: ReadonlyMap<Course, RenewalDecision>,
): void {
  for (const course of courses) {
    const { kept, stored } = course;
    const ending = stored && endingOf(stored.facts, clock.now());
    if (ending && !foreseeable.has(course))
      warn(`the certificate for ${kept.names.join(', ')} ${ending.words}`);
  }
}

async function forecastZone(
  parts: ForecastParts,
  { zone, look }: ZoneWork,
  courses: readonly Course[],
): Promise<ZoneForecast> {
  const { changes = [], desired = [], live = [] } = look?.planned ?? {};
  const names = look?.drafts.map(({ domain }) => domain) ?? [];
  const { entries } = await notedChallenges(
    parts,
    courses.flatMap(({ kept }) => kept.names),
  );
  return {
    zone,
    names,
    changes,
    standing: desired.filter((record) => !changes.some((change) => writes(change, record))),
    leftovers: live.filter((record) => entries.some((entry) => sameData({ ...entry, type: 'TXT' }, record))),
  };
}

interface Decided {
  readonly course: Course;
  readonly decision: RenewalDecision;
}

async function forecastCertificate(
  parts: ForecastParts,
  { course, decision }: Decided,
  zones: Pick<Ground, 'zoneOf'>,
  signal: AbortSignal,
): Promise<CertificateForecast> {
  const { kept, stored } = course;
  const ending = stored && endingOf(stored.facts, parts.clock.now());
  const known = { names: kept.names, stored: stored?.facts, ending, decision };
  if (decision.action === 'keep')
    return { ...known, held: undefined, refused: undefined, lastRefusal: undefined };
  const due = { course, reason: decision.reason, urgent: decision.urgent };
  const work = async () => ({ held: await whyHeld(parts, due, zones, signal) });
  const checked = await attempt(course, 'certificate', work, signal);
  const refused = checked ? undefined : failuresOf(course).at(-1)?.error;
  const history = () => parts.authorities.primary.ledger.history();
  const lastRefusal = (await attempt(course, 'certificate', history, signal))?.lastRefusal(kept.names);
  return { ...known, held: checked?.held, refused, lastRefusal };
}

/** Why an order that is due would wait, as the checks before it find and our limits say. */
async function whyHeld(
  parts: ForecastParts,
  due: DueCertificate,
  zones: Pick<Ground, 'zoneOf'>,
  signal: AbortSignal,
): Promise<Hold | undefined> {
  const blocked = await whyBlocked(parts, due.course.kept.names);
  if (blocked) throw blocked;
  const issuer = await chooseIssuer(parts, due.course.kept.names);
  const asked = await preflight(parts, issuer, due, zones, signal);
  const wish = await wishOf(parts, issuer, due.course);
  const hold = isDeferral(asked) ? asked : await orderDeferral(issuer, wish, parts);
  return hold && heldAt(parts.authorities, issuer, hold);
}

function failuresOf({ kept, failures }: Course) {
  return failures.map(({ failure: error }) => {
    if (!isIngressError(error)) throw error;
    return { domain: kept.names[0], error };
  });
}

function writes(change: Change, record: DnsRecord): boolean {
  return change.action !== 'remove' && sameData(change.record, record);
}
