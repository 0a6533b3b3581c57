import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../config/secret.ts';
import { errorRegistry, IngressError, isIngressError } from '../errors.ts';
import { explainBindingRefusal } from './account.ts';
import { problemError, problemOf, readProblem } from './problem.ts';

const CA = 'https://ca.example/dir';
const EAB = { kid: 'customer', hmacKey: new Secret('YWI') };
const refusal = (type: string, retryAfterMs?: number) =>
  problemError(readProblem({ type: `urn:ietf:params:acme:error:${type}`, detail: 'no' }, 403), retryAfterMs);

for (const type of ['unauthorized', 'malformed', 'externalAccountRequired']) {
  test(`a binding that is refused with ${type} gets a hint with its variables, and keeps the problem`, () => {
    const thrown = refusal(type, 7000);
    const explained = explainBindingRefusal(thrown, CA, EAB);
    assert.ok(isIngressError(explained, 'ACME_PROBLEM'));
    assert.equal(explained.fix, errorRegistry.ACME_ACCOUNT_BINDING_MISSING.hint);
    assert.equal(explained.message, thrown.message);
    assert.equal(explained.retryAfterMs, 7000);
    assert.deepEqual(problemOf(explained), problemOf(thrown));
  });
}

const unchanged: [title: string, thrown: unknown, eab: typeof EAB | undefined][] = [
  ['a rate limit', refusal('rateLimited'), EAB],
  ['a refused contact', refusal('invalidContact'), EAB],
  ['a refusal without a binding', refusal('unauthorized'), undefined],
  ['an outage', new IngressError('ACME_UNREACHABLE', 'gone'), EAB],
  ['any other error', new Error('broken'), EAB],
];
for (const [title, thrown, eab] of unchanged) {
  test(`${title} is thrown unchanged`, () => assert.equal(explainBindingRefusal(thrown, CA, eab), thrown));
}

test('externalAccountRequired without a binding is ACME_ACCOUNT_BINDING_MISSING', () => {
  const thrown = refusal('externalAccountRequired');
  const explained = explainBindingRefusal(thrown, CA, undefined);
  assert.ok(isIngressError(explained, 'ACME_ACCOUNT_BINDING_MISSING'));
  assert.equal(explained.cause, thrown);
  assert.deepEqual(problemOf(explained), problemOf(thrown));
});
