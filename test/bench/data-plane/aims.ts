import { type ContenderId, readsRequests } from './contender.ts';
import { bestRival, ratios, readingsOf, type Spread } from './figures.ts';
import { bulkMetric, handshakeMetrics, latencyMetrics, type Metric, requestMetrics } from './metrics.ts';
import type { Results, TakenReading } from './results.ts';

/** The data plane's performance targets, each as a ratio to another contender. Pure. */

interface Aim {
  readonly metric: Metric;
  /**
   * A contender, or the best of the others: of all, or of those of the same kind (bytes or
   * requests).
   */
  readonly rival: ContenderId | 'best' | 'peer';
  readonly bound: number;
}

export interface Verdict extends Aim {
  readonly ours: ContenderId;
  /** The contender that the ratio refers to. */
  readonly against?: ContenderId;
  /** Our figure divided by the other one. */
  readonly ratio: Spread;
  /** False if no reading could be taken. */
  readonly holds: boolean;
  /**
   * Whether the bound lies between the minimum and the maximum, so that the rounds disagree on the
   * verdict.
   */
  readonly close: boolean;
}

const aims: readonly Aim[] = [
  ...handshakeMetrics.flatMap<Aim>((metric) => [
    { metric, rival: 'older-2.3', bound: 4 },
    ...besideBest(metric, 1),
  ]),
  ...requestMetrics.flatMap((metric) => besideBest(metric, 0.95)),
  ...besideBest(bulkMetric, 0.95),
  ...latencyMetrics.slice(-1).flatMap((metric) => besideBest(metric, 1)),
];

function besideBest(metric: Metric, bound: number): Aim[] {
  return [
    { metric, rival: 'best', bound },
    { metric, rival: 'peer', bound },
  ];
}

/** The verdict on each target that was measured, for each of our modes. */
export function verdicts({ readings, failures }: Omit<Results, 'setting'>): Verdict[] {
  return aims.flatMap((aim) => {
    const all = readingsOf(readings, aim.metric);
    return (['ours-tcp', 'ours-http'] as const).flatMap((ours) => {
      const tried = failures.some(({ work, contender }) => work === aim.metric.work && contender === ours);
      const verdict = judge(aim, ours, all);
      return Number.isFinite(verdict.ratio.median) || tried ? [verdict] : [];
    });
  });
}

function judge(aim: Aim, ours: ContenderId, all: ReadonlyMap<ContenderId, readonly TakenReading[]>): Verdict {
  const { metric, bound } = aim;
  const { figure, better } = metric;
  const rival = rivalOf(aim, ours, all);
  const ratio = ratios(all.get(ours) ?? [], (rival && all.get(rival)) ?? [], figure);
  const holds = better === 'more' ? ratio.median >= bound : ratio.median <= bound;
  const against = rival === undefined ? {} : { against: rival };
  return { ...aim, ...against, ours, ratio, holds, close: ratio.least < bound && bound < ratio.most };
}

function rivalOf(
  { metric: { figure, better }, rival }: Aim,
  ours: ContenderId,
  all: ReadonlyMap<ContenderId, readonly TakenReading[]>,
): ContenderId | undefined {
  if (rival === 'best') return bestRival(all, figure, better);
  if (rival !== 'peer') return rival;
  return bestRival(all, figure, better, (id) => readsRequests(id) === readsRequests(ours));
}
