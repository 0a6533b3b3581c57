import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../config/secret.ts';
import { IngressError, isIngressError } from '../errors.ts';
import { explainRefusal } from './account-binding.ts';
import { problemError, problemOf, readProblem } from './problem.ts';

const CA = 'https://ca.example/dir';
const EAB = { kid: 'customer', hmacKey: new Secret('YWI') };
const refusal = (type: string, retryAfterMs?: number) =>
  problemError(readProblem({ type: `urn:ietf:params:acme:error:${type}`, detail: 'no' }, 403), retryAfterMs);

for (const type of ['unauthorized', 'malformed', 'externalAccountRequired']) {
  test(`${type} with a binding is thrown on with the variables, and all that the CA said`, () => {
    const thrown = refusal(type, 7000);
    const explained = explainRefusal(thrown, CA, EAB);
    assert.ok(isIngressError(explained, 'ACME_PROBLEM'));
    assert.match(explained.hint, /ACME_EAB_KID and ACME_EAB_HMAC_KEY/);
    assert.equal(explained.message, thrown.message);
    assert.equal(explained.retryAfterMs, 7000);
    assert.deepEqual(problemOf(explained), problemOf(thrown));
  });
}

const untouched: [title: string, thrown: unknown, eab: typeof EAB | undefined][] = [
  ['a limit', refusal('rateLimited'), EAB],
  ['an address that it does not take', refusal('invalidContact'), EAB],
  ['a refusal where there is no binding', refusal('unauthorized'), undefined],
  ['an outage', new IngressError('ACME_UNREACHABLE', 'gone'), EAB],
  ['something else', new Error('broken'), EAB],
];
for (const [title, thrown, eab] of untouched) {
  test(`${title} is thrown as it is`, () => assert.equal(explainRefusal(thrown, CA, eab), thrown));
}

test('a CA that says only now that it needs a binding has none', () => {
  const thrown = refusal('externalAccountRequired');
  const explained = explainRefusal(thrown, CA, undefined);
  assert.ok(isIngressError(explained, 'ACME_ACCOUNT_BINDING_MISSING'));
  assert.ok(explained.message.includes(CA));
  assert.equal(explained.cause, thrown);
  assert.deepEqual(problemOf(explained), problemOf(thrown));
});
