import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contenderIds, isOurs, titles } from './contender.ts';
import { readingsOf, spreadOf } from './figures.ts';
import {
  bulkMetric,
  handshakeMetrics,
  latencyMetrics,
  type Metric,
  memoryMetrics,
  namesMetrics,
  requestMetrics,
} from './metrics.ts';
import type { Results } from './results.ts';
import { type Panel, plotSvg } from './svg.ts';
import { manyNames } from './tables.ts';

/** The plots of a run by file name, without those that have no readings. Pure. */
export function plots(results: Results): ReadonlyMap<string, string> {
  const names = manyNames(results);
  const all: [file: string, title: string, metrics: readonly Metric[]][] = [
    ['requests.svg', 'Requests on kept connections', requestMetrics],
    ['handshakes.svg', 'New connections', handshakeMetrics],
    ['bulk.svg', 'Bulk throughput', [bulkMetric]],
    ['latency.svg', 'Latency at half load', latencyMetrics],
    ['memory.svg', 'Memory', memoryMetrics(1)],
    [
      'names.svg',
      `With ${names.toLocaleString('en')} names`,
      names > 1 ? [...namesMetrics(names), ...memoryMetrics(names)] : [],
    ],
  ];
  const drawn = all.flatMap<[string, string]>(([file, title, metrics]) => {
    const panels = metrics.map((metric) => panel(results, metric)).filter(({ bars }) => bars.length > 0);
    return panels.length > 0 ? [[file, plotSvg(title, panels)]] : [];
  });
  return new Map(drawn);
}

export async function writePlots(results: Results, folder: string): Promise<void> {
  for (const [file, text] of plots(results)) await writeFile(join(folder, file), text);
}

function panel({ readings }: Results, metric: Metric): Panel {
  const { title, unit, better, figure, scale } = metric;
  const all = readingsOf(readings, metric);
  const bars = contenderIds.flatMap((id) => {
    const own = all.get(id);
    if (!own) return [];
    return [
      {
        label: titles[id],
        ours: isOurs(id),
        spread: spreadOf(own.map((reading) => figure(reading) * scale)),
      },
    ];
  });
  return { title, unit, better, bars };
}
