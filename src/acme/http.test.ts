import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { createHttpContext } from './http.ts';

const URL_ = 'https://ca.example/order/1';
const HOUR = 3_600_000;

function setUp() {
  const clock = createFakeClock(new Date('2026-11-24T10:00:00Z'));
  const http = createHttpContext('dstack-ingress/test', clock);
  const observe = (headers: Record<string, string>, url = URL_) =>
    http.observe({ url, headers, sentAt: clock.now() });
  return { clock, http, observe };
}

test('nothing is known before the first response', () => {
  const { http } = setUp();
  assert.deepEqual(
    [http.skewMs(), http.lastResponseAt(), http.retryAfterMs(URL_)],
    [undefined, undefined, undefined],
  );
});

test('the skew comes from the last response with a Date header', () => {
  const { clock, http, observe } = setUp();
  observe({ date: 'Tue, 24 Nov 2026 12:00:00 GMT' });
  assert.equal(http.skewMs(), 2 * HOUR);
  observe({ date: 'Tue, 24 Nov 2026 11:00:00 GMT' });
  assert.equal(http.skewMs(), HOUR);
  clock.set(new Date('2026-11-24T11:30:00Z'));
  observe({});
  assert.equal(http.skewMs(), HOUR);
  assert.deepEqual(http.lastResponseAt(), clock.now());
});

test('a slow response is dated halfway between request and receipt', () => {
  const { clock, http } = setUp();
  const sent = clock.now();
  clock.set(new Date(sent.getTime() + 4000));
  http.observe({ url: URL_, sentAt: sent, headers: { date: 'Tue, 24 Nov 2026 10:00:02 GMT' } });
  assert.equal(http.skewMs(), 0);
});

test('Retry-After is kept per URL until a response without it', () => {
  const { http, observe } = setUp();
  assert.equal(observe({ 'retry-after': '7' }), 7000);
  assert.equal(http.retryAfterMs(URL_), 7000);
  assert.equal(observe({}, 'https://ca.example/order/2'), undefined);
  assert.equal(http.retryAfterMs(URL_), 7000);
  assert.equal(observe({}), undefined);
  assert.equal(http.retryAfterMs(URL_), undefined);
});

test('a date in Retry-After is by the CA’s clock', () => {
  const { observe } = setUp();
  const end = { 'retry-after': 'Tue, 24 Nov 2026 12:01:00 GMT' };
  assert.equal(observe({ ...end, date: 'Tue, 24 Nov 2026 12:00:00 GMT' }), 60_000);
  assert.equal(observe(end), 2 * HOUR + 60_000);
});
