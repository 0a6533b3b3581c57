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
    assert.ok(error.message.includes(message) && error.message.includes(`code ${code}`), error.message);
    assert.deepEqual(error.details, { status, code, ray: '8f-AMS' });
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
  test(`${status} with ${JSON.stringify(body)} is ${expected}`, () => {
    const error = refused(status, body);
    assert.equal(error.code, expected);
    assert.match(error.message, new RegExp(`HTTP ${status}`));
  });
}

test('a root cause goes before the error that wraps it', () => {
  const error_chain = [{ code: 9021, message: 'Invalid TTL' }];
  assert.match(
    refused(400, [{ code: 1004, message: 'DNS Validation Error', error_chain }]).message,
    /Invalid TTL/,
  );
});

test('a malformed header says that the token is none', () => {
  const error_chain = [{ code: 6111, message: 'Invalid format for Authorization header' }];
  const error = refused(400, [{ code: 6003, message: 'Invalid request headers', error_chain }]);
  assert.match(error.hint, /is not a token/);
});

test('a missing permission is named, with the place to give it', () => {
  const { hint } = refused(403, [{ code: 10000, message: 'Authentication error' }]);
  assert.match(hint, /Zone \/ Zone \/ Read/);
  assert.match(hint, /dash\.cloudflare\.com > My Profile > API Tokens/);
});

test('a rate limit carries the time to wait', () => {
  assert.equal(refused(429, undefined, { 'retry-after': '300' }).retryAfterMs, 300_000);
  assert.equal(refused(429, undefined).retryAfterMs, undefined);
});

test('a network failure is told by its root, in plain words', () => {
  const root = Object.assign(new Error('connect ECONNREFUSED 192.0.2.1:443'), { code: 'ECONNREFUSED' });
  const cause = new Error('Connection error.', { cause: new TypeError('fetch failed', { cause: root }) });
  const error = toIngressError(failedCall(cause), asked, NOW);
  assert.equal(error.code, 'PROVIDER_UNREACHABLE');
  const why =
    /list the zones: api\.example refused the connection \(connect ECONNREFUSED 192\.0\.2\.1:443\)$/;
  assert.match(error.message, why);
  assert.match(error.hint, /Check that the API of Cloudflare runs at this URL, and that no firewall/);
});

test('the words of the other side are short, plain and without the token', () => {
  const { message } = refused(400, [{ code: 1, message: `\u001b[31mBearer t0ken\n${'x'.repeat(5000)}` }]);
  assert.ok(message.length < 400);
  assert.ok(!message.includes('t0ken'));
  assert.doesNotMatch(message, /[\u0000-\u001f]/);
});

test('only what another look settles is stale', () => {
  const stale = refusals.filter(([status, code, message]) => isStale(refused(status, [{ code, message }])));
  assert.deepEqual(
    stale.map(([, code]) => code),
    [81057, 81058, 81044],
  );
  assert.equal(isStale(new Error('other')), false);
});

test('a bad answer says what was asked', () => {
  const { code, message } = badAnswer(asked, 'HTML');
  assert.deepEqual(
    [code, message],
    ['PROVIDER_BAD_ANSWER', 'Cloudflare was asked to list the zones and answered HTML'],
  );
});
