import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import { summarize, unreachable } from './errors.ts';

const asked = {
  title: 'Linode',
  doing: 'list the domains',
  baseUrl: 'https://api.example/v4',
  secrets: [new Secret('t0ken')],
};
const failure = (code: string, words = 'its words') => Object.assign(new Error(words), { code });

test('why there was no answer is said in plain words, with what to do', () => {
  const { message, hint, code } = unreachable(asked, failure('ENOTFOUND'));
  assert.equal(code, 'PROVIDER_UNREACHABLE');
  assert.equal(
    message,
    'Linode could not be asked to list the domains: the name api.example was not found (its words)',
  );
  assert.match(hint, /Check the URL for a misspelt name/);
  assert.match(
    unreachable(asked, failure('SELF_SIGNED_CERT_IN_CHAIN')).hint,
    /If the API of Linode is a private one/,
  );
});

test('what nobody knows keeps its words and the general advice', () => {
  const { message, hint } = unreachable(asked, new Error('odd'));
  assert.match(message, /: odd$/);
  assert.equal(hint, unreachable(asked, undefined).hint);
});

test('a proxy that stands between is named in the place of what the client says', () => {
  const trouble = { problem: 'the proxy says no', hint: 'Ask the proxy.' };
  const error = unreachable(asked, failure('ECONNRESET'), trouble);
  assert.match(error.message, /: the proxy says no$/);
  assert.equal(error.hint, 'Ask the proxy.');
});

test('no secret is repeated', () =>
  assert.ok(!unreachable(asked, failure('EPROTO', 'what is t0ken?')).message.includes('t0ken')));

test('a list is summarized after its first items', () => {
  assert.equal(summarize(['a', 'b']), 'a, b');
  assert.equal(summarize(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
  assert.equal(summarize(['a', 'b', 'c'], 2, '; '), 'a; b; and 1 more');
});
