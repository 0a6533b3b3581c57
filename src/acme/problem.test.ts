import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isProblem, problemError, problemOf, readProblem, readRetryAfter } from './problem.ts';

const document = {
  type: 'urn:ietf:params:acme:error:rateLimited',
  detail: 'too many certificates',
  status: 429,
  subproblems: [
    {
      type: 'urn:ietf:params:acme:error:caa',
      detail: 'CAA forbids',
      identifier: { type: 'dns', value: 'app.example.com' },
    },
  ],
};

test('a problem keeps type, detail, status, Retry-After and subproblems', () => {
  const error = problemError(readProblem(document, 429), 5000);
  assert.equal(error.retryAfterMs, 5000);
  assert.deepEqual(problemOf(error), {
    ...document,
    subproblems: [
      { type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids', identifier: 'app.example.com' },
    ],
  });
  assert.match(error.message, /too many certificates; app\.example\.com: CAA forbids \(rateLimited\)/);
  assert.ok(isProblem(error, 'rateLimited'));
  assert.ok(!isProblem(error, 'badNonce'));
});

const oddBodies: [body: unknown, detail: string][] = [
  ['<html>Bad gateway</html>', '<html>Bad gateway</html>'],
  [undefined, 'HTTP status 502'],
  [null, 'HTTP status 502'],
  [{ detail: 7, subproblems: 'x' }, 'HTTP status 502'],
];
for (const [body, detail] of oddBodies) {
  test(`${JSON.stringify(body)} is a problem of no type`, () => {
    assert.deepEqual(readProblem(body, 502), { type: 'about:blank', detail, status: 502, subproblems: [] });
  });
}

const now = new Date('2026-11-24T00:00:00Z');
const headers: [header: unknown, ms: number | undefined][] = [
  ['120', 120_000],
  [' 0 ', 0],
  ['Tue, 24 Nov 2026 00:01:00 GMT', 60_000],
  ['Mon, 23 Nov 2026 00:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
];
for (const [header, ms] of headers) {
  test(`Retry-After: ${header} is ${ms} ms`, () => assert.equal(readRetryAfter(header, now), ms));
}

test('a rate limit comes with advice', () => {
  const problem = readProblem({ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many' }, 429);
  const { hint } = problemError(problem, 60_000);
  assert.match(hint, /tried again by itself.*Keep the certificate volume.*ACME_STAGING/);
});
