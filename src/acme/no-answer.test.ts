import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unreachable } from './no-answer.ts';

const asked = { method: 'post', url: 'https://ca.example/new-order' };
const failure = (code: string, more: object = {}) => Object.assign(new Error('its words'), { code, ...more });

const kinds: [code: string, said: RegExp, hint: RegExp][] = [
  ['ECONNREFUSED', /ca\.example refused the connection/, /firewall/],
  ['ENOTFOUND', /the name ca\.example was not found/, /misspelt/],
  ['EAI_AGAIN', /the DNS gave no answer for ca\.example/, /container's DNS/],
  ['ETIMEDOUT', /ca\.example did not answer in time/, /outgoing network/],
  ['ENETUNREACH', /there is no route to ca\.example/, /outgoing network/],
  ['ECONNRESET', /the connection to ca\.example was closed/, /outgoing network/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /the TLS certificate of ca\.example is not trusted/, /NODE_EXTRA_CA_CERTS/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', /is not trusted/, /NODE_EXTRA_CA_CERTS/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /is not trusted/, /NODE_EXTRA_CA_CERTS/],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /is not trusted/, /NODE_EXTRA_CA_CERTS/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /is for another name/, /captive portal/],
  ['CERT_NOT_YET_VALID', /is not valid now/, /clock of the host/],
  ['CERT_HAS_EXPIRED', /is not valid now/, /clock of the host/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/, /scheme and port/],
  ['EWHATEVER', /new-order: its words$/, /outgoing network/],
];
for (const [code, said, hint] of kinds) {
  test(`${code} is said in plain words, with the request and the words of the system`, () => {
    const cause = failure(code);
    for (const thrown of [cause, Object.assign(new Error('wrapped', { cause }), { code: 'ERR_NETWORK' })]) {
      const error = unreachable(asked, thrown);
      assert.equal(error.code, 'ACME_UNREACHABLE');
      assert.match(error.message, /^no answer to POST https:\/\/ca\.example\/new-order: /);
      assert.match(error.message, said);
      assert.match(error.message, /its words/);
      assert.match(error.hint, hint);
      assert.equal(error.cause, cause);
    }
  });
}

test('a name with several addresses fails with a word for each', () => {
  const errors = [failure('ECONNREFUSED'), failure('ENETUNREACH')];
  const { message } = unreachable(asked, new AggregateError(errors, ''));
  assert.match(message, /ca\.example refused the connection \(its words, its words\)$/);
});

test('the name that was looked up is said, when it is that of a redirection', () => {
  const { message } = unreachable(asked, failure('ENOTFOUND', { hostname: 'elsewhere.example' }));
  assert.match(message, /the name elsewhere\.example was not found/);
});

test('the limit of time is a time-out', () => {
  const limit = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  assert.match(unreachable(asked, limit).message, /ca\.example did not answer in time/);
});

for (const thrown of [new Error('gone'), undefined])
  test(`${thrown} points to no clock`, () => assert.doesNotMatch(unreachable(asked, thrown).hint, /clock/));
