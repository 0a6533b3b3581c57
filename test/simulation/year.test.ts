import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY, HOUR, leftWhenDue, type Scenario } from './scenario.ts';
import { REVOCATION, scenarios } from './scenarios.ts';
import { simulateYear, type Year } from './year.ts';

const lifetimes: readonly [title: string, lifetime: number][] = [
  ['90 days', 90 * DAY],
  ['64 days', 64 * DAY],
  ['45 days', 45 * DAY],
  ['160 hours', 160 * HOUR],
];

/** Of the pass that finds what is due, and of what is rounded. */
const PASS = 1.01 * HOUR;

const table = scenarios.map((scenario, row) => ({
  scenario,
  years: lifetimes.map(([title, lifetime], column) => ({
    title,
    lifetime,
    year: simulateYear(lifetime, scenario, 4 * row + column),
  })),
}));

for (const { scenario, years } of table) {
  for (const { title, lifetime, year } of years) {
    test(`a year of ${title}: ${scenario.title}`, () => {
      assert.deepEqual(year.exceeded, []);
      assertAlwaysValid(scenario, lifetime, year);
      assertNoLoop(scenario, lifetime, year);
    });
  }
}

/** Something valid is always served, with so much left that nothing has been waited for in vain. */
function assertAlwaysValid(
  { takes, isTooLongForShort }: Scenario,
  lifetime: number,
  { leastLeft }: Year,
): void {
  const left = leftWhenDue(lifetime) - (takes?.(lifetime) ?? 0) - PASS;
  assert.ok(leastLeft >= left, `${hours(leastLeft)} h left, of ${hours(left)} h that there should be`);
  if (isTooLongForShort && lifetime < 10 * DAY) assert.ok(leastLeft < 0, 'it is not too long at all');
  else assert.ok(leastLeft > 0);
}

function assertNoLoop({ keeps }: Scenario, lifetime: number, { issued }: Year): void {
  const kept = keeps?.(lifetime) ?? lifetime - leftWhenDue(lifetime) - lifetime / 100;
  // The first one, and one each that a revocation and the right to a second one at once may bring.
  const most = Math.ceil((365 * DAY) / (kept - 2 * HOUR)) + 3;
  assert.ok(issued.length <= most, `${issued.length} were issued, and ${most} are enough`);
}

test('a mass revocation is followed when the CA is asked next', () => {
  for (const { title, year } of yearsOf('everything revoked on day 100')) {
    const delay = replacementsAfter(year, REVOCATION)[0];
    assert.ok(delay !== undefined && delay <= 6 * HOUR + PASS, `${title}: after ${hours(delay)} h`);
  }
});

test('a second one on the next day is followed as soon as the distance permits', () => {
  for (const { title, lifetime, year } of yearsOf('and once more on day 101')) {
    const delay = replacementsAfter(year, REVOCATION + DAY)[0];
    const distance = Math.max(36 * HOUR, lifetime / 6);
    assert.ok(delay !== undefined && delay <= distance, `${title}: after ${hours(delay)} h`);
  }
});

test('the table', (t) => {
  t.diagnostic('orders, failed ones among them, least life left in hours:');
  t.diagnostic(
    line(
      '',
      lifetimes.map(([title]) => title),
    ),
  );
  for (const { scenario, years } of table)
    t.diagnostic(
      line(
        scenario.title,
        years.map(({ year }) => cell(year)),
      ),
    );
});

function yearsOf(title: string) {
  const found = table.find(({ scenario }) => scenario.title === title);
  assert.ok(found);
  return found.years;
}

/** How long after a moment the certificates were issued that came after it. */
function replacementsAfter({ issued }: Year, moment: number): number[] {
  return issued.flatMap((time) => (time > moment ? time - moment : []));
}

function cell({ orders, failedOrders, leastLeft }: Year): string {
  return `${orders} ${failedOrders} ${hours(leastLeft)}`;
}

function line(title: string, cells: readonly string[]): string {
  return [title.padEnd(42), ...cells.map((text) => text.padStart(17))].join('');
}

function hours(ms = Number.NaN): string {
  return (ms / HOUR).toFixed(0);
}
