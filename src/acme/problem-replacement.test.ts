import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IngressError } from '../errors.ts';
import { problemError, readProblem } from './problem.ts';
import { mayConcernReplacement } from './problem.ts';

const acme = (type: string) => `urn:ietf:params:acme:error:${type}`;
const refusals: [type: string, status: number, mayBe: boolean][] = [
  [acme('alreadyReplaced'), 409, true],
  [acme('conflict'), 409, true],
  ['about:blank', 409, true],
  [acme('malformed'), 400, true],
  [acme('unauthorized'), 403, true],
  ['about:blank', 404, true],
  [acme('serverInternal'), 500, true],
  [acme('serverInternal'), 503, false],
  ['about:blank', 500, false],
  [acme('rateLimited'), 429, false],
  [acme('rateLimited'), 403, false],
  ['about:blank', 429, false],
  [acme('badNonce'), 400, false],
  [acme('accountDoesNotExist'), 400, false],
  [acme('userActionRequired'), 403, false],
  [acme('externalAccountRequired'), 403, false],
  [acme('rejectedIdentifier'), 400, false],
  [acme('unsupportedIdentifier'), 400, false],
  [acme('invalidProfile'), 400, false],
];
for (const [type, status, mayBe] of refusals) {
  test(`${type} with ${status} ${mayBe ? 'may be' : 'is not'} for the replacement`, () => {
    assert.equal(mayConcernReplacement(problemError(readProblem({ type }, status), undefined)), mayBe);
  });
}

test('an outage is not for the replacement', () => {
  assert.equal(mayConcernReplacement(new IngressError('ACME_UNREACHABLE', 'gone')), false);
  assert.equal(mayConcernReplacement(new Error('broken')), false);
});
