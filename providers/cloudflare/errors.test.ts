import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { badAnswer, failedCall, isStale, type Operation, toIngressError } from './errors.ts';

const NOW = new Date('2026-01-02T03:04:05Z');
const asked: Operation = {
  doing: 'list the zones',
  permission: 'Zone / Zone / Read',
  baseUrl: 'https://api.example/client/v4',
  token: new Secret('t0ken'),
};

function refused(status: number, errors: unknown, headers: Record<string, string> = {}) {
  const body = Array.isArray(errors) ? { success: false, errors } : errors;
  return toIngressError({ status, headers: new Headers(headers), body, cause: undefined }, asked, NOW);
}

const refusals: readonly (readonly [status: number, code: number, message: string, expected: ErrorCode])[] = [
  [400, 6003, 'Invalid request headers', 'PROVIDER_CREDENTIALS_REJECTED'],
  [401, 1000, 'Invalid API Token', 'PROVIDER_CREDENTIALS_REJECTED'],
  [401, 10000, 'Authentication error', 'PROVIDER_CREDENTIALS_REJECTED'],
  [400, 9106, 'Authentication failed', 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, 9109, 'Invalid access token', 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, 9109, 'Cannot use the access token from location: 192.0.2.1', 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, 9109, 'Unauthorized to access requested resource', 'PROVIDER_PERMISSION_MISSING'],
  [403, 10000, 'Authentication error', 'PROVIDER_PERMISSION_MISSING'],
  [403, 0, 'Actor requires permission to list zones', 'PROVIDER_PERMISSION_MISSING'],
  [404, 1001, 'Invalid zone identifier', 'ZONE_NOT_FOUND'],
  [400, 7003, 'Could not route to /zones/x', 'ZONE_NOT_FOUND'],
  [400, 1001, 'method_not_allowed', 'PROVIDER_REJECTED'],
  [400, 81053, 'An A, AAAA, or CNAME record with that host already exists.', 'PROVIDER_CONFLICT'],
  [400, 81054, 'A CNAME record with that host already exists.', 'PROVIDER_CONFLICT'],
  [400, 81057, 'Record already exists.', 'PROVIDER_CONFLICT'],
  [400, 81058, 'An identical record already exists.', 'PROVIDER_CONFLICT'],
  [404, 81044, 'Record does not exist.', 'PROVIDER_CONFLICT'],
  [400, 9021, 'TTL must be between 60 and 86400 seconds', 'PROVIDER_REJECTED'],
  [429, 971, 'Please wait', 'PROVIDER_RATE_LIMITED'],
  [500, 10013, 'An unknown error occurred', 'PROVIDER_UNAVAILABLE'],
  [503, 9106, 'a known number in a failure of the API itself', 'PROVIDER_UNAVAILABLE'],
];
for (const [status, code, message, expected] of refusals) {
  test(`${status} ${code} ${message} is ${expected}`, () => {
    const error = refused(status, [{ code, message }], { 'cf-ray': '8f-AMS' });
    assert.equal(error.code, expected);
    assert.ok(error.message.includes(message), 'Cloudflare’s message is missing');
    const { reason: _, permission: __, ...details } = error.details;
    assert.deepEqual(details, { status, code, ray: '8f-AMS' });
  });
}

const bare: readonly (readonly [status: number, body: unknown, expected: ErrorCode])[] = [
  [401, undefined, 'PROVIDER_CREDENTIALS_REJECTED'],
  [403, undefined, 'PROVIDER_BAD_ANSWER'],
  [404, { errors: [] }, 'PROVIDER_BAD_ANSWER'],
  [400, { errors: 'none' }, 'PROVIDER_BAD_ANSWER'],
  [429, undefined, 'PROVIDER_RATE_LIMITED'],
  [502, undefined, 'PROVIDER_UNAVAILABLE'],
];
for (const [status, body, expected] of bare) {
  test(`${status} with the body ${JSON.stringify(body)} is ${expected}`, () => {
    const error = refused(status, body);
    assert.equal(error.code, expected);
    assert.equal(error.details['status'], status);
    assert.equal(error.details['code'], undefined);
  });
}

test('a root cause takes precedence over the error that wraps it', () => {
  const error_chain = [{ code: 9021, message: 'Invalid TTL' }];
  const error = refused(400, [{ code: 1004, message: 'DNS Validation Error', error_chain }]);
  assert.equal(error.details['code'], 9021);
  assert.ok(error.message.includes('Invalid TTL'), 'Cloudflare’s message is missing');
});

test('an address that is not allowed, a malformed token and a rejected one have different reasons', () => {
  const reasons = [
    [403, 9109, 'Cannot use the access token from location: 192.0.2.1'],
    [400, 6003, 'Invalid request headers'],
    [401, 1000, 'Invalid API Token'],
  ].map(([status, code, message]) => refused(Number(status), [{ code, message }]));
  assert.deepEqual(
    reasons.map(({ details }) => details['reason']),
    ['address-not-allowed', 'token-malformed', 'token-rejected'],
  );
  assert.equal(new Set(reasons.map(({ hint }) => hint)).size, 3);
});

test('a malformed header means that the token is malformed', () => {
  const error_chain = [{ code: 6111, message: 'Invalid format for Authorization header' }];
  const error = refused(400, [{ code: 6003, message: 'Invalid request headers', error_chain }]);
  assert.deepEqual(error.details, { status: 400, code: 6111, reason: 'token-malformed' });
});

test('a missing permission is named', () => {
  const { details } = refused(403, [{ code: 10000, message: 'Authentication error' }]);
  assert.deepEqual(details, { status: 403, code: 10000, permission: 'Zone / Zone / Read' });
});

test('Retry-After becomes the error’s pause', () => {
  assert.equal(refused(429, undefined, { 'retry-after': '300' }).retryAfterMs, 300_000);
  assert.equal(refused(429, undefined).retryAfterMs, undefined);
});

test('a network failure is classified by its root cause', () => {
  const root = Object.assign(new Error('connect ECONNREFUSED 192.0.2.1:443'), { code: 'ECONNREFUSED' });
  const cause = new Error('Connection error.', { cause: new TypeError('fetch failed', { cause: root }) });
  const error = toIngressError(failedCall(cause), asked, NOW);
  assert.equal(error.code, 'PROVIDER_UNREACHABLE');
  assert.deepEqual(error.details, { reason: 'connection-refused', host: 'api.example' });
  assert.ok(error.message.includes(root.message), 'the message of the root cause is missing');
});

test('a server’s message is shortened, and contains no control characters and no token', () => {
  const { message } = refused(400, [{ code: 1, message: `\u001b[31mBearer t0ken\n${'x'.repeat(5000)}` }]);
  assert.ok(message.length < 400);
  assert.ok(!message.includes('t0ken'));
  assert.doesNotMatch(message, /[\u0000-\u001f]/);
});

test('only a failure that another read resolves is stale', () => {
  const stale = refusals.filter(([status, code, message]) => isStale(refused(status, [{ code, message }])));
  assert.deepEqual(
    stale.map(([, code]) => code),
    [81057, 81058, 81044],
  );
  assert.equal(isStale(new Error('other')), false);
});

test('an undocumented response is PROVIDER_BAD_ANSWER', () =>
  assert.equal(badAnswer(asked, 'HTML').code, 'PROVIDER_BAD_ANSWER'));
