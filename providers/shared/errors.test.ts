import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import { summarize, unreachable } from './errors.ts';

const operation = {
  title: 'Linode',
  doing: 'list the domains',
  baseUrl: 'https://api.example/v4',
  secrets: [new Secret('t0ken')],
};
const failure = (code: string, words = 'its words') => Object.assign(new Error(words), { code });

test('the error for a call without a response has its cause, and the hint for that cause', () => {
  const thrown = failure('ENOTFOUND');
  const { code, cause, details, hint } = unreachable(operation, thrown);
  assert.deepEqual([code, cause], ['PROVIDER_UNREACHABLE', thrown]);
  assert.deepEqual(details, { reason: 'name-not-found', host: 'api.example' });
  const others = [new Error('odd'), failure('SELF_SIGNED_CERT_IN_CHAIN')];
  assert.equal(new Set([hint, ...others.map((other) => unreachable(operation, other).hint)]).size, 3);
});

test('an unknown failure has the general hint', () => {
  const { details, hint } = unreachable(operation, new Error('odd'));
  assert.deepEqual(details, { reason: 'unknown', host: 'api.example' });
  assert.equal(hint, unreachable(operation, undefined).hint);
});

test('a failure of the proxy determines message, hint and details', () => {
  const trouble = {
    kind: 'proxy-forbids-host',
    proxy: 'proxy.example:3128',
    status: 403,
    problem: 'the proxy says no',
    hint: 'Ask the proxy.',
  } as const;
  const error = unreachable(operation, failure('ECONNRESET'), trouble);
  assert.ok(error.message.endsWith(trouble.problem), error.message);
  assert.equal(error.hint, trouble.hint);
  assert.deepEqual(error.details, {
    reason: 'proxy-forbids-host',
    proxy: 'proxy.example:3128',
    status: 403,
  });
});

test('the message contains no secret', () =>
  assert.ok(!unreachable(operation, failure('EPROTO', 'what is t0ken?')).message.includes('t0ken')));

test('a list is summarized after its first items', () => {
  assert.equal(summarize(['a', 'b']), 'a, b');
  assert.equal(summarize(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
  assert.equal(summarize(['a', 'b', 'c'], 2, '; '), 'a; b; and 1 more');
});
