import { baseName } from '../dns/name.ts';
import type { Zone } from '../dns/provider.ts';
import { isIngressError } from '../errors.ts';
import { gatewayFault } from '../records/gateway-fault.ts';
import { atOnce } from './at-once.ts';
import { attempt, attemptTogether, type Course, note } from './course.ts';
import type { Deps } from './deps.ts';
import { type DraftPlace, draftName, lookAround, type Surroundings } from './draft.ts';
import { type Gateway, lookUpGateway } from './gateway.ts';
import { findMisplaced } from './placing.ts';
import type { ZoneWork } from './publish.ts';
import type { ServerFinder } from './seen.ts';
import { lookAtZone } from './zone-look.ts';

const ZONES_AT_ONCE = 5;
/** The subject of a warning without which a name that is served is also reached. */
export const GATEWAY = 'GATEWAY_DOMAIN';

/** Of a round, what looks and writes nothing. */
type LookParts = Omit<Deps, 'serve'>;

export interface OpenedZones {
  /** The zone of each name that could be found. */
  readonly zoneOf: ReadonlyMap<string, ZoneWork>;
  /** Whether a certificate may be got although nothing is known of its records. */
  readonly bare: (course: Course) => boolean;
}

/**
 * Finds the zones of all names, reads each once, and plans. Where the records cannot be known (no identity, no account), only the
 * zones of what is due are looked for, and nothing is read of them. A name that the public DNS looks for in another zone is left out. What fails is noted in the courses that it concerns.
 */
export async function openZones(
  parts: LookParts,
  courses: readonly Course[],
  due: ReadonlySet<Course>,
  servers: ServerFinder,
  signal: AbortSignal,
): Promise<OpenedZones> {
  const lookingUp = lookUpGateway(parts, signal);
  const around = await lookAroundOnce(parts, courses, lookingUp, signal);
  // Who the app is decides its records, not its certificate.
  const bare = (course: Course) => course.stored !== undefined || around === 'unidentified';
  const known = typeof around === 'object' ? around : undefined;
  const concerned = known ? courses : courses.filter((course) => due.has(course) && bare(course));
  const zones = await findZones(parts, concerned, signal);
  const zoneOf = new Map<string, ZoneWork>();
  const ground = { around: known, due, servers };
  await atOnce(ZONES_AT_ONCE, [...zones.values()], async (found) => {
    for (const [name, work] of await openZone(parts, found, ground, signal)) zoneOf.set(name, work);
  });
  warnOfGateway(parts, await lookingUp, courses, zoneOf);
  return { zoneOf, bare };
}

/** A first certificate wants its zones known, so that the records stand first; `bare` is who is past that. */
export function canBeCertified(
  course: Course,
  zoneOf: ReadonlyMap<string, ZoneWork>,
  bare: OpenedZones['bare'],
): boolean {
  const works = course.kept.names.map((name) => zoneOf.get(name));
  return works.every((work) => work !== undefined && (work.look !== undefined || bare(course)));
}

interface Known {
  /** What the records depend on; undefined when it is not known. */
  readonly around: Surroundings | undefined;
  readonly due: ReadonlySet<Course>;
  readonly servers: ServerFinder;
}

/** Reads a zone and plans for all of its names that the public DNS looks for there. */
async function openZone(
  parts: LookParts,
  { zone, places }: FoundZone,
  { around, due, servers }: Known,
  signal: AbortSignal,
): Promise<[string, ZoneWork][]> {
  const courses = new Set(places.map(({ course }) => course));
  const look = async (names: readonly NamePlace[]) => {
    const drafts = around && names.map((place) => draftName(parts, draftPlace(place, zone), around));
    return (
      drafts && attemptTogether(courses, 'records', () => lookAtZone(parts, zone, drafts, signal), signal)
    );
  };
  const asked = places.map(({ name, course }) => ({ name, again: due.has(course) }));
  // At the same time: a start does not wait for it, and rarely reads again.
  const [first, misplaced] = await Promise.all([
    look(places),
    findMisplaced(parts, zone, asked, servers, signal),
  ]);
  // A provider that fails may have said the same in its own words.
  const isSaid = around !== undefined && first === undefined;
  for (const { name, course } of places)
    if (misplaced.has(name) && !isSaid) note(course, 'records', misplaced.get(name));
  const placed = places.filter(({ name }) => !misplaced.has(name));
  const isToRead = first !== undefined && placed.length < places.length && placed.length > 0;
  const again = isToRead ? await look(placed) : first;
  const work: ZoneWork = { zone, look: again, recordsTried: false, failed: new Map(), challenges: [] };
  return placed.map(({ name }) => [name, work]);
}

/** Said in every round, also where nothing is known of the records: nobody reaches the app, and nothing else fails for it. */
function warnOfGateway(
  { spec, warnOf }: LookParts,
  gateway: Gateway,
  courses: readonly Course[],
  zoneOf: ReadonlyMap<string, ZoneWork>,
): void {
  const looks = new Set([...zoneOf.values()].flatMap(({ look }) => look ?? []));
  const desired = [...looks].flatMap(({ planned }) => planned.desired);
  const finding = {
    ...gateway,
    addresses: gateway.configured,
    injected: spec.injectedGateway,
    injectedAddresses: gateway.injected,
    names: courses.flatMap(({ kept }) => kept.names),
    aliases: desired.filter(({ purpose }) => purpose === 'alias'),
  };
  warnOf(GATEWAY, gatewayFault(finding));
}

async function lookAroundOnce(
  parts: LookParts,
  courses: readonly Course[],
  lookingUp: Promise<Gateway>,
  signal: AbortSignal,
): Promise<Surroundings | 'unidentified' | undefined> {
  try {
    return await lookAround(parts, lookingUp, signal);
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

function draftPlace({ name: domain, course: { stored } }: NamePlace, zone: Zone): DraftPlace {
  return { domain, zone, certified: stored !== undefined };
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
