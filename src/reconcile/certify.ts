import type { ChallengeValue } from '../records/challenges.ts';
import { attempt } from './course.ts';
import type { Deps } from './deps.ts';
import { finish } from './finish.ts';
import { type DueCertificate, type Ground, type Job, type PublishedChallenge, proofsOfJob } from './job.ts';
import { prepare } from './prepare.ts';
import { publish, type ZoneWork } from './publish.ts';
import { removeOwnChallenges } from './tidy.ts';

/**
 * Gets certificates: an order each, the challenges of all in one write for each zone, then each goes on by itself until it is
 * stored and served. What fails is noted in the course of the certificate and in the ledger; one holds up no other but for
 * the write. The challenges are removed at the end, whatever happens.
 */
export async function certify(
  parts: Deps,
  batch: readonly DueCertificate[],
  ground: Ground,
  signal: AbortSignal,
): Promise<void> {
  const courses = batch.map(({ course }) => course);
  try {
    const prepared = await Promise.all(batch.map((due) => prepare(parts, due, ground, signal)));
    const jobs = prepared.filter((job) => job !== undefined);
    const published = await publishAll(parts, jobs, ground, signal);
    await Promise.all(jobs.map((job) => finishNoting(parts, job, ground, published, signal)));
  } finally {
    for (const name of courses.flatMap(({ kept }) => kept.names)) {
      const work = ground.zoneOf.get(name);
      if (work) work.challenges = [];
    }
    await removeOwnChallenges(parts, courses, signal);
  }
}

async function finishNoting(
  parts: Deps,
  job: Job,
  ground: Ground,
  published: readonly PublishedChallenge[],
  signal: AbortSignal,
): Promise<void> {
  const { course } = job.due;
  await attempt(course, 'certificate', () => finish(parts, job, ground, published, signal), signal);
}

/** Every value of every job, zone by zone. A zone that takes nothing is noted for those who needed it. */
async function publishAll(
  parts: Deps,
  jobs: readonly Job[],
  { zoneOf }: Ground,
  signal: AbortSignal,
): Promise<PublishedChallenge[]> {
  const wanted = jobs.flatMap((job) =>
    proofsOfJob(job).flatMap(({ value }) => {
      const work = zoneOf.get(value.domain);
      return work ? [{ work, value, isRenewal: job.due.course.stored !== undefined }] : [];
    }),
  );
  const byZone = Map.groupBy(wanted, ({ work }) => work);
  const published = await Promise.all(
    [...byZone].map(([work, values]) => publishIn(parts, work, values, signal)),
  );
  return published.flat();
}

interface WantedValue {
  readonly value: ChallengeValue;
  readonly isRenewal: boolean;
}

async function publishIn(
  parts: Deps,
  work: ZoneWork,
  wanted: readonly WantedValue[],
  signal: AbortSignal,
): Promise<PublishedChallenge[]> {
  const values = wanted.map(({ value }) => value);
  const renewed = new Set(wanted.filter(({ isRenewal }) => isRenewal).map(({ value }) => value));
  const { challenge, failure } = await publish(parts, work, values, (value) => renewed.has(value), signal);
  return values.map((value): PublishedChallenge => {
    const record = challenge.find((one) => one.name === value.name && one.value === value.value);
    return { value, work, record, failure };
  });
}
