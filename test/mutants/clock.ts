import type { Mutant } from './mutant.ts';

const CLOCK = 'test/faults/clock.test.ts';
const JUMPS = { file: CLOCK, test: 'the ingress’s clock jumps, and is corrected later' };
const WAITS = { file: CLOCK, test: 'the clock is corrected while the ingress waits for its next attempt' };
const KILLED = {
  file: CLOCK,
  test: 'after SIGKILL the clock is wrong at the next start, and corrected later',
};

export const clocks: readonly Mutant[] = [
  {
    id: 'clock-wrong-clock-orders',
    class: 'clock',
    file: 'src/reconcile/preflight.ts',
    search:
      "  if (verdict.refuse) throw new IngressError('CLOCK_WRONG', verdict.sentence, { details: { skewMs } });\n",
    replace: '',
    killedBy: [
      { file: 'src/reconcile/preflight.test.ts' },
      {
        file: 'test/e2e/authorities.test.ts',
        test: 'while the clock is days off nothing is ordered; once it is right, one order is created',
      },
      { file: 'test/e2e/clock-jump.test.ts' },
    ],
    note: 'A certificate is ordered although the clock is days off.',
  },
  {
    id: 'clock-skew-has-wrong-sign',
    class: 'clock',
    file: 'src/acme/clock-skew.ts',
    search: 'return caTime + cachedMs - (sentAt.getTime() + receivedAt.getTime()) / 2;',
    replace: 'return (sentAt.getTime() + receivedAt.getTime()) / 2 - caTime - cachedMs;',
    killedBy: [
      { file: 'src/acme/clock-skew.test.ts' },
      {
        file: 'test/e2e/authorities.test.ts',
        test: 'while the clock is days off nothing is ordered; once it is right, one order is created',
      },
    ],
    note: 'A slow clock is reported as fast.',
  },
  {
    id: 'clock-attempt-stays-a-day-away',
    class: 'clock',
    file: 'src/reconcile/controller.ts',
    search: '    if (one.retryAt !== undefined) one.retryAt = Math.min(one.retryAt, now + one.waitMs);\n',
    replace: '',
    killedBy: [{ file: 'src/reconcile/controller.test.ts' }, WAITS],
    note: 'After a fast clock is corrected, the next attempt is a day away.',
  },
  {
    id: 'clock-interval-stays-a-day-away',
    class: 'clock',
    file: 'src/reconcile/controller.ts',
    search: '      allAt = Math.min(allAt, now + intervalMs);\n',
    replace: '',
    killedBy: [{ file: 'src/reconcile/controller.test.ts' }],
    note: 'After a fast clock is corrected, the next full reconciliation is a day away.',
  },
  {
    id: 'clock-ledger-of-the-future',
    class: 'clock',
    file: 'src/acme/ledger/entries.ts',
    search: '  if (aheadMs <= 0) return entry;\n',
    replace: '  if (aheadMs <= Number.MAX_VALUE) return entry;\n',
    killedBy: [
      KILLED,
      JUMPS,
      { file: 'src/acme/ledger/entries.test.ts' },
      { file: 'src/acme/ledger/ledger.test.ts' },
    ],
    note: 'Ledger entries written under a fast clock defer orders until their date.',
  },
  {
    id: 'clock-ledger-not-read-again',
    class: 'clock',
    file: 'src/acme/ledger/ledger.ts',
    search: '  if (state.known && state.known.lastAt <= now.getTime()) return state.known;\n',
    replace: '  if (state.known) return state.known;\n',
    killedBy: [JUMPS, { file: 'src/acme/ledger/ledger.test.ts' }],
    note: 'After its clock was set back, a running program does not re-read entries that now lie in the future.',
  },
  {
    id: 'clock-skew-of-yesterday',
    class: 'clock',
    file: 'src/acme/client.ts',
    search: 'if (ageMs < 0 || ageMs >= CLOCK_SKEW_MAX_AGE_MS)',
    replace: 'if (ageMs === Number.POSITIVE_INFINITY)',
    killedBy: [
      { file: 'test/e2e/clock-jump.test.ts' },
      { file: 'src/acme/client.test.ts' },
      { file: 'src/acme/client-answers.test.ts' },
    ],
    note: 'The clock is compared with that of the CA only once.',
  },
  {
    id: 'clock-order-expires-by-own-clock',
    class: 'clock',
    file: 'src/acme/order.ts',
    search: 'return end <= now.getTime() + skewMs ?',
    replace: 'return end <= now.getTime() + 0 * skewMs ?',
    killedBy: [JUMPS, { file: 'src/acme/order-age.test.ts' }],
    note: 'Under a clock that is a day fast every open order counts as expired, and another is created.',
  },
  {
    id: 'clock-cache-waited-out-for-a-day',
    class: 'clock',
    file: 'src/reconcile/await-zone.ts',
    search: 'Math.min(until.getTime() - clock.now().getTime(), LONGEST_CACHED_MS)',
    replace: 'until.getTime() - clock.now().getTime()',
    killedBy: [{ file: 'src/reconcile/await-zone.test.ts' }],
    note: 'After the clock was set back, the wait for resolver caches lasts as long as the clock was wrong.',
  },
  {
    id: 'clock-budget-held-for-a-day',
    class: 'clock',
    file: 'providers/shared/budget.ts',
    search: 'Math.min(Math.max(state.heldUntil, heldUntil), now() + LONGEST_HOLD_MS)',
    replace: 'Math.max(state.heldUntil, heldUntil)',
    killedBy: [{ file: 'providers/shared/budget.test.ts' }],
    note: 'After the clock was set back, the provider is not called for as long as the clock was wrong.',
  },
];
