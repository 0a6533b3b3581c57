import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CertificateFacts } from '../certificate.ts';
import { decideRenewal, type RenewalInputs } from './policy.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = new Date('2026-01-01T00:00:00Z');
const after = (days: number) => new Date(start.getTime() + days * DAY);
const lasting = (days: number, from = start): CertificateFacts => ({
  names: ['app.example.com'],
  serial: '01',
  fingerprint256: 'AA',
  issuer: 'CN=Test',
  notBefore: from,
  notAfter: new Date(from.getTime() + days * DAY),
});

// Not generated: a clock that is set back, and certificates that are not served.
const days = fc.constantFrom(90, 64, 45, 160 / 24, 1);
const part = fc.double({ min: 0, max: 0.999, noNaN: true });
const someWindow = fc.tuple(
  fc.double({ min: -100, max: 200, noNaN: true }),
  fc.double({ min: 0.001, max: 40, noNaN: true }),
);
const questions = fc
  .record({
    days,
    jitter: part,
    age: part,
    advice: fc.option(someWindow, { nil: undefined }),
    daysBefore: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    // Parts of the age before now.
    issued: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { maxLength: 4 }),
  })
  .map(({ days, age, advice, issued, ...rest }): RenewalInputs => {
    const now = after(days * age);
    return {
      certificate: lasting(days),
      unusable: undefined,
      now,
      ...rest,
      advice: advice && { window: { start: after(advice[0]), end: after(advice[0] + advice[1]) } },
      issuedAt: issued.map((part) => after(days * age * Math.min(part, 0.999))),
    };
  });

function lifetimeOf({ certificate = lasting(90) }: RenewalInputs): number {
  return certificate.notAfter.getTime() - certificate.notBefore.getTime();
}

test('a kept certificate becomes due exactly at the time of the decision, and stays due', () => {
  fc.assert(
    fc.property(questions, part, (question, later) => {
      const decision = decideRenewal(question);
      const at = (moment: number) => decideRenewal({ ...question, now: new Date(moment) }).action;
      const due = decision.action === 'keep' ? decision.until.getTime() : question.now.getTime();
      assert.equal(at(due + 1), 'order');
      assert.equal(at(due + 1 + later * 100 * DAY), 'order');
      if (decision.action === 'keep') assert.equal(at(due - 1), 'keep');
    }),
    { numRuns: 2000 },
  );
});

test('neither advice nor RENEW_DAYS_BEFORE defers renewal beyond the urgent time', () => {
  fc.assert(
    fc.property(questions, (question) => {
      const decision = decideRenewal({ ...question, issuedAt: question.issuedAt.slice(0, 1) });
      if (decision.action === 'order') return;
      const lifetime = lifetimeOf(question);
      const urgentAge = lifetime < 10 * DAY ? 3 / 4 : 5 / 6;
      assert.ok(decision.until.getTime() <= start.getTime() + lifetime * urgentAge + 1);
    }),
  );
});

test('a replacement that was issued now is not due at once without advice', () => {
  fc.assert(
    fc.property(questions, (question) => {
      const { now } = question;
      const lifetime = lifetimeOf(question);
      const fresh = lasting(lifetime / DAY, now);
      const issuedAt = [...question.issuedAt, now];
      const next = decideRenewal({ ...question, certificate: fresh, advice: undefined, issuedAt });
      assert.ok(next.action === 'keep' && next.until.getTime() - now.getTime() > lifetime / 4.1);
      // Advice that is in the past makes it due, but only once.
      const replaced = { ...question, certificate: fresh, issuedAt: [...issuedAt, now] };
      assert.equal(decideRenewal(replaced).action, 'keep');
    }),
    { numRuns: 2000 },
  );
});

/** Advice that could cause a loop: start and end of its window, in hours from now. */
const hostile = fc.constantFrom(
  undefined,
  ...[-9999, -1.5, -0.5, 0.5].map((start) => ({ start, end: start + 1 })),
  { start: -1000, end: 1000 },
);
const loops = fc.record({
  days: fc.constantFrom(90, 45, 160 / 24),
  advices: fc.array(hostile, { minLength: 1, maxLength: 8 }),
  daysBefore: fc.constantFrom(undefined, 10_000),
  /**
   * How far the clock is ahead (negative: behind), as a fraction of the age at which renewal is
   * due.
   */
  ahead: fc.double({ min: -1, max: 0.99, noNaN: true }),
  jitter: part,
});

test('whatever the CA advises and the clock shows, Let’s Encrypt’s limit for the same names is not exceeded', () => {
  fc.assert(
    fc.property(loops, ({ days, advices, daysBefore, ahead, jitter }) => {
      const lifetime = days * DAY;
      const offset = ahead * (days < 10 ? lifetime / 2 : (lifetime * 2) / 3);
      const issuedAt: Date[] = [];
      let certificate: CertificateFacts | undefined;
      // The CA's bucket of five, refilled every 34 hours.
      let tokens = 5;
      for (let time = start.getTime(); time < after(60).getTime(); time += HOUR, tokens += 1 / 34) {
        tokens = Math.min(tokens, 5);
        const now = new Date(time + offset);
        const hours = advices[Math.floor(time / HOUR) % advices.length];
        const advice = hours && {
          window: { start: new Date(time + hours.start * HOUR), end: new Date(time + hours.end * HOUR) },
        };
        const question = { certificate, unusable: undefined, advice, issuedAt, daysBefore, now, jitter };
        if (decideRenewal(question).action === 'keep') continue;
        assert.ok(tokens >= 1, `${issuedAt.length} issuances by ${new Date(time).toISOString()}`);
        tokens--;
        issuedAt.push(now);
        certificate = lasting(days, new Date(time));
      }
    }),
    { numRuns: 150 },
  );
});
