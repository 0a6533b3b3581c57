import { type ContenderId, readsRequests } from './contender.ts';
import { bestOther, ratios, readingsOf, type Spread } from './figures.ts';
import { bulkMetric, handshakeMetrics, latencyMetrics, type Metric, requestMetrics } from './metrics.ts';
import type { Results, TakenReading } from './results.ts';

/** The data plane's performance targets, each as a ratio to another contender. Pure. */

interface Aim {
  readonly metric: Metric;
  /**
   * A contender, or the best of the others: of all, or of those of the same kind (bytes or
   * requests).
   */
  readonly other: ContenderId | 'best' | 'peer';
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
   * Whether the bound lies between the minimum and the maximum, so the rounds disagree on the
   * verdict.
   */
  readonly close: boolean;
}

const aims: readonly Aim[] = [
  ...handshakeMetrics.flatMap<Aim>((metric) => [
    { metric, other: 'older-2.3', bound: 4 },
    ...besideBest(metric, 1),
  ]),
  ...requestMetrics.flatMap((metric) => besideBest(metric, 0.95)),
  ...besideBest(bulkMetric, 0.95),
  ...latencyMetrics.slice(-1).flatMap((metric) => besideBest(metric, 1)),
];

function besideBest(metric: Metric, bound: number): Aim[] {
  return [
    { metric, other: 'best', bound },
    { metric, other: 'peer', bound },
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
  const other = otherOf(aim, ours, all);
  const ratio = ratios(all.get(ours) ?? [], (other && all.get(other)) ?? [], figure);
  const holds = better === 'more' ? ratio.median >= bound : ratio.median <= bound;
  const against = other === undefined ? {} : { against: other };
  return { ...aim, ...against, ours, ratio, holds, close: ratio.least < bound && bound < ratio.most };
}

function otherOf(
  { metric: { figure, better }, other }: Aim,
  ours: ContenderId,
  all: ReadonlyMap<ContenderId, readonly TakenReading[]>,
): ContenderId | undefined {
  if (other === 'best') return bestOther(all, figure, better);
  if (other !== 'peer') return other;
  return bestOther(all, figure, better, (id) => readsRequests(id) === readsRequests(ours));
}
