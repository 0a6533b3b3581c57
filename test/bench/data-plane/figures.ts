import { median } from '../statistics.ts';
import { type ContenderId, isOurs } from './contender.ts';
import type { TakenReading } from './results.ts';

/** Computes figures from readings: medians with their spread, and ratios within a round. Pure. */

export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** A figure of a reading. */
export type Figure = (reading: TakenReading) => number;

/** Above this share of its core the contender was the bottleneck; below it, another program was. */
export const SATURATED = 0.95;

/** Per second of the client's time. */
export const rate: Figure = ({ count, seconds }) => count / seconds;
/** Per second of CPU time that the contender used. */
export const perCore: Figure = ({ count, cpuSeconds }) => count / cpuSeconds;
/**
 * The share of its core that the contender used. It can slightly exceed 1, because the contender
 * also works before and after the client's time.
 */
export const used: Figure = ({ cpuSeconds, seconds }) => cpuSeconds / seconds;

/** An additional figure of the client. */
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

/** The ratio of `mine` to `theirs` in each round. Rounds without both are omitted. */
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
 * The best of the other contenders over all rounds. Not the best of each round: the maximum of
 * several noisy readings exceeds what any single contender achieves.
 */
export function bestOther(
  readings: ReadonlyMap<ContenderId, readonly TakenReading[]>,
  figure: Figure,
  better: 'more' | 'less',
  among: (id: ContenderId) => boolean = () => true,
): ContenderId | undefined {
  const sign = better === 'more' ? -1 : 1;
  const others = [...readings]
    .filter(([id]) => !isOurs(id) && among(id))
    .map(([id, all]) => ({ id, value: sign * spreadOf(all.map(figure)).median }));
  return others.toSorted((a, b) => a.value - b.value)[0]?.id;
}
