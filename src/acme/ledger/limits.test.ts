import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEntry, NewEntry } from './entries.ts';
import { historyOf } from './history.ts';
import { isDeferral, limitsOf, orRefusal, type Step, whenAllowed } from './limits.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse('2026-11-24T00:00:00.000Z');
const NAMES = ['app.example.com'];
const PRODUCTION = 'https://acme-v02.api.letsencrypt.org/directory';
const STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';
const PRIVATE = 'https://ca.example/directory';
const CAS = [PRODUCTION, STAGING, PRIVATE];

const moment = (ms: number) => new Date(START + ms);
const entry = (ms: number, draft: NewEntry): LedgerEntry => ({ at: moment(ms).toISOString(), ...draft });
const repeat = (count: number, make: (index: number) => LedgerEntry | LedgerEntry[]) =>
  Array.from({ length: count }, (_, index) => make(index)).flat();

function check(entries: LedgerEntry[], now: number, directoryUrl = PRIVATE, more: Partial<Step> = {}) {
  const deferral = whenAllowed({
    ...{ history: historyOf(entries), names: NAMES, registeredDomains: ['example.com'] },
    ...{ step: 'order', replaces: false, limits: limitsOf(directoryUrl), now: moment(now) },
    ...more,
  });
  return (
    deferral && { ms: deferral.until.getTime() - START, limit: deferral.limit, failure: deferral.failure }
  );
}

const failing = (index: number) =>
  entry(index * MINUTE, { event: 'validate', attempt: `f${index}`, names: NAMES });
const finalizing = (index: number, names = NAMES, everyMs = HOUR) =>
  entry(index * everyMs, { event: 'finalize', attempt: `i${index}-${names}`, names });
const ordering = (index: number, everyMs: number, replaces?: string, names = NAMES) =>
  entry(index * everyMs, { event: 'order', attempt: `o${index}`, names, ...(replaces && { replaces }) });

test('with an empty ledger, everything is allowed', () => {
  for (const url of CAS)
    for (const step of ['order', 'validate'] as const) assert.equal(check([], 0, url, { step }), undefined);
});

for (const url of [PRODUCTION, PRIVATE])
  test(`a name may have 4 failed authorizations in any hour: ${url}`, () => {
    for (const step of ['order', 'validate'] as const) {
      assert.equal(check(repeat(3, failing), 4 * MINUTE, url, { step }), undefined);
      assert.deepEqual(check(repeat(4, failing), 4 * MINUTE, url, { step }), {
        ...{ ms: HOUR, limit: 'failed-authorizations', failure: undefined },
      });
      assert.equal(check(repeat(4, failing), HOUR, url, { step }), undefined);
    }
  });

test('failures of another name do not defer this one; failures of one name defer its whole set', () => {
  const entries = repeat(4, failing);
  assert.equal(check(entries, 5 * MINUTE, PRIVATE, { names: ['www.example.com'] }), undefined);
  assert.equal(check(entries, 5 * MINUTE, PRIVATE, { names: ['a.example.com', ...NAMES] })?.ms, HOUR);
});

test('exactly the same names may have 4 certificates in any 7 days, replacements included', () => {
  for (const url of [PRODUCTION, PRIVATE])
    for (const replaces of [false, true])
      for (const step of ['order', 'validate'] as const) {
        const entries = repeat(4, (index) => finalizing(index));
        assert.equal(check(entries.slice(1), 5 * HOUR, url, { step, replaces }), undefined);
        assert.deepEqual(check(entries, 5 * HOUR, url, { step, replaces }), {
          ...{ ms: 7 * DAY, limit: 'exact-set', failure: undefined },
        });
        assert.equal(check(entries, 7 * DAY, url, { step, replaces }), undefined);
        assert.equal(
          check(entries, 5 * HOUR, url, { step, replaces, names: ['www.example.com'] }),
          undefined,
        );
      }
});

test('at a private CA, certificates that live for hours are counted over two of their lifetimes', () => {
  const entries = repeat(4, (index) => finalizing(index));
  const at = (directoryUrl: string, lifetimeMs: number | undefined) =>
    check(entries, 5 * HOUR, directoryUrl, { lifetimeMs })?.ms;
  assert.equal(at(PRIVATE, 6 * HOUR), 12 * HOUR);
  assert.equal(at(PRIVATE, 90 * DAY), 7 * DAY);
  for (const senseless of [undefined, 0, -HOUR, Number.NaN]) assert.equal(at(PRIVATE, senseless), 7 * DAY);
  // The stored certificate may come from another CA.
  assert.equal(at(PRODUCTION, 6 * HOUR), 7 * DAY);
});

test('at Let’s Encrypt a registered domain may have 45 certificates, and one more every 202 minutes', () => {
  const others = repeat(45, (index) =>
    entry(0, { event: 'finalize', attempt: `d${index}`, names: [`${index}.example.com`] }),
  );
  assert.equal(check(others.slice(1), 0, PRODUCTION), undefined);
  const deferral = check(others, MINUTE, PRODUCTION);
  assert.deepEqual([deferral?.ms, deferral?.limit], [202 * MINUTE, 'registered-domain']);
  assert.equal(check(others, MINUTE, PRODUCTION, { registeredDomains: ['example.org'] }), undefined);
  assert.equal(
    check(others, MINUTE, PRODUCTION, { registeredDomains: ['example.org', 'example.com'] })?.ms,
    202 * MINUTE,
  );
  assert.equal(check(others, MINUTE, PRODUCTION, { replaces: true }), undefined, 'a renewal is exempt');
  assert.equal(
    check(others, MINUTE, PRODUCTION, { step: 'validate' }),
    undefined,
    'its order is counted already',
  );
  for (const url of [STAGING, PRIVATE]) assert.equal(check(others, MINUTE, url), undefined);
});

test('open orders count for the registered domain before they are finalized', () => {
  const open = repeat(45, (index) =>
    entry(0, { event: 'order', attempt: `o${index}`, names: [`${index}.example.com`] }),
  );
  assert.equal(check(open, 0, PRODUCTION)?.ms, 202 * MINUTE);
});

test('at Let’s Encrypt an account may create 250 orders, and one more every 36 seconds', () => {
  const orders = repeat(250, (index) =>
    entry(0, { event: 'order', attempt: `o${index}`, names: [`${index}.example`] }),
  );
  assert.equal(check(orders.slice(1), 0, PRODUCTION), undefined);
  const deferral = check(orders, 0, PRODUCTION);
  assert.deepEqual([deferral?.ms, deferral?.limit], [36_000, 'new-orders']);
  assert.equal(check(orders, 0, PRODUCTION, { replaces: true }), undefined, 'a renewal is exempt');
  assert.equal(check(orders, 0, PRODUCTION, { step: 'validate' }), undefined);
  for (const url of [STAGING, PRIVATE]) assert.equal(check(orders, 0, url), undefined);
  const renewals = repeat(250, (index) =>
    entry(0, { event: 'order', attempt: `r${index}`, names: [`${index}.example`], replaces: 'a.1' }),
  );
  assert.equal(check(renewals, 0, PRODUCTION), undefined, 'renewals do not count');
});

test('names may have 6 fruitless orders, and then one every 5 minutes', () => {
  for (const url of [PRODUCTION, PRIVATE])
    for (const replaces of [false, true]) {
      const orders = repeat(6, (index) => ordering(index, 1000, replaces ? 'a.1' : undefined));
      assert.equal(check(orders.slice(1), 6000, url, { replaces }), undefined);
      const deferral = check(orders, 6000, url, { replaces });
      assert.deepEqual([deferral?.ms, deferral?.limit], [5 * MINUTE, 'fruitless-orders']);
      assert.equal(check(orders, 6000, url, { replaces, step: 'validate' }), undefined);
    }
});

test('a program that crashes after each order and restarts at once creates 6 orders, and 12 more per hour', () => {
  const orders: LedgerEntry[] = [];
  for (let now = 0; now < 2 * HOUR; now += 10_000) {
    if (check(orders, now)) continue;
    orders.push(entry(now, { event: 'order', attempt: `o${now}`, names: NAMES }));
  }
  assert.equal(orders.length, 6 + 2 * 12 - 1);
});

test('retries after 5, 10, 20 … seconds, up to 10 minutes, are never deferred', () => {
  const pauses = Array.from({ length: 20 }, (_, index) => Math.min(5000 * 2 ** index, 10 * MINUTE));
  const orders: LedgerEntry[] = [];
  let now = 0;
  for (const pause of pauses) {
    assert.equal(check(orders, now), undefined, `after ${now / MINUTE} min`);
    orders.push(entry(now, { event: 'order', attempt: `o${now}`, names: NAMES }));
    now += pause;
  }
});

test('orders that lead to certificates do not count as fruitless', () => {
  const lifetimeMs = 6 * MINUTE;
  const entries = repeat(30, (index) => [
    entry(index * 4 * MINUTE, { event: 'order', attempt: `o${index}`, names: NAMES }),
    entry(index * 4 * MINUTE, { event: 'finalize', attempt: `o${index}`, names: NAMES }),
    entry(index * 4 * MINUTE, {
      event: 'issued',
      attempt: `o${index}`,
      names: NAMES,
      serial: '1',
      notAfter: moment(DAY).toISOString(),
    }),
  ]);
  assert.equal(check(entries, 120 * MINUTE, PRIVATE, { lifetimeMs }), undefined);
});

test('staging has far higher limits', () => {
  assert.equal(
    check(
      repeat(58, () => entry(0, { event: 'failed', names: NAMES, code: 'X', refused: true, invalid: NAMES })),
      0,
      STAGING,
    ),
    undefined,
  );
  assert.equal(
    check(
      repeat(59, () => entry(0, { event: 'failed', names: NAMES, code: 'X', refused: true, invalid: NAMES })),
      0,
      STAGING,
    )?.ms,
    HOUR,
  );
  assert.equal(
    check(
      repeat(999, (index) => finalizing(index, NAMES, 0)),
      0,
      STAGING,
    ),
    undefined,
  );
  assert.equal(
    check(
      repeat(1000, (index) => finalizing(index, NAMES, 0)),
      0,
      STAGING,
    )?.ms,
    7 * DAY,
  );
  assert.equal(
    check(
      repeat(59, (index) => ordering(index, 0)),
      0,
      STAGING,
    ),
    undefined,
  );
  assert.equal(
    check(
      repeat(60, (index) => ordering(index, 0)),
      0,
      STAGING,
    )?.ms,
    MINUTE,
  );
});

test('every step is deferred while the CA asked to pause, and while the names are in back-off', () => {
  const until = moment(HOUR).toISOString();
  const pause = [entry(0, { event: 'pause', until })];
  const failed = [entry(0, { event: 'failed', names: NAMES, code: 'X', refused: true, notBefore: until })];
  for (const url of CAS)
    for (const step of ['order', 'validate'] as const) {
      assert.deepEqual(check(pause, HOUR - 1, url, { step }), {
        ...{ ms: HOUR, limit: 'pause', failure: undefined },
      });
      assert.deepEqual(check(failed, HOUR - 1, url, { step }), {
        ...{ ms: HOUR, limit: 'refusal' },
        failure: { at: moment(0), code: 'X', message: undefined },
      });
      assert.equal(check([...pause, ...failed], HOUR, url, { step }), undefined);
      assert.equal(check(failed, 0, url, { step, names: ['www.example.com'] }), undefined);
      assert.equal(check(pause, 0, url, { step, names: ['www.example.com'] })?.ms, HOUR);
    }
});

test('a deferral has the last failure, with the CA’s message', () => {
  const notBefore = moment(HOUR).toISOString();
  const said = { code: 'ACME_ORDER_FAILED', message: 'no TXT record found' };
  const refusal = entry(MINUTE, { event: 'failed', names: NAMES, refused: true, notBefore, ...said });
  const failure = { at: moment(MINUTE), ...said };
  const because = (entries: LedgerEntry[], now: number) => {
    const deferral = check(entries, now);
    return [deferral?.limit, deferral?.failure];
  };
  assert.deepEqual(because([refusal], 2 * MINUTE), ['refusal', failure]);
  const refused = entry(MINUTE, { event: 'failed', names: NAMES, refused: true, ...said });
  assert.deepEqual(because([...repeat(4, failing), refused], 5 * MINUTE), ['failed-authorizations', failure]);
  const fruitless = repeat(6, (index) => ordering(index, 0));
  assert.deepEqual(because([...fruitless, refused], 2 * MINUTE), ['fruitless-orders', failure]);
  const busy = { code: 'ACME_PROBLEM', message: 'the certificate authority refuses: busy (rateLimited)' };
  const pause = entry(0, { event: 'pause', until: notBefore, ...busy });
  assert.deepEqual(because([pause], MINUTE), ['pause', { at: moment(0), ...busy }]);
});

test('orRefusal adds the last refusal to a deferral, and extends it to the end of the back-off', () => {
  const fields = { names: NAMES, refused: true, code: 'X', notBefore: moment(HOUR).toISOString() };
  const history = historyOf([entry(0, { event: 'failed', ...fields })]);
  const failure = { at: moment(0), code: 'X', message: undefined };
  const cached = (ms: number) => ({ until: moment(ms), reason: 'resolvers may have it cached' });
  const longer = orRefusal(cached(MINUTE), history, NAMES);
  assert.deepEqual([longer.until, longer.limit, longer.failure], [moment(HOUR), 'refusal', failure]);
  const shorter = orRefusal(cached(2 * HOUR), history, NAMES);
  assert.deepEqual([shorter.until, shorter.limit, shorter.failure], [moment(2 * HOUR), undefined, failure]);
  assert.deepEqual(orRefusal(cached(0), historyOf([]), NAMES), cached(0));
});

test('the longest of several deferrals is returned', () => {
  const failures = repeat(4, failing);
  const pause = (ms: number) => entry(0, { event: 'pause', until: moment(ms).toISOString() });
  assert.equal(check([...failures, pause(HOUR - 1)], 5 * MINUTE)?.limit, 'failed-authorizations');
  assert.equal(check([...failures, pause(HOUR + 1)], 5 * MINUTE)?.limit, 'pause');
  const certificates = repeat(4, (index) => finalizing(index, NAMES, 0));
  assert.equal(check([...failures, pause(HOUR + 1), ...certificates], 5 * MINUTE)?.ms, 7 * DAY);
});

test('a CA is recognized by its directory URL, in any spelling', () => {
  assert.equal(limitsOf('HTTPS://ACME-v02.api.letsencrypt.org:443/directory'), limitsOf(PRODUCTION));
  assert.notEqual(limitsOf('https://acme-v02.api.letsencrypt.org.example/directory'), limitsOf(PRODUCTION));
  assert.equal(limitsOf('https://127.0.0.1:14000/dir'), limitsOf(PRIVATE));
});

test('isDeferral distinguishes deferrals from other results', () => {
  assert.ok(isDeferral({ until: new Date(0), reason: 'not yet' }));
  for (const other of [undefined, null, {}, { reason: 'so' }, { until: 'then', reason: 'so' }, 'why'])
    assert.ok(!isDeferral(other));
});
