import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { createHttpContext } from './http.ts';

const URL_ = 'https://ca.example/order/1';
const HOUR = 3_600_000;

function setUp() {
  const clock = createFakeClock(new Date('2026-11-24T10:00:00Z'));
  const wire = createHttpContext('dstack-ingress/test', clock);
  const hear = (headers: Record<string, string>, url = URL_) =>
    wire.observe({ url, headers, sentAt: clock.now() });
  return { clock, wire, hear };
}

test('nothing is known before there is an answer', () => {
  const { wire } = setUp();
  assert.deepEqual(
    [wire.skewMs(), wire.lastResponseAt(), wire.retryAfterMs(URL_)],
    [undefined, undefined, undefined],
  );
});

test('the skew is that of the last answer that told the time', () => {
  const { clock, wire, hear } = setUp();
  hear({ date: 'Tue, 24 Nov 2026 12:00:00 GMT' });
  assert.equal(wire.skewMs(), 2 * HOUR);
  hear({ date: 'Tue, 24 Nov 2026 11:00:00 GMT' });
  assert.equal(wire.skewMs(), HOUR);
  clock.set(new Date('2026-11-24T11:30:00Z'));
  hear({});
  assert.equal(wire.skewMs(), HOUR);
  assert.deepEqual(wire.lastResponseAt(), clock.now());
});

test('an answer that took its time is dated half way', () => {
  const { clock, wire } = setUp();
  const sent = clock.now();
  clock.set(new Date(sent.getTime() + 4000));
  wire.observe({ url: URL_, sentAt: sent, headers: { date: 'Tue, 24 Nov 2026 10:00:02 GMT' } });
  assert.equal(wire.skewMs(), 0);
});

test('a pause is kept for its URL until an answer asks for none', () => {
  const { wire, hear } = setUp();
  assert.equal(hear({ 'retry-after': '7' }), 7000);
  assert.equal(wire.retryAfterMs(URL_), 7000);
  assert.equal(hear({}, 'https://ca.example/order/2'), undefined);
  assert.equal(wire.retryAfterMs(URL_), 7000);
  assert.equal(hear({}), undefined);
  assert.equal(wire.retryAfterMs(URL_), undefined);
});

test('a pause that ends at a moment is measured by the clock that names it', () => {
  const { hear } = setUp();
  const end = { 'retry-after': 'Tue, 24 Nov 2026 12:01:00 GMT' };
  assert.equal(hear({ ...end, date: 'Tue, 24 Nov 2026 12:00:00 GMT' }), 60_000);
  assert.equal(hear(end), 2 * HOUR + 60_000);
});
