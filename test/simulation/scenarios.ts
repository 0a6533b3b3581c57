import { createRandom } from './random.ts';
import {
  atOnce,
  DAY,
  HOUR,
  type Issued,
  leftWhenDue,
  type Outage,
  type Scenario,
  twoDays,
  usual,
} from './scenario.ts';

/** When the CA says that everything that was issued before has to be replaced. */
export const REVOCATION = 100 * DAY;

/** Between two attempts while the CA cannot be reached, and after it has refused some: with what is added at random. */
const BETWEEN_PASSES = 11 * 60_000;
const BETWEEN_REFUSALS = 1.1 * DAY;

function whenDue(what: Outage['what'], lasts: number): Pick<Scenario, 'outages' | 'takes'> {
  const between = what === 'ca' ? BETWEEN_PASSES : BETWEEN_REFUSALS;
  return {
    outages: [{ what, at: 'due', lasts }],
    takes: (lifetime) => lifetime / 100 + lasts + between,
  };
}

/** So many outages, whenever. */
function anyTime(what: Outage['what'], lasts: number, count: number, seed: number): Outage {
  const random = createRandom(seed);
  return { what, at: Array.from({ length: count }, () => random() * 365 * DAY), lasts };
}

function isWithin(time: number, from: number, days: number): boolean {
  return time >= from * DAY && time < (from + days) * DAY;
}

/** One issuance in each: what a loop comes to. */
function distance(lifetime: number): number {
  return Math.max(36 * HOUR, lifetime / 6);
}

function ageWhenDue(lifetime: number): number {
  return lifetime - leftWhenDue(lifetime);
}

const margin = (lifetime: number) => lifetime / 100;
const advised = { advice: usual, takes: margin };

const quiet: readonly Scenario[] = [
  { title: 'nothing', ...advised },
  {
    title: 'windows of two days',
    advice: twoDays,
    takes: () => DAY,
    keeps: (lifetime) => ageWhenDue(lifetime) - DAY,
  },
  { title: 'a CA without advice' },
];

const outages: readonly Scenario[] = [
  {
    title: 'CA out for 6 hours, 30 times',
    advice: usual,
    outages: [anyTime('ca', 6 * HOUR, 30, 1)],
    takes: (lifetime) => margin(lifetime) + 6 * HOUR + BETWEEN_PASSES,
  },
  {
    title: 'CA out for 5 days, 6 times',
    outages: [anyTime('ca', 5 * DAY, 6, 2)],
    takes: () => 5 * DAY + BETWEEN_PASSES,
    isTooLongForShort: true,
  },
  { title: 'CA out for 2 days when due', advice: usual, ...whenDue('ca', 2 * DAY) },
  { title: 'CA out for 5 days when due', advice: usual, ...whenDue('ca', 5 * DAY), isTooLongForShort: true },
  { title: 'the same without advice', ...whenDue('ca', 5 * DAY), isTooLongForShort: true },
  { title: 'DNS out for 6 hours when due', advice: usual, ...whenDue('dns', 6 * HOUR) },
  { title: 'DNS out for 2 days when due', ...whenDue('dns', 2 * DAY) },
  {
    title: 'DNS out for 5 days when due',
    advice: usual,
    ...whenDue('dns', 5 * DAY),
    isTooLongForShort: true,
  },
];

const advice: readonly Scenario[] = [
  {
    title: 'advice out for 6 weeks, twice',
    advice: (certificate, time) =>
      isWithin(time, 50, 42) || isWithin(time, 200, 42) ? undefined : usual(certificate),
    takes: margin,
  },
  { title: 'advice is never there', advice: () => undefined },
  { title: 'advice that is a page', advice: () => '<html>' },
  { title: 'windows that end before they start', advice: ({ end }) => ({ start: end, end: end - DAY }) },
  {
    title: 'windows in ten years',
    advice: ({ end }) => ({ start: end + 3650 * DAY, end: end + 3651 * DAY }),
    takes: (lifetime) => leftWhenDue(lifetime) / 2,
  },
  {
    title: 'everything revoked on day 100',
    advice: (certificate, time) =>
      isRevoked(certificate, time, REVOCATION) ? atOnce(time) : usual(certificate),
    takes: margin,
  },
  {
    title: 'and once more on day 101',
    advice: (certificate, time) =>
      isRevoked(certificate, time, REVOCATION) || isRevoked(certificate, time, REVOCATION + DAY)
        ? atOnce(time)
        : usual(certificate),
    takes: margin,
  },
  { title: 'windows that have always just passed', advice: (_, time) => atOnce(time), keeps: distance },
  {
    title: 'the same for a CA that counts renewals',
    hasExemption: false,
    advice: (_, time) => atOnce(time),
    keeps: distance,
  },
  {
    title: 'windows that had passed at the issuance',
    advice: ({ start }) => ({ start: start - 2 * DAY, end: start - DAY }),
    keeps: (lifetime) => ageWhenDue(lifetime) / 2,
  },
];

function isRevoked({ start }: Issued, time: number, since: number): boolean {
  return time >= since && start < since;
}

/** Every twelve days the clock is wrong for three. */
const isWrong = (time: number) => Math.floor(time / (3 * DAY)) % 4 === 1;

const clocks: readonly Scenario[] = [
  {
    title: 'clock a day ahead, now and then',
    ...advised,
    clockAhead: (time) => (isWrong(time) ? DAY : 0),
    keeps: (lifetime) => ageWhenDue(lifetime) - DAY,
  },
  {
    title: 'clock a day behind, now and then',
    clockAhead: (time) => (isWrong(time) ? -DAY : 0),
    takes: () => DAY,
  },
  {
    title: 'clock a day ahead, then behind, and so on',
    advice: usual,
    clockAhead: (time) => (Math.floor(time / (2.5 * DAY)) % 2 === 0 ? DAY : -DAY),
    takes: (lifetime) => margin(lifetime) + DAY,
    keeps: (lifetime) => ageWhenDue(lifetime) - DAY,
  },
  {
    title: 'clock ahead until nearly due, for good',
    clockAhead: (_, lifetime) => 0.95 * ageWhenDue(lifetime),
    keeps: distance,
  },
];

const wishes: readonly Scenario[] = [1, 30, 60, 10_000].flatMap((daysBefore) => {
  const keeps = (lifetime: number) => {
    const lived = lifetime / (lifetime < 10 * DAY ? 2 : 3);
    return Math.min(ageWhenDue(lifetime), Math.max(lived, lifetime - daysBefore * DAY));
  };
  return [
    { title: `RENEW_DAYS_BEFORE=${daysBefore}`, daysBefore, keeps },
    { title: `RENEW_DAYS_BEFORE=${daysBefore}, with advice`, daysBefore, keeps, ...advised },
  ];
});

const together: readonly Scenario[] = [
  {
    title: 'all of it, RENEW_DAYS_BEFORE=10000',
    daysBefore: 10_000,
    advice: (certificate, time) => {
      const week = Math.floor(time / (7 * DAY)) % 4;
      return [usual(certificate), undefined, atOnce(time), '<html>'][week];
    },
    outages: [{ what: 'dns', at: 'due', lasts: 12 * HOUR }, anyTime('ca', 12 * HOUR, 20, 3)],
    clockAhead: (time) => (isWrong(time) ? -DAY : 0),
    takes: (lifetime) => margin(lifetime) + DAY + 24 * HOUR + BETWEEN_REFUSALS + BETWEEN_PASSES,
    keeps: distance,
  },
];

/** The years that are gone through. */
export const scenarios: readonly Scenario[] = [
  ...quiet,
  ...outages,
  ...advice,
  ...clocks,
  ...wishes,
  ...together,
];
