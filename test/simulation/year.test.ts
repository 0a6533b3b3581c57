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

/** The time until a run finds a due certificate, with a margin for rounding. */
const RUN = 1.01 * HOUR;

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

/** A valid certificate is always served, and is renewed no later than the scenario permits. */
function assertAlwaysValid(
  { mayLose, expiresShortLived }: Scenario,
  lifetime: number,
  { leastLeft }: Year,
): void {
  const left = leftWhenDue(lifetime) - (mayLose?.(lifetime) ?? 0) - RUN;
  assert.ok(leastLeft >= left, `${hours(leastLeft)} h left, expected at least ${hours(left)} h`);
  if (expiresShortLived && lifetime < 10 * DAY) assert.ok(leastLeft < 0, 'the certificate did not expire');
  else assert.ok(leastLeft > 0);
}

function assertNoLoop({ minInterval }: Scenario, lifetime: number, { issued }: Year): void {
  const interval = minInterval?.(lifetime) ?? lifetime - leftWhenDue(lifetime) - lifetime / 100;
  // Plus the first one, one after a revocation, and one because a second urgent issuance is
  // permitted at once.
  const most = Math.ceil((365 * DAY) / (interval - 2 * HOUR)) + 3;
  assert.ok(issued.length <= most, `${issued.length} issuances, expected at most ${most}`);
}

test('after a mass revocation the certificate is replaced at the next query for renewal information', () => {
  for (const { title, year } of yearsOf('everything revoked on day 100')) {
    const delay = replacementsAfter(year, REVOCATION)[0];
    assert.ok(delay !== undefined && delay <= 6 * HOUR + RUN, `${title}: after ${hours(delay)} h`);
  }
});

test('a second revocation on the next day is followed as soon as the minimum interval permits', () => {
  for (const { title, lifetime, year } of yearsOf('everything revoked on days 100 and 101')) {
    const delay = replacementsAfter(year, REVOCATION + DAY)[0];
    const interval = Math.max(36 * HOUR, lifetime / 6);
    assert.ok(delay !== undefined && delay <= interval, `${title}: after ${hours(delay)} h`);
  }
});

test('a summary of all years is printed', (t) => {
  t.diagnostic('orders, failed orders, shortest remaining validity in hours:');
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

/** Milliseconds from `time` to each later issuance. */
function replacementsAfter({ issued }: Year, since: number): number[] {
  return issued.flatMap((time) => (time > since ? time - since : []));
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
