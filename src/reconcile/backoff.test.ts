import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemError, readProblem } from '../acme/problem.ts';
import { IngressError } from '../errors.ts';
import { retryAfter } from './backoff.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const unreachable = new IngressError('PROVIDER_UNREACHABLE', 'gone');
const refused = new IngressError('ACME_ORDER_FAILED', 'no');

test('what costs nothing is tried again after 5 seconds, doubling to 10 minutes', () => {
  const waits = [1, 2, 3, 8, 99].map((passes) => retryAfter(unreachable, { passes, refusals: 0 }, 0).passMs);
  assert.deepEqual(waits, [5 * SECOND, 10 * SECOND, 20 * SECOND, 10 * MINUTE, 10 * MINUTE]);
  assert.equal(retryAfter(unreachable, { passes: 1, refusals: 0 }, 0).orderMs, 0);
});

test('what the CA refused is tried again after 1, 10, 100 minutes, then daily', () => {
  const waits = [1, 2, 3, 4, 9].map((refusals) => retryAfter(refused, { passes: refusals, refusals }, 0));
  assert.deepEqual(
    waits.map(({ orderMs }) => orderMs),
    [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY, DAY],
  );
  for (const { passMs, orderMs } of waits) assert.ok(passMs >= orderMs);
});

test('Retry-After is never undercut', () => {
  const limited = problemError(readProblem({ type: 'urn:ietf:params:acme:error:rateLimited' }, 429), 3 * DAY);
  assert.deepEqual(retryAfter(limited, { passes: 1, refusals: 1 }, 0), { passMs: 3 * DAY, orderMs: 3 * DAY });
  const slowDown = new IngressError('PROVIDER_RATE_LIMITED', 'slow', { retryAfterMs: 300 * SECOND });
  assert.equal(retryAfter(slowDown, { passes: 1, refusals: 0 }, 0).passMs, 300 * SECOND);
});

test('many containers do not come back at the same moment', () => {
  assert.notEqual(retryAfter(refused, { passes: 1, refusals: 1 }, 0.9).orderMs, MINUTE);
});

test('an account that the CA forgot is registered again soon', () => {
  const gone = problemError(
    readProblem({ type: 'urn:ietf:params:acme:error:accountDoesNotExist' }, 400),
    undefined,
  );
  assert.deepEqual(retryAfter(gone, { passes: 1, refusals: 0 }, 0), { passMs: 5 * SECOND, orderMs: 0 });
});
