import { median } from '../statistics.ts';
import { type ContenderId, isOurs } from './contender.ts';
import type { TakenReading } from './results.ts';

/** Readings made into figures: medians with their spread, and ratios within a round. Pure. */

export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** A figure of a reading. */
export type Figure = (reading: TakenReading) => number;

/** Above this share of its core the contender was the limit; below, somebody else was. */
export const SATURATED = 0.95;

/** In the time that the client measured. */
export const rate: Figure = ({ count, seconds }) => count / seconds;
/** For each second of CPU that the contender used. */
export const perCore: Figure = ({ count, cpuSeconds }) => count / cpuSeconds;
/** Share of its core that the contender used. It can be a little above 1: it also works before and after the client's time. */
export const used: Figure = ({ cpuSeconds, seconds }) => cpuSeconds / seconds;

/** What a client said beside the count. */
export const said =
  (name: string): Figure =>
  ({ more }) =>
    more[name] ?? Number.NaN;

const NOTHING: Spread = { least: Number.NaN, median: Number.NaN, most: Number.NaN };

export function spreadOf(values: readonly number[]): Spread {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.length === 0 ? NOTHING : { least, median: median(values), most };
}

export interface Subject {
  readonly work: string;
  readonly names: number;
}

/** The readings of one subject by contender, in the order of the rounds. */
export function readingsOf(
  readings: readonly TakenReading[],
  { work, names }: Subject,
): ReadonlyMap<ContenderId, readonly TakenReading[]> {
  const mine = readings.filter((one) => one.work === work && one.names === names);
  return Map.groupBy(
    mine.toSorted((a, b) => a.round - b.round),
    ({ contender }) => contender,
  );
}

/** `mine` as a ratio to `theirs`, each round by itself. Rounds that one of them lacks are left out. */
export function ratios(
  mine: readonly TakenReading[],
  theirs: readonly TakenReading[],
  figure: Figure,
): Spread {
  const values = mine.flatMap((one) => {
    const other = theirs.find(({ round }) => round === one.round);
    return other ? [figure(one) / figure(other)] : [];
  });
  return spreadOf(values);
}

/**
 * Whoever of the others is best over all rounds. Not the best of each round: the largest of several readings that scatter is larger
 * than any of the contenders is.
 */
export function bestRival(
  readings: ReadonlyMap<ContenderId, readonly TakenReading[]>,
  figure: Figure,
  better: 'more' | 'less',
  among: (id: ContenderId) => boolean = () => true,
): ContenderId | undefined {
  const sign = better === 'more' ? -1 : 1;
  const rivals = [...readings]
    .filter(([id]) => !isOurs(id) && among(id))
    .map(([id, all]) => ({ id, value: sign * spreadOf(all.map(figure)).median }));
  return rivals.toSorted((a, b) => a.value - b.value)[0]?.id;
}
