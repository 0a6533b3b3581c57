import { verdicts } from './aims.ts';
import { type ContenderId, contenderIds, isOurs, titles } from './contender.ts';
import { type Figure, ratios, readingsOf, SATURATED, type Spread, spreadOf, used } from './figures.ts';
import {
  bulkMetric,
  handshakeMetrics,
  latencyMetrics,
  type Metric,
  memoryMetrics,
  namesMetrics,
  type RateMetric,
  requestMetrics,
} from './metrics.ts';
import type { Results, TakenReading } from './results.ts';

/** Formats results as Markdown tables, which are also readable in a terminal. Pure. */

type Readings = readonly TakenReading[];

/** All tables, for the terminal. */
export function reportTables(results: Results): string {
  return [
    rateTables(results, requestMetrics),
    rateTables(results, handshakeMetrics),
    rateTables(results, [bulkMetric]),
    latencyTable(results),
    memoryTable(results, 1),
    rateTables(results, namesMetrics(manyNames(results))),
    memoryTable(results, manyNames(results)),
    growthTable(results),
    aimTable(results),
    failureList(results),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

/**
 * A table for each metric: the rate, the proxy's utilization, the rate per second of its core, and
 * ratios.
 */
export function rateTables({ readings }: Results, metrics: readonly RateMetric[]): string {
  return metrics
    .map((metric) => {
      const all = readingsOf(readings, metric);
      if (all.size === 0) return '';
      const mine = oursIn(all);
      const single = metric.figure === metric.raw;
      const perSecond = single ? [] : [metric.unit];
      const groups = [...all.values()].some((own) => own.some(({ agreed }) => agreed));
      const header = [
        '',
        ...(groups ? ['group'] : []),
        'per second',
        'core in use',
        ...perSecond,
        ...mine.map(([id]) => `${titles[id]} ÷ it`),
      ];
      const rows = inOrder(all).map(([id, own]) => [
        titles[id],
        ...(groups ? [agreedGroups(own)] : []),
        scaled(own, metric.raw, metric.scale),
        utilisation(own),
        ...(single ? [] : [scaled(own, metric.figure, metric.scale)]),
        ...mine.map(([, ours]) => ratio(ratios(ours, own, metric.figure))),
      ]);
      return titled(metric.title, table(header, rows));
    })
    .filter((text) => text !== '')
    .join('\n\n');
}

export function latencyTable(results: Results): string {
  return plainTable(results, latencyMetrics, 'Latency at half load', (own) => {
    const pace = own[0]?.more['pace'] ?? 0;
    return `${pace} requests per second`;
  });
}

export function memoryTable(results: Results, names: number): string {
  const title = names > 1 ? `Memory, ${names.toLocaleString('en')} names` : 'Memory, one name';
  return plainTable(results, memoryMetrics(names), title);
}

/** Metrics side by side, each with its ratios. */
function plainTable(
  { readings }: Results,
  metrics: readonly Metric[],
  title: string,
  note: (own: Readings) => string = () => '',
): string {
  const [first] = metrics;
  const all = first ? readingsOf(readings, first) : new Map<ContenderId, Readings>();
  if (all.size === 0) return '';
  const mine = oursIn(all);
  const header = metrics.flatMap((metric) => [
    `${metric.title}, ${metric.unit}`,
    ...mine.map(([id]) => `${titles[id]} ÷ it`),
  ]);
  const rows = inOrder(all).map(([id, own]) => [
    titles[id],
    ...metrics.flatMap(({ figure, scale }) => [
      scaled(own, figure, scale),
      ...mine.map(([, ours]) => ratio(ratios(ours, own, figure))),
    ]),
  ]);
  const said = note([...all.values()][0] ?? []);
  return titled(said === '' ? title : `${title}: ${said}`, table(['', ...header], rows));
}

/**
 * The cost of many names for each contender: the figure with many names divided by the figure with
 * one.
 */
export function growthTable(results: Results): string {
  const names = manyNames(results);
  const metrics = [...namesMetrics(names), ...memoryMetrics(names)];
  const columns = metrics
    .map((metric) => ({
      metric,
      many: readingsOf(results.readings, metric),
      one: readingsOf(results.readings, { ...metric, names: 1 }),
    }))
    .filter(({ many, one }) => many.size > 0 && one.size > 0);
  if (names < 2 || columns.length === 0) return '';
  const rows = contenderIds
    .filter((id) => columns.some(({ many }) => many.has(id)))
    .map((id) => [
      titles[id],
      ...columns.map(({ metric, many, one }) =>
        ratio(ratios(many.get(id) ?? [], one.get(id) ?? [], metric.figure)),
      ),
    ]);
  const header = columns.map(({ metric }) => metric.title.replace(/, [\d,]+ names$/, ''));
  return titled(`${names.toLocaleString('en')} names ÷ one name`, table(['', ...header], rows));
}

const BEST: Readonly<Record<string, string>> = { best: 'the best of all: ', peer: 'the best of its kind: ' };

export function aimTable(results: Results): string {
  const rows = verdicts(results).map(
    ({ metric, other, against, bound, ours, ratio: found, holds, close }) => [
      metric.title,
      titles[ours],
      `${BEST[other] ?? ''}${against ? titles[against] : '–'}`,
      `${metric.better === 'more' ? 'at least' : 'at most'} ${bound}`,
      ratio(found),
      `${holds ? 'holds' : 'missed'}${close ? ', rounds differ' : ''}`,
    ],
  );
  return rows.length === 0 ? '' : titled('Aims', table(['', 'ours', 'to', 'aim', 'ratio', ''], rows));
}

export function failureList({ failures }: Results): string {
  return failures
    .map(
      (one) =>
        `- ${titles[one.contender]}, ${one.work}, ${one.names} names, round ${one.round + 1}: ${one.why}`,
    )
    .join('\n');
}

/** The larger number of names that was measured; 1 if there was none. */
export function manyNames({ readings }: Pick<Results, 'readings'>): number {
  return Math.max(1, ...readings.map(({ names }) => names));
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, column) =>
    Math.max(3, cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Three significant digits, with commas for thousands. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const factor = 10 ** (value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value))) - 2);
  const rounded = Math.round(value / factor) * factor;
  return rounded.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function scaled(own: Readings, of: Figure, scale: number): string {
  return range(spreadOf(own.map((reading) => of(reading) * scale)), figure);
}

function ratio(spread: Spread): string {
  return range(spread, (value) => value.toFixed(2));
}

function range({ least, median, most }: Spread, show: (value: number) => string): string {
  return Number.isFinite(median) ? `${show(median)} (${show(least)}–${show(most)})` : '–';
}

/** A contender below the threshold was not the bottleneck. */
function utilisation(own: Readings): string {
  const { median } = spreadOf(own.map(used));
  return `${Math.min(100, Math.round(median * 100))} %${median < SATURATED ? ' *' : ''}`;
}

/** The negotiated groups: the common one, or all that occurred. */
function agreedGroups(own: Readings): string {
  return [...new Set(own.map(({ agreed = '' }) => agreed.split(',')[0]))].join(', ');
}

function titled(title: string, text: string): string {
  return `**${title}**\n\n${text}`;
}

function oursIn(all: ReadonlyMap<ContenderId, Readings>): [ContenderId, Readings][] {
  return inOrder(all).filter(([id]) => isOurs(id));
}

function inOrder(all: ReadonlyMap<ContenderId, Readings>): [ContenderId, Readings][] {
  return contenderIds.flatMap((id) => {
    const own = all.get(id);
    return own ? [[id, own]] : [];
  });
}
