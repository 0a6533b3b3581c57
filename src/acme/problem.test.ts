import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isProblem, problemError, problemOf, readProblem } from './problem.ts';

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

test('a problem keeps type, detail, status, Retry-After and subproblems', () => {
  const error = problemError(readProblem(document, 429), 5000);
  assert.equal(error.retryAfterMs, 5000);
  assert.deepEqual(problemOf(error), {
    ...document,
    subproblems: [
      { type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids', identifier: 'app.example.com' },
    ],
  });
  assert.match(
    error.message,
    /too many certificates; app\.example\.com: CAA forbids \(caa\) \(rateLimited\)/,
  );
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
  test(`${JSON.stringify(body)} is a problem of no type`, () => {
    assert.deepEqual(readProblem(body, 502), { type: 'about:blank', detail, status: 502, subproblems: [] });
  });
}

test('an answer that is no problem document is told with its status, and not as a refusal', () => {
  const error = problemError(readProblem('<html>Bad gateway</html>', 502), undefined);
  assert.equal(
    error.message,
    'the certificate authority, or who stands between, answers with status 502: <html>Bad gateway</html>',
  );
  assert.match(error.hint, /status page .* proxy/);
});

test('a rate limit comes with advice', () => {
  const problem = readProblem({ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many' }, 429);
  const { hint } = problemError(problem, 60_000);
  assert.match(hint, /Keep the certificate volume.*ACME_STAGING.*retries by itself/);
  assert.doesNotMatch(problemError(problem, undefined).fix, /by itself/);
});

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
  test(`Link: ${link} leads to the terms ${terms}`, () =>
    assert.equal(readProblem({}, 403, { url, headers: { link } }).termsOfService, terms));
}

test('userActionRequired says where to go, where the terms are, and what becomes of it', () => {
  const body = {
    type: 'urn:ietf:params:acme:error:userActionRequired',
    detail: 'Terms of service have changed',
    instance: '/acme/agreement/?token=W8Ih3PswD-8',
  };
  const headers = { link: '<https://ca.example/terms/v2>;rel="terms-of-service"' };
  const error = problemError(readProblem(body, 403, { url, headers }), undefined);
  const instance = 'https://ca.example/acme/agreement/?token=W8Ih3PswD-8';
  assert.ok(error.message.endsWith(`Terms of service have changed (userActionRequired); see ${instance}`));
  assert.ok(error.fix.startsWith(`Open ${instance} and do what is asked for there.`), error.fix);
  assert.equal(error.retryable, false, 'nothing changes by itself');
  assert.match(error.hint, /terms of service in force are at https:\/\/ca\.example\/terms\/v2/);
  assert.match(
    error.hint,
    /agreed to the terms when it made the account; only you can agree to changed ones/,
  );
});

test('userActionRequired without a page leads to the terms, else to the CA', () => {
  const type = 'urn:ietf:params:acme:error:userActionRequired';
  const headers = { link: '<https://ca.example/t>;rel="terms-of-service"' };
  const hint = (problem: ReturnType<typeof readProblem>) => problemError(problem, undefined).hint;
  assert.match(hint(readProblem({ type }, 403, { url, headers })), /^Open https:\/\/ca\.example\/t and do/);
  assert.match(hint(readProblem({ type }, 403)), /^Ask the certificate authority/);
});

test('a problem keeps its own name, its page and the kinds of its subproblems; a title stands in for a detail', () => {
  const body = {
    ...{
      type: 'urn:ietf:params:acme:error:compound',
      title: 'Several things',
      instance: 'https://ca.example/why',
    },
    identifier: { type: 'dns', value: 'app.example.com' },
    subproblems: [
      {
        type: 'urn:ietf:params:acme:error:caa',
        detail: 'no',
        identifier: { type: 'dns', value: 'a.example' },
      },
    ],
  };
  const { message } = problemError(readProblem(body, 403), undefined);
  assert.match(
    message,
    /: app\.example\.com: Several things; a\.example: no \(caa\) \(compound\); see https:\/\/ca\.example\/why$/,
  );
});
