import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTimeout } from '../net/unanswered.ts';
import { unreachable } from './http.ts';

const request = { method: 'post', url: 'https://ca.example/new-order' };
const failure = (code: string, more: object = {}) => Object.assign(new Error('its words'), { code, ...more });

// The sentence for each code is in test/wording/acme.ts.
for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'CERT_HAS_EXPIRED', 'EPROTO', 'EWHATEVER']) {
  test(`ACME_UNREACHABLE for ${code} has the request, the system's message and its cause`, () => {
    const cause = failure(code);
    const direct = unreachable(request, cause);
    assert.equal(direct.code, 'ACME_UNREACHABLE');
    assert.deepEqual(direct.details, { method: 'POST', url: request.url });
    assert.ok(direct.message.includes(cause.message));
    assert.equal(direct.cause, cause);
    const wrapped = Object.assign(new Error('wrapped', { cause }), { code: 'ERR_NETWORK' });
    const { message, hint, cause: root } = unreachable(request, wrapped);
    assert.deepEqual([message, hint, root], [direct.message, direct.hint, cause]);
  });
}

test('the cause of a request that timed out is a timeout', () => {
  const limit = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  assert.ok(isTimeout(unreachable(request, limit).cause));
});

test('the proxy’s problem and hint replace those of the failure', () => {
  const trouble = {
    kind: 'proxy-unreachable',
    proxy: 'proxy.example:3128',
    problem: 'the proxy is down',
    hint: 'Start the proxy.',
  } as const;
  const { message, hint } = unreachable(request, failure('ECONNREFUSED'), trouble);
  assert.ok(message.endsWith(trouble.problem));
  assert.equal(hint, trouble.hint);
});
