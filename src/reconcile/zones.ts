import { gatewayFault } from '../dns/gateway-fault.ts';
import { baseName } from '../dns/names.ts';
import type { Zone } from '../dns/provider.ts';
import { isIngressError } from '../errors.ts';
import { atOnce } from './at-once.ts';
import { attempt, attemptTogether, type Course, note } from './course.ts';
import { draftName, lookAround, type NameDraft, type Surroundings } from './draft.ts';
import type { Parts } from './parts.ts';
import type { ZoneWork } from './publish.ts';
import { lookAtZone } from './zone-look.ts';

const ZONES_AT_ONCE = 5;

/** Of a round, what looks and writes nothing. */
type LookParts = Omit<Parts, 'serve'>;

export interface OpenedZones {
  /** The zone of each name that could be found. */
  readonly zoneOf: ReadonlyMap<string, ZoneWork>;
  /** Whether a certificate may be got although nothing is known of its records. */
  readonly bare: (course: Course) => boolean;
}

/**
 * Finds the zones of all names, reads each once, and plans. Where the records cannot be known (no identity, no account), only the
 * zones of what is due are looked for, and nothing is read of them. What fails is noted in the courses that it concerns.
 */
export async function openZones(
  parts: LookParts,
  courses: readonly Course[],
  due: ReadonlySet<Course>,
  signal: AbortSignal,
): Promise<OpenedZones> {
  const around = await lookAroundOnce(parts, courses, signal);
  // Who the app is decides its records, not its certificate.
  const bare = (course: Course) => course.stored !== undefined || around === 'unidentified';
  const known = typeof around === 'object' ? around : undefined;
  const concerned = known ? courses : courses.filter((course) => due.has(course) && bare(course));
  const zones = await findZones(parts, concerned, signal);
  const zoneOf = new Map<string, ZoneWork>();
  await atOnce(ZONES_AT_ONCE, [...zones.values()], async ({ zone, places }) => {
    const drafts = known ? places.map(({ name }) => draftName(parts, name, zone, known)) : undefined;
    const own = new Set(places.map(({ course }) => course));
    const looking = (of: readonly NameDraft[]) =>
      attemptTogether(own, 'records', () => lookAtZone(parts, zone, of, signal), signal);
    const look = drafts && (await looking(drafts));
    const work: ZoneWork = { zone, look, recordsTried: false, failed: new Map() };
    for (const { name } of places) zoneOf.set(name, work);
  });
  if (known) warnOfGateway(parts, known, zoneOf);
  return { zoneOf, bare };
}

/** Said in every round: nobody reaches the app, and nothing else fails. */
function warnOfGateway(
  { goal, warnOf }: LookParts,
  { gateway }: Surroundings,
  zoneOf: ReadonlyMap<string, ZoneWork>,
): void {
  const looks = new Set([...zoneOf.values()].flatMap(({ look }) => look ?? []));
  const desired = [...looks].flatMap(({ planned }) => planned.desired);
  const finding = {
    ...gateway,
    addresses: gateway.configured,
    injected: goal.injectedGateway,
    injectedAddresses: gateway.injected,
    names: [...zoneOf.keys()],
    aliases: desired.filter(({ purpose }) => purpose === 'alias'),
  };
  if (finding.names.length > 0) warnOf('GATEWAY_DOMAIN', gatewayFault(finding));
}

async function lookAroundOnce(
  parts: LookParts,
  courses: readonly Course[],
  signal: AbortSignal,
): Promise<Surroundings | 'unidentified' | undefined> {
  try {
    return await lookAround(parts, signal);
  } catch (failure) {
    signal.throwIfAborted();
    for (const course of courses) note(course, 'records', failure);
    const isIdentity =
      isIngressError(failure, 'IDENTITY_UNKNOWN') || isIngressError(failure, 'GUEST_AGENT_FAILED');
    return isIdentity ? 'unidentified' : undefined;
  }
}

/** A name, and the certificate that it is on. */
interface NamePlace {
  readonly name: string;
  readonly course: Course;
}

interface FoundZone {
  readonly zone: Zone;
  readonly places: NamePlace[];
}

async function findZones(
  { provider }: LookParts,
  courses: readonly Course[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FoundZone>> {
  const found = new Map<string, FoundZone>();
  const places = courses.flatMap((course) => course.kept.names.map((name) => ({ name, course })));
  // One after the other: the first answer often has all zones, and the adapter remembers them.
  for (const place of places) {
    const { name, course } = place;
    const zone = await attempt(course, 'records', () => provider.zone(baseName(name), signal), signal);
    if (!zone) continue;
    const known = found.get(zone.id) ?? { zone, places: [] };
    known.places.push(place);
    found.set(zone.id, known);
  }
  return found;
}
