import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Secret } from '../../src/config/secret.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { badAnswer, type Operation, toIngressError } from './errors.ts';

const asked: Operation = { doing: 'create app A', subject: 'domain', token: new Secret('t0ken') };

function refused(
  status: number,
  body: unknown,
  subject: Operation['subject'] = 'domain',
  retryAfterMs?: number,
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return toIngressError({ status, text, retryAfterMs }, { ...asked, subject });
}
const errors = (reason: string, field?: string) => ({ errors: [{ reason, ...(field ? { field } : {}) }] });
const SCOPE = 'Your OAuth token is not authorized to use this endpoint.';

const refusals: readonly (readonly [
  status: number,
  reason: string,
  expected: ErrorCode,
  subject?: Operation['subject'],
])[] = [
  [401, 'Invalid Token', 'PROVIDER_CREDENTIALS_REJECTED'],
  [401, 'Invalid OAuth Token', 'PROVIDER_CREDENTIALS_REJECTED'],
  [401, SCOPE, 'PROVIDER_PERMISSION_MISSING'],
  [403, SCOPE, 'PROVIDER_PERMISSION_MISSING'],
  [403, 'Unauthorized', 'PROVIDER_PERMISSION_MISSING'],
  [404, 'Not found', 'ZONE_NOT_FOUND'],
  [404, 'Not found', 'PROVIDER_CONFLICT', 'record'],
  [404, 'Not found', 'PROVIDER_CONFLICT', 'page'],
  [400, 'Record conflict - CNAMES must be unique', 'PROVIDER_CONFLICT'],
  [400, 'Must be a valid IPv4 address', 'PROVIDER_REJECTED'],
  [429, 'Too many requests', 'PROVIDER_RATE_LIMITED'],
  [500, 'Internal Server Error', 'PROVIDER_UNAVAILABLE'],
  [503, 'The API is in maintenance mode', 'PROVIDER_UNAVAILABLE'],
];
for (const [status, reason, expected, subject] of refusals) {
  test(`${status} ${reason} about a ${subject ?? 'domain'} is ${expected}`, () => {
    const error = refused(status, errors(reason), subject);
    assert.equal(error.code, expected);
    assert.ok(error.message.includes(reason), 'Linode’s reason is missing');
    const { reason: _, ...details } = error.details;
    assert.deepEqual(details, { status });
  });
}

for (const [status, expected] of [
  [401, 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, 'PROVIDER_BAD_ANSWER'],
  [404, 'PROVIDER_BAD_ANSWER'],
  [302, 'PROVIDER_BAD_ANSWER'],
  [429, 'PROVIDER_RATE_LIMITED'],
  [502, 'PROVIDER_UNAVAILABLE'],
] as const) {
  for (const body of ['<html>', '{}', { errors: [] }]) {
    test(`${status} with the body ${JSON.stringify(body)} is ${expected}`, () => {
      const error = refused(status, body);
      assert.equal(error.code, expected);
      assert.equal(error.details['status'], status);
    });
  }
}

test('the message has every reason, with its field', () => {
  const body = {
    errors: [
      { reason: 'Too long', field: 'name' },
      { reason: 'Empty', field: 'target' },
    ],
  };
  const { message } = refused(400, body);
  for (const given of ['name: Too long', 'target: Empty'])
    assert.ok(message.includes(given), `${given} is missing`);
});

test('a rejected token, a missing scope and a missing grant have different reasons and hints', () => {
  const all = [
    refused(401, errors('Invalid Token')),
    refused(401, errors(SCOPE)),
    refused(403, errors('Unauthorized')),
  ];
  assert.deepEqual(
    all.map(({ details }) => details['reason']),
    ['token-rejected', 'token-lacks-scope', 'user-lacks-grant'],
  );
  assert.equal(new Set(all.map(({ hint }) => hint)).size, 3);
});

test('the records of a refused write are among the details', () => {
  const answer = { status: 400, text: '', retryAfterMs: undefined };
  assert.deepEqual(toIngressError(answer, { ...asked, records: ['app A'] }).details, {
    status: 400,
    records: ['app A'],
  });
});

test('Retry-After becomes the error’s pause', () =>
  assert.equal(refused(429, errors('x'), 'domain', 7000).retryAfterMs, 7000));

test('no part of the error contains the token', () => {
  const error = refused(400, errors('what is t0ken?', 't0ken'));
  assert.ok(!inspect(error, { depth: 9 }).includes('t0ken'), error.message);
});

test('an undocumented response is PROVIDER_BAD_ANSWER', () =>
  assert.equal(badAnswer(asked, 'something else').code, 'PROVIDER_BAD_ANSWER'));
