import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { IngressError } from '../errors.ts';
import { withRetries } from './http.ts';
import { problemError, readProblem } from './problem.ts';

const never = new AbortController().signal;
const problem = (type: string, status: number, retryAfterMs?: number) =>
  problemError(readProblem({ type: `urn:ietf:params:acme:error:${type}` }, status), retryAfterMs);

function failing(times: number, error: () => Error) {
  let calls = 0;
  const request = async () => {
    calls += 1;
    if (calls <= times) throw error();
    return calls;
  };
  return request;
}

test('badNonce is retried at once', async () => {
  const clock = createFakeClock();
  assert.equal(
    await withRetries(
      failing(20, () => problem('badNonce', 400)),
      clock,
      never,
    ),
    21,
  );
  assert.deepEqual(clock.waits, []);
});

test('badNonce is not retried forever', async () => {
  await assert.rejects(
    withRetries(
      failing(999, () => problem('badNonce', 400)),
      createFakeClock(),
      never,
    ),
  );
});

test('ACME_UNREACHABLE is retried three times, with growing pauses', async () => {
  const clock = createFakeClock();
  const unreachable = () => new IngressError('ACME_UNREACHABLE', 'gone');
  assert.equal(await withRetries(failing(3, unreachable), clock, never), 4);
  assert.deepEqual(clock.waits, [500, 1000, 2000]);
  await assert.rejects(withRetries(failing(4, unreachable), clock, never), { code: 'ACME_UNREACHABLE' });
});

test('a timeout is not retried', async () => {
  const clock = createFakeClock();
  const cause = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  const late = () => new IngressError('ACME_UNREACHABLE', 'late', { cause });
  await assert.rejects(withRetries(failing(1, late), clock, never), { code: 'ACME_UNREACHABLE', cause });
  assert.deepEqual(clock.waits, []);
});

test('a server error is retried after a short Retry-After; a long one is thrown', async () => {
  const clock = createFakeClock();
  await withRetries(
    failing(1, () => problem('serverInternal', 503, 7000)),
    clock,
    never,
  );
  assert.deepEqual(clock.waits, [7000]);
  await assert.rejects(
    withRetries(
      failing(1, () => problem('serverInternal', 503, 60_000)),
      clock,
      never,
    ),
    { retryAfterMs: 60_000 },
  );
});

for (const [type, status] of [
  ['rateLimited', 429],
  ['unauthorized', 403],
  ['malformed', 400],
] as const) {
  test(`${type} is not retried`, async () => {
    await assert.rejects(
      withRetries(
        failing(1, () => problem(type, status)),
        createFakeClock(),
        never,
      ),
      { code: 'ACME_PROBLEM' },
    );
  });
}

test('an abort ends a request that hangs', async () => {
  const abort = new AbortController();
  const hanging = withRetries(() => new Promise<never>(() => undefined), createFakeClock(), abort.signal);
  abort.abort(new Error('stopped'));
  await assert.rejects(hanging, /stopped/);
});
