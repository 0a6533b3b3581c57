import { type Figure, perCore, rate, type Subject, said } from './figures.ts';

/** The metrics of the tables, the plots and the targets. Pure. */

export interface Metric extends Subject {
  readonly title: string;
  /** The unit of the scaled figure. */
  readonly unit: string;
  /** The factor for display. */
  readonly scale: number;
  readonly better: 'more' | 'less';
  /** The figure by which contenders are compared. */
  readonly figure: Figure;
}

export interface RateMetric extends Metric {
  /** Per second of the client's time, whatever the bottleneck was. */
  readonly raw: Figure;
}

const PER_CORE = 'per second of the proxy’s core';

/**
 * The capacity of a busy proxy is its work per second of its core. With one connection nothing is
 * busy: the client waits for each response, so the client's time counts.
 */
function rateOf(work: string, names: number, title: string, unit: string, scale = 1): RateMetric {
  const single = work.startsWith('requests-1-');
  return {
    ...{ work, names, title, scale },
    unit: single ? `${unit} per second` : `${unit} ${PER_CORE}`,
    better: 'more',
    figure: single ? rate : perCore,
    raw: rate,
  };
}

const requestTitles = [
  ['requests-1-1k', 'Requests, 1 kept connection, 1 kB'],
  ['requests-1-64k', 'Requests, 1 kept connection, 64 kB'],
  ['requests-64-1k', 'Requests, 64 kept connections, 1 kB'],
  ['requests-64-64k', 'Requests, 64 kept connections, 64 kB'],
] as const;

export const requestMetrics = requestTitles.map(([work, title]) => rateOf(work, 1, title, 'requests'));

export const handshakeMetrics = [
  rateOf('handshakes-full', 1, 'New connections, full handshake', 'connections'),
  rateOf('handshakes-resumed', 1, 'New connections, session resumed', 'connections'),
  rateOf(
    'handshakes-full-x25519',
    1,
    'New connections, full handshake, client without ML-KEM',
    'connections',
  ),
  rateOf(
    'handshakes-resumed-x25519',
    1,
    'New connections, session resumed, client without ML-KEM',
    'connections',
  ),
];

export const bulkMetric = rateOf('bulk', 1, 'Bulk, 4 connections, 64 MiB bodies', 'MB', 1e-6);

export const latencyMetrics: readonly Metric[] = (['p50', 'p99'] as const).map((quantile) => ({
  ...{ work: 'latency', names: 1, scale: 1, better: 'less' },
  title: `Latency at half load, ${quantile}`,
  unit: 'µs',
  figure: said(`${quantile}Us`),
}));

export function memoryMetrics(names: number): readonly Metric[] {
  const of = { work: 'memory', names, unit: 'MB', scale: 1e-6, better: 'less' } as const;
  return [
    { ...of, title: 'Memory with no connection', figure: said('before') },
    { ...of, title: 'Memory of 1,000 idle connections', figure: said('perThousand') },
  ];
}

/** The works that are also done with many names. */
export function namesMetrics(names: number): readonly RateMetric[] {
  const many = `, ${names.toLocaleString('en')} names`;
  return [
    rateOf('handshakes-full', names, `New connections, full handshake${many}`, 'connections'),
    rateOf('handshakes-resumed', names, `New connections, session resumed${many}`, 'connections'),
    rateOf('requests-64-1k', names, `Requests, 64 kept connections, 1 kB${many}`, 'requests'),
  ];
}
