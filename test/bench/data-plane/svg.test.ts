import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plotSvg, shown } from './svg.ts';
import { figure, table } from './tables.ts';

const bar = (label: string, median: number) => ({
  label,
  ours: false,
  spread: { least: median * 0.9, median, most: median * 1.1 },
});

test('a plot has a text for screen readers, and escapes its input', () => {
  const panel = {
    title: 'A & B',
    unit: 'MB',
    better: 'more',
    bars: [bar('<one>', 10), bar('two', 20)],
  } as const;
  const svg = plotSvg('Plot', [panel]);
  assert.match(svg, /<title id="title">Plot<\/title>/);
  assert.match(svg, /<desc id="description">A &amp; B, MB: &lt;one&gt; 10\.0, two 20\.0\.<\/desc>/);
  assert.doesNotMatch(svg, /<one>/);
});

test('the longest line fits, and bars are to scale', () => {
  const svg = plotSvg('Plot', [
    { title: 'T', unit: 's', better: 'less', bars: [bar('a', 10), bar('b', 20)] },
  ]);
  const [a = 0, b = 0] = [...svg.matchAll(/<rect x="190"[^>]* width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  );
  assert.ok(Math.abs(b / a - 2) < 0.01);
  const ends = [...svg.matchAll(/H([\d.]+)M/g)].map(([, x]) => Number(x));
  assert.ok(Math.max(...ends) <= 760 - 90 - 16);
});

test('figures are formatted for display', () => {
  assert.equal(shown(12_345.6), '12,346');
  assert.equal(shown(1.234), '1.23');
  assert.equal(figure(41_637), '41,600');
  assert.equal(figure(0.0512), '0.0512');
  assert.equal(figure(999.6), '1,000');
  assert.equal(figure(Number.NaN), '–');
});

test('the columns of a Markdown table are aligned', () => {
  assert.equal(table(['', 'b'], [['long', '1']]), '|      | b   |\n| ---- | --- |\n| long | 1   |');
});
