import type { Authority } from '../acme/issuance.ts';
import type { OrderStore, StoredOrder } from '../acme/ledger/order-store.ts';
import { endingOf } from '../certificates/renewal/ending.ts';
import type { IngressError } from '../errors.ts';
import { atOnce, piecesOf } from './at-once.ts';
import { certify } from './certify.ts';
import { attempt, type Course, note, startCourse } from './course.ts';
import { decide } from './decision.ts';
import type { Authorities, Deps, ManagedCertificate } from './deps.ts';
import type { DueCertificate, Ground } from './job.ts';
import { rememberFound, tellOfRenewal } from './outlook.ts';
import { keyOf } from './preflight.ts';
import { publishRecords, type ZoneWork } from './publish.ts';
import { createServerFinder } from './seen.ts';
import { findCertificate, serve } from './serving.ts';
import { sweep } from './tidy.ts';
import { isNews } from './unwritable.ts';
import { waitForRecords } from './wait-for-records.ts';
import type { ZoneLook } from './zone-look.ts';
import { canBeCertified, openZones } from './zones.ts';

/** Certificates that are got at once in one place; the next so many come after them. */
export const CERTIFICATES_AT_ONCE = 20;
/** Places (see Place) in which something is done at once. */
const PLACES_AT_ONCE = 5;

/**
 * One round over some certificates, the same on the first start and on every later one: serve what is stored, remove what a
 * crash left, decide, look at the zones, certificates and records. The records of all names of a zone are one plan, and
 * written together with the challenges where certificates are due, so that the zone is written once. A step that
 * fails does not keep the others from being made, so that nothing but the CA and the zone itself stands between a
 * certificate and its renewal. Gives the course of each certificate. Rejects only when the signal aborts.
 */
export async function reconcile(
  parts: Deps,
  all: readonly ManagedCertificate[],
  signal: AbortSignal,
): Promise<readonly Course[]> {
  const courses = all.map(startCourse);
  await warnOfLedger(parts);
  for (const course of courses) await takeStock(parts, course, signal);
  const open = await findOpenOrders(parts, courses, signal);
  const { due, good } = await decideAll(parts, courses, signal);
  for (const one of open) if (good.has(one.course)) await forget(one, signal);
  // Challenges that are gone on with are not swept away.
  const needed = open.filter(({ course }) => !good.has(course));
  const values = needed.flatMap(({ note: { values = [] } }) => values);
  await sweep(parts, courses, values, signal);
  const servers = createServerFinder(parts);
  const dueCourses = new Set(due.map(({ course }) => course));
  const { zoneOf, bare } = await openZones(parts, courses, dueCourses, servers, signal);
  const ground: Ground = { zoneOf, servers, waited: new Set() };
  const able = due.filter(({ course }) => !course.unread && canBeCertified(course, zoneOf, bare));
  await atOnce(PLACES_AT_ONCE, placesOf(courses, zoneOf), async (place) => {
    await certifyAll(
      parts,
      able.filter(({ course }) => place.courses.includes(course)),
      ground,
      signal,
    );
    for (const work of place.works) await publishRecords(parts, work, signal);
    await Promise.all(place.courses.map((course) => endRecords(parts, course, ground, signal)));
  });
  for (const course of courses) {
    const { unsaved } = course.kept.state;
    if (unsaved) note(course, 'storing the certificate', unsaved.failure);
  }
  return courses;
}

/** What is stored is served before anything else is done for any name. */
async function takeStock(parts: Deps, course: Course, signal: AbortSignal): Promise<void> {
  const { kept, failures } = course;
  await warnOfVolume(parts, kept);
  course.stored = await attempt(
    course,
    'certificate on the volume',
    () => findCertificate(parts, kept),
    signal,
  );
  course.unread = failures.length > 0;
  if (course.stored) rememberFound(parts.emit, kept, course.stored.facts, parts.clock.now());
  await attempt(course, 'serving', () => serve(parts, kept, course.stored), signal);
}

/** What is missing is said while there is time, not when a renewal has nowhere to go. */
async function warnOfVolume(
  { store, journalOf, clock, shared, emit }: Deps,
  { names }: ManagedCertificate,
): Promise<void> {
  const failure = (await store.whyUnwritable(names)) ?? (await journalOf(names[0]).whyUnwritable());
  if (!isNews(shared.unwritable, keyOf(names), failure, clock.now())) return;
  emit({ type: 'volume-not-writable', certificate: names, error: failure });
}

/** It is there for all certificates. */
async function warnOfLedger({ authorities, emit, clock, shared }: Deps): Promise<void> {
  const failure = await authorities.primary.ledger.whyUnwritable();
  if (!isNews(shared.unwritable, 'ledger', failure, clock.now())) return;
  emit({ type: 'volume-not-writable', error: failure });
}

interface OpenNote {
  readonly course: Course;
  readonly openOrders: OrderStore;
  readonly note: StoredOrder;
}

/** The orders that are open since an earlier attempt. Where that cannot be read, nothing is ordered. */
async function findOpenOrders(
  { authorities }: Deps,
  courses: readonly Course[],
  signal: AbortSignal,
): Promise<OpenNote[]> {
  const found: OpenNote[] = [];
  for (const course of courses) {
    const key = keyOf(course.kept.names);
    for (const { orders } of allOf(authorities)) {
      const open = await attempt(
        course,
        'open order',
        async () => ({ note: await orders.peek(key) }),
        signal,
      );
      if (open?.note) found.push({ course, openOrders: orders, note: open.note });
      if (!open) course.unread = true;
    }
  }
  return found;
}

/**
 * A certificate that is good needs no order: what is open is of the one that is stored, which a crash or a full disk kept from being
 * crossed out.
 */
async function forget({ course, openOrders }: OpenNote, signal: AbortSignal): Promise<void> {
  const { names, state } = course.kept;
  if (state.unsaved) return;
  await attempt(course, 'open order', () => openOrders.remove(keyOf(names)), signal);
}

function allOf({ primary, fallback, staging }: Authorities): Authority[] {
  return [primary, fallback?.issuer, staging].filter((issuer) => issuer !== undefined);
}

interface Decided {
  /** Those that need it most come first. */
  readonly due: readonly DueCertificate[];
  /** Whose certificate is kept for now. */
  readonly good: ReadonlySet<Course>;
}

async function decideAll(parts: Deps, courses: readonly Course[], signal: AbortSignal): Promise<Decided> {
  const due: DueCertificate[] = [];
  const good = new Set<Course>();
  await atOnce(CERTIFICATES_AT_ONCE, courses, async (course) => {
    const { kept, stored, unread } = course;
    if (unread) return;
    const decided = await attempt(course, 'renewal', () => decide(parts, kept.names, stored, signal), signal);
    if (!decided) return;
    tellOfRenewal(parts.emit, kept, decided);
    if (decided.action === 'order') {
      due.push({ course, reason: decided.reason, urgent: decided.urgent });
    } else {
      good.add(course);
      // Past its emergency line it is kept only because others were issued lately.
      if (stored && endingOf(stored.facts, parts.clock.now()))
        course.held = { until: decided.until, reason: decided.reason };
    }
  });
  const endOf = ({ course: { stored } }: DueCertificate) => stored?.facts.notAfter.getTime() ?? 0;
  return { due: due.sort((a, b) => endOf(a) - endOf(b)), good };
}

/** Certificates that share zones, and these zones: what happens in one place holds up nothing in another. */
interface Place {
  readonly courses: readonly Course[];
  readonly works: ReadonlySet<ZoneWork>;
}

function placesOf(courses: readonly Course[], zoneOf: ReadonlyMap<string, ZoneWork>): readonly Place[] {
  return courses.reduce<readonly Place[]>((places, course) => {
    const works = new Set(course.kept.names.flatMap((name) => zoneOf.get(name) ?? []));
    const shared = places.filter((place) => !place.works.isDisjointFrom(works));
    const joined = {
      courses: [...shared.flatMap((place) => place.courses), course],
      works: shared.reduce((sum, place) => sum.union(place.works), works),
    };
    return [...places.filter((place) => !shared.includes(place)), joined];
  }, []);
}

async function certifyAll(
  parts: Deps,
  due: readonly DueCertificate[],
  ground: Ground,
  signal: AbortSignal,
): Promise<void> {
  let done = 0;
  for (const batch of piecesOf(due, CERTIFICATES_AT_ONCE)) {
    await certify(parts, batch, ground, signal);
    done += batch.length;
    if (due.length > 1) parts.emit({ type: 'progress', done, due: due.length });
  }
}

function whyUnled({ drafts, planned: { live } }: ZoneLook, domain: string): IngressError | undefined {
  return drafts.find((draft) => draft.domain === domain)?.whyUnled(live);
}

/** What is to be said of the records of a certificate's names, and waited for, once they were written or failed. */
async function endRecords(
  parts: Deps,
  course: Course,
  { zoneOf, servers, waited }: Ground,
  signal: AbortSignal,
): Promise<void> {
  const { names } = course.kept;
  const ends = names.map(async (domain) => {
    const work = zoneOf.get(domain);
    const failure = work?.failed.get(domain);
    if (failure !== undefined) throw failure;
    if (!work?.look) return;
    const waiting = { domain, zone: work.zone, servers, certificate: names, urgent: false };
    if (!waited.has(domain)) await waitForRecords(parts, waiting, work, signal);
    // It is tried again soon; a certificate needs no gateway and has been got.
    const unled = whyUnled(work.look, domain);
    if (unled) throw unled;
  });
  for (const end of await Promise.allSettled(ends)) {
    signal.throwIfAborted();
    if (end.status === 'rejected') note(course, 'records', end.reason);
  }
}
