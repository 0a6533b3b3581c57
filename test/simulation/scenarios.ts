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

/** From this time on the CA advises to replace every certificate issued before. */
export const REVOCATION = 100 * DAY;

/**
 * The longest time between two attempts, including jitter: while the CA is unreachable, and after
 * refusals.
 */
const RETRY_UNREACHABLE = 11 * 60_000;
const RETRY_REFUSED = 1.1 * DAY;

function whenDue(what: Outage['what'], lasts: number): Pick<Scenario, 'outages' | 'mayLose'> {
  const between = what === 'ca' ? RETRY_UNREACHABLE : RETRY_REFUSED;
  return {
    outages: [{ what, at: 'due', lasts }],
    mayLose: (lifetime) => lifetime / 100 + lasts + between,
  };
}

/** `count` outages at random times. */
function anyTime(what: Outage['what'], lasts: number, count: number, seed: number): Outage {
  const random = createRandom(seed);
  return { what, at: Array.from({ length: count }, () => random() * 365 * DAY), lasts };
}

function isWithin(time: number, from: number, days: number): boolean {
  return time >= from * DAY && time < (from + days) * DAY;
}

/** The shortest time between two issuances that the policy permits. */
function permittedInterval(lifetime: number): number {
  return Math.max(36 * HOUR, lifetime / 6);
}

function ageWhenDue(lifetime: number): number {
  return lifetime - leftWhenDue(lifetime);
}

const margin = (lifetime: number) => lifetime / 100;
const advised = { advice: usual, mayLose: margin };

const quiet: readonly Scenario[] = [
  { title: 'no fault', ...advised },
  {
    title: 'windows of two days',
    advice: twoDays,
    mayLose: () => DAY,
    minInterval: (lifetime) => ageWhenDue(lifetime) - DAY,
  },
  { title: 'a CA without advice' },
];

const outages: readonly Scenario[] = [
  {
    title: 'CA out for 6 hours, 30 times',
    advice: usual,
    outages: [anyTime('ca', 6 * HOUR, 30, 1)],
    mayLose: (lifetime) => margin(lifetime) + 6 * HOUR + RETRY_UNREACHABLE,
  },
  {
    title: 'CA out for 5 days, 6 times',
    outages: [anyTime('ca', 5 * DAY, 6, 2)],
    mayLose: () => 5 * DAY + RETRY_UNREACHABLE,
    expiresShortLived: true,
  },
  { title: 'CA out for 2 days when due', advice: usual, ...whenDue('ca', 2 * DAY) },
  { title: 'CA out for 5 days when due', advice: usual, ...whenDue('ca', 5 * DAY), expiresShortLived: true },
  { title: 'CA out for 5 days when due, without advice', ...whenDue('ca', 5 * DAY), expiresShortLived: true },
  { title: 'DNS out for 6 hours when due', advice: usual, ...whenDue('dns', 6 * HOUR) },
  { title: 'DNS out for 2 days when due', ...whenDue('dns', 2 * DAY) },
  {
    title: 'DNS out for 5 days when due',
    advice: usual,
    ...whenDue('dns', 5 * DAY),
    expiresShortLived: true,
  },
];

const advice: readonly Scenario[] = [
  {
    title: 'no advice for 6 weeks, twice',
    advice: (certificate, time) =>
      isWithin(time, 50, 42) || isWithin(time, 200, 42) ? undefined : usual(certificate),
    mayLose: margin,
  },
  { title: 'advice never available', advice: () => undefined },
  { title: 'advice that is HTML', advice: () => '<html>' },
  { title: 'windows that end before they start', advice: ({ end }) => ({ start: end, end: end - DAY }) },
  {
    title: 'windows ten years ahead',
    advice: ({ end }) => ({ start: end + 3650 * DAY, end: end + 3651 * DAY }),
    mayLose: (lifetime) => leftWhenDue(lifetime) / 2,
  },
  {
    title: 'everything revoked on day 100',
    advice: (certificate, time) =>
      isRevoked(certificate, time, REVOCATION) ? atOnce(time) : usual(certificate),
    mayLose: margin,
  },
  {
    title: 'everything revoked on days 100 and 101',
    advice: (certificate, time) =>
      isRevoked(certificate, time, REVOCATION) || isRevoked(certificate, time, REVOCATION + DAY)
        ? atOnce(time)
        : usual(certificate),
    mayLose: margin,
  },
  {
    title: 'windows that have always just ended',
    advice: (_, time) => atOnce(time),
    minInterval: permittedInterval,
  },
  {
    title: 'always ended, and the CA counts renewals',
    hasExemption: false,
    advice: (_, time) => atOnce(time),
    minInterval: permittedInterval,
  },
  {
    title: 'windows that ended before the issuance',
    advice: ({ start }) => ({ start: start - 2 * DAY, end: start - DAY }),
    minInterval: (lifetime) => ageWhenDue(lifetime) / 2,
  },
];

function isRevoked({ start }: Issued, time: number, since: number): boolean {
  return time >= since && start < since;
}

/** The clock is wrong for three days out of twelve. */
const isWrong = (time: number) => Math.floor(time / (3 * DAY)) % 4 === 1;

const clocks: readonly Scenario[] = [
  {
    title: 'clock sometimes a day ahead',
    ...advised,
    clockAhead: (time) => (isWrong(time) ? DAY : 0),
    minInterval: (lifetime) => ageWhenDue(lifetime) - DAY,
  },
  {
    title: 'clock sometimes a day behind',
    clockAhead: (time) => (isWrong(time) ? -DAY : 0),
    mayLose: () => DAY,
  },
  {
    title: 'clock alternately a day ahead and behind',
    advice: usual,
    clockAhead: (time) => (Math.floor(time / (2.5 * DAY)) % 2 === 0 ? DAY : -DAY),
    mayLose: (lifetime) => margin(lifetime) + DAY,
    minInterval: (lifetime) => ageWhenDue(lifetime) - DAY,
  },
  {
    title: 'clock ahead until nearly due, permanently',
    clockAhead: (_, lifetime) => 0.95 * ageWhenDue(lifetime),
    minInterval: permittedInterval,
  },
];

const settings: readonly Scenario[] = [1, 30, 60, 10_000].flatMap((daysBefore) => {
  const minInterval = (lifetime: number) => {
    const minAge = lifetime / (lifetime < 10 * DAY ? 2 : 3);
    return Math.min(ageWhenDue(lifetime), Math.max(minAge, lifetime - daysBefore * DAY));
  };
  return [
    { title: `RENEW_DAYS_BEFORE=${daysBefore}`, daysBefore, minInterval },
    { title: `RENEW_DAYS_BEFORE=${daysBefore}, with advice`, daysBefore, minInterval, ...advised },
  ];
});

const together: readonly Scenario[] = [
  {
    title: 'all of these, RENEW_DAYS_BEFORE=10000',
    daysBefore: 10_000,
    advice: (certificate, time) => {
      const week = Math.floor(time / (7 * DAY)) % 4;
      return [usual(certificate), undefined, atOnce(time), '<html>'][week];
    },
    outages: [{ what: 'dns', at: 'due', lasts: 12 * HOUR }, anyTime('ca', 12 * HOUR, 20, 3)],
    clockAhead: (time) => (isWrong(time) ? -DAY : 0),
    mayLose: (lifetime) => margin(lifetime) + DAY + 24 * HOUR + RETRY_REFUSED + RETRY_UNREACHABLE,
    minInterval: permittedInterval,
  },
];

/** The simulated years. */
export const scenarios: readonly Scenario[] = [
  ...quiet,
  ...outages,
  ...advice,
  ...clocks,
  ...settings,
  ...together,
];
