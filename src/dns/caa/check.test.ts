import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedLookup, memoryResolver, rr } from '../../../test/harness/dns/resolver.ts';
import { errorRegistry, fullHint } from '../../errors.ts';
import { type CaaAccount, caaForbidsError, checkCaa, type NameRefusal } from './check.ts';
import { type CaaLookup, resolverLookup } from './relevant-set.ts';

const NAME = 'app.example.com';
const never = new AbortController().signal;
const PRODUCTION = 'https://ca.example/acct/1';
const STAGING = 'https://staging.ca.example/acct/2';
const production: CaaAccount = {
  account: 'production',
  issuers: ['ca.example'],
  accountUrls: [PRODUCTION],
  method: 'dns-01',
};
const staging: CaaAccount = { ...production, account: 'staging', accountUrls: [STAGING] };
const bound = (url: string, tag = 'issue') =>
  `0 ${tag} "ca.example;validationmethods=dns-01;accounturi=${url}"`;

/** Lookups of these sets; the lookup of a name listed as `fails` fails. */
function world(sets: Readonly<Record<string, readonly string[] | 'fails'>>) {
  const known = Object.entries(sets).map(([owner, values]) => [
    `${owner} CAA`,
    values === 'fails' ? values : { answers: values.map((value) => rr(owner, 'CAA', value)) },
  ]);
  const { resolve, queries } = memoryResolver(Object.fromEntries(known));
  return { lookUp: resolverLookup(resolve), queries };
}

const brief = (refusals: readonly NameRefusal[]) =>
  refusals.map(({ name, account, at, owner, faults }) => ({
    name,
    account,
    at,
    owner,
    reasons: faults.map(({ reason }) => reason),
  }));

test('without CAA records everything is permitted', async () => {
  const { lookUp, queries } = world({});
  assert.deepEqual(await checkCaa([NAME, `*.${NAME}`], [production, staging], lookUp, never), []);
  assert.deepEqual(queries, [`${NAME} CAA`, 'example.com CAA', 'com CAA']);
});

test('each name is judged by itself, and each owner name is looked up once', async () => {
  const { lookUp, queries } = world({
    'example.com': ['0 issue "other.example"', bound(PRODUCTION, 'issuewild')],
    'open.example.com': ['0 issue "ca.example"'],
  });
  const names = [NAME, `*.${NAME}`, 'www.example.com', 'open.example.com'];
  const refusal = {
    account: 'production',
    at: 'example.com',
    owner: 'example.com',
    reasons: ['other-issuer'],
  };
  assert.deepEqual(brief(await checkCaa(names, [production], lookUp, never)), [
    { name: NAME, ...refusal },
    { name: 'www.example.com', ...refusal },
  ]);
  assert.deepEqual(queries, [
    `${NAME} CAA`,
    'example.com CAA',
    'www.example.com CAA',
    'open.example.com CAA',
  ]);
});

test('each owner name is looked up once, even without a cache below', async () => {
  const queries: string[] = [];
  const lookUp: CaaLookup = async (name) => {
    queries.push(name);
    return { caa: [] };
  };
  await checkCaa([NAME, `*.${NAME}`, 'www.example.com'], [production], lookUp, never);
  assert.deepEqual(queries, [NAME, 'example.com', 'com', 'www.example.com']);
});

test('a record for the production account forbids a staging dry run', async () => {
  const { lookUp } = world({ [NAME]: [bound(PRODUCTION)] });
  assert.deepEqual(brief(await checkCaa([NAME], [production, staging], lookUp, never)), [
    { name: NAME, account: 'staging', at: NAME, owner: NAME, reasons: ['other-account'] },
  ]);
});

test('a wildcard and its base name are judged separately', async () => {
  const { lookUp } = world({ [NAME]: [bound(PRODUCTION), '0 issuewild ";"'] });
  const refusals = await checkCaa([NAME, `*.${NAME}`], [production], lookUp, never);
  assert.deepEqual(
    refusals.map(({ name, add }) => ({ name, add })),
    [{ name: `*.${NAME}`, add: bound(PRODUCTION, 'issuewild') }],
  );
});

test('a failed lookup is thrown, and not repeated', async () => {
  const { lookUp, queries } = world({ 'example.com': 'fails' });
  await assert.rejects(checkCaa([NAME, 'www.example.com'], [production], lookUp, never), {
    code: 'DNS_LOOKUP_FAILED',
    ...failedLookup('example.com', 'CAA'),
  });
  assert.deepEqual(queries, [`${NAME} CAA`, 'example.com CAA', 'www.example.com CAA']);
});

test('a refusal counts even if the lookup of another name fails', async () => {
  const { lookUp } = world({ [NAME]: 'fails', 'www.example.com': ['0 issue ";"'] });
  const refusals = await checkCaa([NAME, 'www.example.com'], [production], lookUp, never);
  assert.deepEqual(
    refusals.map(({ name }) => name),
    ['www.example.com'],
  );
});

test('nothing is looked up after an abort', async () => {
  const abort = new AbortController();
  const reason = new Error('stopped');
  const queries: string[] = [];
  const lookUp: CaaLookup = async (name, signal) => {
    queries.push(name);
    abort.abort(reason);
    signal.throwIfAborted();
    return { caa: [] };
  };
  await assert.rejects(
    checkCaa([NAME, 'www.example.com'], [production], lookUp, abort.signal),
    (thrown) => thrown === reason,
  );
  assert.deepEqual(queries, [NAME]);
});

test('the error has every refusal, and each fix once', async () => {
  const { lookUp } = world({ 'example.com': ['0 issue ";"'] });
  const refusals = await checkCaa([NAME, 'www.example.com'], [production], lookUp, never);
  const error = caaForbidsError(refusals);
  assert.equal(error.code, 'CAA_FORBIDS');
  assert.equal(error.retryable, false);
  assert.deepEqual(error.details, { refusals });
  assert.equal(error.fix.split(bound(PRODUCTION)).length, 2);
  assert.equal(error.hint, fullHint({ hint: error.fix, byItself: errorRegistry.CAA_FORBIDS.byItself }));
});

test('the fix names the record to remove before the one to add', async () => {
  const { lookUp } = world({ [NAME]: ['128 tbs "x"', '0 issue "other.example"'] });
  const { fix } = caaForbidsError(await checkCaa([NAME], [production], lookUp, never));
  const [removal, addition] = ['128 tbs "x"', bound(PRODUCTION)].map((value) => fix.indexOf(value));
  assert.ok(removal !== undefined && addition !== undefined && removal >= 0 && removal < addition, fix);
});

test('a refusal by the set of an alias target has both names', async () => {
  const { resolve } = memoryResolver({
    [`${NAME} CAA`]: {
      answers: [rr(NAME, 'CNAME', 'gateway.cluster.net'), rr('gateway.cluster.net', 'CAA', '0 issue ";"')],
    },
  });
  assert.deepEqual(brief(await checkCaa([NAME], [production], resolverLookup(resolve), never)), [
    { name: NAME, account: 'production', at: NAME, owner: 'gateway.cluster.net', reasons: ['nobody'] },
  ]);
});

test('the fix has a record for each account', async () => {
  const { lookUp } = world({ [NAME]: ['0 issue ";"'] });
  const { fix } = caaForbidsError(await checkCaa([NAME], [production, staging], lookUp, never));
  for (const url of [PRODUCTION, STAGING]) assert.ok(fix.includes(`${NAME} CAA ${bound(url)}.`), fix);
});

test('if no record can be named, the hint is that of the code', async () => {
  const { lookUp } = world({ [NAME]: ['0 issue ";"'] });
  const { hint } = caaForbidsError(await checkCaa([NAME], [{ ...production, issuers: [] }], lookUp, never));
  assert.equal(hint, fullHint(errorRegistry.CAA_FORBIDS));
});
