import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IngressError } from '../errors.ts';
import { isProblem, mayConcernReplacement, problemError, problemOf, readProblem } from './problem.ts';

const document = {
  type: 'urn:ietf:params:acme:error:rateLimited',
  detail: 'too many certificates',
  status: 429,
  subproblems: [
    {
      type: 'urn:ietf:params:acme:error:caa',
      detail: 'CAA forbids',
      identifier: { type: 'dns', value: 'app.example.com' },
    },
  ],
};

test('ACME_PROBLEM keeps type, detail, status, Retry-After and subproblems', () => {
  const error = problemError(readProblem(document, 429), 5000);
  assert.equal(error.retryAfterMs, 5000);
  assert.deepEqual(problemOf(error), {
    ...document,
    subproblems: [
      { type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids', identifier: 'app.example.com' },
    ],
  });
  assert.ok(isProblem(error, 'rateLimited'));
  assert.ok(!isProblem(error, 'badNonce'));
});

const oddBodies: [body: unknown, detail: string][] = [
  ['<html>Bad gateway</html>', '<html>Bad gateway</html>'],
  [undefined, 'HTTP status 502'],
  [null, 'HTTP status 502'],
  [{ detail: 7, subproblems: 'x' }, 'HTTP status 502'],
];
for (const [body, detail] of oddBodies) {
  test(`${JSON.stringify(body)} is a problem without a type`, () => {
    assert.deepEqual(readProblem(body, 502), { type: 'about:blank', detail, status: 502, subproblems: [] });
  });
}

const url = 'https://ca.example/acme/new-order';
const links: [header: unknown, terms: string | undefined][] = [
  ['<https://ca.example/terms/v2>;rel="terms-of-service"', 'https://ca.example/terms/v2'],
  [
    '<https://ca.example/dir>;rel="index", <https://ca.example/t>; rel=terms-of-service',
    'https://ca.example/t',
  ],
  [
    ['<https://ca.example/dir>;rel="index"', '<https://ca.example/t>;rel="terms-of-service"'],
    'https://ca.example/t',
  ],
  ['<https://ca.example/t>; title="a, <b>; c"; REL="x Terms-Of-Service"', 'https://ca.example/t'],
  ['</terms>;rel="terms-of-service"', 'https://ca.example/terms'],
  ['<https://ca.example/t>;rel="terms"', undefined],
  ['nonsense', undefined],
  [undefined, undefined],
];
for (const [link, terms] of links) {
  test(`Link: ${link} gives the terms of service ${terms}`, () =>
    assert.equal(readProblem({}, 403, { url, headers: { link } }).termsOfService, terms));
}

test('userActionRequired is not retryable: only a person can resolve it', () => {
  const refused = (type: string) =>
    problemError(readProblem({ type: `urn:ietf:params:acme:error:${type}` }, 403), 0);
  assert.equal(refused('userActionRequired').retryable, false);
  assert.equal(refused('unauthorized').retryable, true);
});

test('a problem keeps its identifier and page; a title replaces a missing detail', () => {
  const body = {
    ...{ type: 'urn:ietf:params:acme:error:compound', title: 'Several things' },
    ...{ instance: '/why', identifier: { type: 'dns', value: 'app.example.com' } },
  };
  const { detail, identifier, instance } = readProblem(body, 403, { url, headers: {} });
  assert.deepEqual(
    [detail, identifier, instance],
    ['Several things', 'app.example.com', 'https://ca.example/why'],
  );
});

const acme = (type: string) => `urn:ietf:params:acme:error:${type}`;
const refusals: [type: string, status: number, mayConcern: boolean][] = [
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
for (const [type, status, mayConcern] of refusals) {
  test(`${type} with status ${status} ${mayConcern ? 'may concern' : 'does not concern'} the replacement`, () => {
    assert.equal(mayConcernReplacement(problemError(readProblem({ type }, status), undefined)), mayConcern);
  });
}

test('an error without a problem does not concern the replacement', () => {
  assert.equal(mayConcernReplacement(new IngressError('ACME_UNREACHABLE', 'gone')), false);
  assert.equal(mayConcernReplacement(new Error('broken')), false);
});
