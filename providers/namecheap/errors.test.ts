import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { notUnderstood, type Operation, toIngressError, unconfirmed } from './errors.ts';

const asked: Operation = {
  doing: 'list the hosts of example.com',
  apiKey: new Secret('k3y'),
  clientIp: '192.0.2.7',
};

const refusals: readonly (readonly [number: string, message: string, code: ErrorCode])[] = [
  ['1010101', 'Parameter APIUser is missing', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1010102', 'Parameter APIKey is missing', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1011102', 'API Key is invalid or API access has not been enabled', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1011150', 'Invalid request IP: 192.0.2.7', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1011105', 'Parameter ClientIP is invalid', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1017105', 'Parameter ClientIP is disabled or locked', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1017101', 'Parameter ApiUser is disabled or locked', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1019103', 'Parameter UserName is not available', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['1016103', 'Parameter UserName is unauthorized', 'PROVIDER_CREDENTIALS_REJECTED'],
  ['2019166', 'Domain not found', 'ZONE_NOT_FOUND'],
  ['2016166', 'Domain is not associated with your account', 'ZONE_NOT_FOUND'],
  ['2030288', 'this domain is not using proper DNS servers', 'ZONE_NOT_FOUND'],
  ['2030166', 'Edit permission for domain is not supported', 'PROVIDER_PERMISSION_MISSING'],
  ['500000', 'Too many requests', 'PROVIDER_RATE_LIMITED'],
  ['1050900', 'Unknown error when validating APIUser', 'PROVIDER_UNAVAILABLE'],
  ['3050900', 'Unknown error from Enom', 'PROVIDER_UNAVAILABLE'],
  ['3031510', 'Error From Enom when Errorcount <> 0', 'PROVIDER_UNAVAILABLE'],
  ['4022288', 'Unable to get nameserver list', 'PROVIDER_UNAVAILABLE'],
  ['4013288', 'Too many records', 'PROVIDER_REJECTED'],
  ['2050900', "INVALID_ADDRESS : 'x'", 'PROVIDER_REJECTED'],
];
for (const [number, message, code] of refusals) {
  test(`${number} ${message} is ${code}`, () => {
    const error = toIngressError({ number, message }, asked);
    assert.equal(error.code, code);
    assert.equal(error.details['code'], number);
    assert.ok(error.message.includes(message), 'Namecheap’s message is missing');
  });
}

const reasons: readonly (readonly [number: string, reason: string])[] = [
  ['1011150', 'address-not-allowed'],
  ['1011105', 'address-not-allowed'],
  ['1011102', 'key-rejected'],
  ['2019166', 'domain-not-in-account'],
  ['2030288', 'other-name-servers'],
];
for (const [number, reason] of reasons) {
  test(`the reason of ${number} is ${reason}`, () =>
    assert.equal(toIngressError({ number, message: 'x' }, asked).details['reason'], reason));
}

test('each reason has a hint of its own', () => {
  const hints = reasons.map(([number]) => toIngressError({ number, message: 'x' }, asked).hint);
  assert.equal(new Set(hints).size, new Set(reasons.map(([, reason]) => reason)).size);
});

test('Namecheap’s message is shortened, and contains no control characters and no key', () => {
  const { message } = toIngressError({ number: '', message: `\u001b[31mk3y\n${'x'.repeat(5000)}` }, asked);
  assert.ok(message.length < 450 && !message.includes('k3y'));
  assert.doesNotMatch(message, /[\u0000-\u001f]|code/);
});

test('the error for an unwritable zone names the first five reasons', () => {
  const all = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
  const unwritable = all.map((words) => ({ host: undefined, reason: 'app' as const, words }));
  const { message } = notUnderstood('example.com', unwritable);
  assert.deepEqual(
    all.map((words) => message.includes(words)),
    [true, true, true, true, true, false, false],
  );
});

test('lost records take precedence over mangled and undone ones', () => {
  const verdict = { lost: ['www A 192.0.2.1'], mangled: ['x'], undone: ['y'] };
  const { code, details } = unconfirmed('example.com', verdict, '/le/backup.txt');
  assert.equal(code, 'ZONE_DAMAGED');
  assert.deepEqual(details, { lost: ['www A 192.0.2.1'], backup: '/le/backup.txt' });
});
