import type { Spread } from './figures.ts';

/** Draws bars with their spread as SVG. Pure. */

export interface Bar {
  readonly label: string;
  readonly spread: Spread;
  /** Drawn in the highlight colour. */
  readonly ours: boolean;
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABELS = 190;
const VALUES = 90;
const ROW = 24;
const BAR = 14;
const HEAD = 46;
const GAP = 18;
const MARGIN = 16;

/** One plot of several panels, one below the other. Screen readers read the title. */
export function plotSvg(title: string, panels: readonly Panel[]): string {
  let top = MARGIN;
  const drawn = panels.map((panel) => {
    const text = drawPanel(panel, top);
    top += HEAD + panel.bars.length * ROW + GAP;
    return text;
  });
  const height = top - GAP + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(panels.map(inWords).join(' '))}</desc>
<style>text{font:13px system-ui,sans-serif;fill:#24292f}.h{font-weight:600}.s{fill:#57606a;font-size:12px}.v{font-variant-numeric:tabular-nums}</style>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${drawn.join('\n')}
</svg>
`;
}

function drawPanel({ title, unit, better, bars }: Panel, top: number): string {
  const most = Math.max(...bars.map(({ spread }) => spread.most), 0);
  const room = WIDTH - LABELS - VALUES - MARGIN;
  const x = (value: number) => LABELS + (most > 0 ? (value / most) * room : 0);
  const rows = bars.map((bar, index) => drawBar(bar, top + HEAD + index * ROW, x));
  const hint = `${unit}; ${better} is better; the line spans all rounds`;
  return `<text class="h" x="${MARGIN}" y="${top + 14}">${escaped(title)}</text>
<text class="s" x="${MARGIN}" y="${top + 32}">${escaped(hint)}</text>
${rows.join('\n')}`;
}

function drawBar({ label, spread, ours }: Bar, top: number, x: (value: number) => number): string {
  const middle = top + ROW / 2;
  const [from, to] = [rounded(x(spread.least)), rounded(x(spread.most))];
  const width = rounded(x(spread.median) - x(0));
  return `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>
<rect x="${LABELS}" y="${middle - BAR / 2}" width="${width}" height="${BAR}" rx="2" fill="${ours ? '#1a7f5a' : '#a8b3bf'}"/>
<path d="M${from} ${middle}H${to}M${from} ${middle - 4}v8M${to} ${middle - 4}v8" stroke="#24292f" fill="none"/>
<text class="v" x="${WIDTH - MARGIN}" y="${middle + 4}" text-anchor="end">${shown(spread.median)}</text>`;
}

function inWords({ title, unit, bars }: Panel): string {
  const values = bars.map(({ label, spread }) => `${label} ${shown(spread.median)}`).join(', ');
  return `${title}, ${unit}: ${values}.`;
}

/** At least three significant digits, with commas for thousands. */
export function shown(value: number): string {
  const digits = value >= 100 || value === 0 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
