import type { ContenderId } from './contender.ts';
import { ratios, ratiosToBest, readingsOf, rivalsIn, type Spread } from './figures.ts';
import { bulkMetric, handshakeMetrics, latencyMetrics, type Metric, requestMetrics } from './metrics.ts';
import type { Results } from './results.ts';

/** What the data plane is to reach beside the others, each as a ratio. Pure. */

interface Aim {
  readonly metric: Metric;
  /** A contender, or whoever of the others is best in the round. */
  readonly rival: ContenderId | 'best';
  readonly bound: number;
}

export interface Verdict extends Aim {
  readonly ours: ContenderId;
  /** Ours to the rival's. */
  readonly ratio: Spread;
  readonly holds: boolean;
  /** Whether the bound lies between the least and the most: then the rounds do not agree on the verdict. */
  readonly close: boolean;
}

const aims: readonly Aim[] = [
  ...handshakeMetrics.flatMap<Aim>((metric) => [
    { metric, rival: 'older-2.3', bound: 4 },
    { metric, rival: 'best', bound: 1 },
  ]),
  ...requestMetrics.map<Aim>((metric) => ({ metric, rival: 'best', bound: 0.95 })),
  { metric: bulkMetric, rival: 'best', bound: 0.95 },
  ...latencyMetrics.slice(-1).map<Aim>((metric) => ({ metric, rival: 'best', bound: 1 })),
];

/** Of each aim that was measured, for each of our modes. */
export function verdicts({ readings }: Pick<Results, 'readings'>): Verdict[] {
  return aims.flatMap((aim) =>
    (['ours-tcp', 'ours-http'] as const).flatMap((ours) => {
      const { metric, rival, bound } = aim;
      const all = readingsOf(readings, metric);
      const mine = all.get(ours);
      const rivals = rival === 'best' ? rivalsIn(all) : [all.get(rival) ?? []];
      if (!mine || rivals.every((one) => one.length === 0)) return [];
      const ratio =
        rival === 'best'
          ? ratiosToBest(mine, rivals, metric.figure, metric.better)
          : ratios(mine, rivals[0] ?? [], metric.figure);
      const holds = metric.better === 'more' ? ratio.median >= bound : ratio.median <= bound;
      return [{ ...aim, ours, ratio, holds, close: ratio.least < bound && bound < ratio.most }];
    }),
  );
}
