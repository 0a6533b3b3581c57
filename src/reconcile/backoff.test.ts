import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemError, readProblem } from '../acme/problem.ts';
import { IngressError } from '../errors.ts';
import { orderDelayMs, reconcileDelayMs } from './backoff.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const unreachable = new IngressError('PROVIDER_UNREACHABLE', 'gone');
const refused = new IngressError('ACME_ORDER_FAILED', 'no');

test('a failed run is retried after 5 seconds, doubling to 10 minutes', () => {
  const waits = [1, 2, 3, 8, 99].map((failures) => reconcileDelayMs(unreachable, failures, 0));
  assert.deepEqual(waits, [5 * SECOND, 10 * SECOND, 20 * SECOND, 10 * MINUTE, 10 * MINUTE]);
  assert.equal(orderDelayMs(unreachable, 1, 0), 0, 'it cost nothing at the CA');
});

test('a refused order is repeated after 1, 10, 100 minutes, then daily', () => {
  const waits = [1, 2, 3, 4, 9].map((refusals) => orderDelayMs(refused, refusals, 0));
  assert.deepEqual(waits, [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY, DAY]);
});

test('a wait is never shorter than Retry-After', () => {
  const limited = problemError(readProblem({ type: 'urn:ietf:params:acme:error:rateLimited' }, 429), 3 * DAY);
  assert.equal(orderDelayMs(limited, 1, 0), 3 * DAY);
  const slowDown = new IngressError('PROVIDER_RATE_LIMITED', 'slow', { retryAfterMs: 300 * SECOND });
  assert.equal(reconcileDelayMs(slowDown, 1, 0), 300 * SECOND);
});

test('containers that fail together do not retry at the same moment', () => {
  assert.notEqual(orderDelayMs(refused, 1, 0.9), MINUTE);
  assert.notEqual(reconcileDelayMs(unreachable, 1, 0.9), 5 * SECOND);
});

test('an account that the CA no longer knows does not defer orders', () => {
  const gone = problemError(
    readProblem({ type: 'urn:ietf:params:acme:error:accountDoesNotExist' }, 400),
    undefined,
  );
  assert.deepEqual([reconcileDelayMs(gone, 1, 0), orderDelayMs(gone, 1, 0)], [5 * SECOND, 0]);
});

test('terms that have to be agreed to do not defer orders', () => {
  const given = problemError(
    readProblem({ type: 'urn:ietf:params:acme:error:userActionRequired' }, 403),
    undefined,
  );
  assert.deepEqual([reconcileDelayMs(given, 9, 0), orderDelayMs(given, 4, 0)], [10 * MINUTE, 0]);
});
