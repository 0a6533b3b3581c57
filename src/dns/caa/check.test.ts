import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryResolver, rr } from '../../../test/harness/dns/resolver.ts';
import { errorRegistry, fullHint, RETRIES } from '../../errors.ts';
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

/** A resolver with these sets; the look-up of a name without one that is listed as `fails` fails. */
function world(sets: Readonly<Record<string, readonly string[] | 'fails'>>) {
  const known = Object.entries(sets).map(([owner, values]) => [
    `${owner} CAA`,
    values === 'fails' ? values : { answers: values.map((value) => rr(owner, 'CAA', value)) },
  ]);
  const { resolve, asked } = memoryResolver(Object.fromEntries(known));
  return { ask: resolverLookup(resolve), asked };
}

const brief = (refusals: readonly NameRefusal[]) =>
  refusals.map(({ name, account, at, owner, faults }) => ({
    name,
    account,
    at,
    owner,
    reasons: faults.map(({ reason }) => reason),
  }));

test('where nothing forbids it, everything is permitted', async () => {
  const { ask, asked } = world({});
  assert.deepEqual(await checkCaa([NAME, `*.${NAME}`], [production, staging], ask, never), []);
  assert.deepEqual(asked, [`${NAME} CAA`, 'example.com CAA', 'com CAA']);
});

test('each name is refused for itself, and each owner name looked up once', async () => {
  const { ask, asked } = world({
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
  assert.deepEqual(brief(await checkCaa(names, [production], ask, never)), [
    { name: NAME, ...refusal },
    { name: 'www.example.com', ...refusal },
  ]);
  assert.deepEqual(asked, [`${NAME} CAA`, 'example.com CAA', 'www.example.com CAA', 'open.example.com CAA']);
});

test('even an ask that remembers nothing is asked once for each owner name', async () => {
  const asked: string[] = [];
  const ask: CaaLookup = async (name) => {
    asked.push(name);
    return { caa: [] };
  };
  await checkCaa([NAME, `*.${NAME}`, 'www.example.com'], [production], ask, never);
  assert.deepEqual(asked, [NAME, 'example.com', 'com', 'www.example.com']);
});

test('a record for the account of production forbids a dry run', async () => {
  const { ask } = world({ [NAME]: [bound(PRODUCTION)] });
  assert.deepEqual(brief(await checkCaa([NAME], [production, staging], ask, never)), [
    { name: NAME, account: 'staging', at: NAME, owner: NAME, reasons: ['other-account'] },
  ]);
});

test('a wildcard and its base have verdicts of their own', async () => {
  const { ask } = world({ [NAME]: [bound(PRODUCTION), '0 issuewild ";"'] });
  const refusals = await checkCaa([NAME, `*.${NAME}`], [production], ask, never);
  assert.deepEqual(
    refusals.map(({ name, add }) => ({ name, add })),
    [{ name: `*.${NAME}`, add: bound(PRODUCTION, 'issuewild') }],
  );
});

test('a look-up that fails is thrown as it is, and not made again', async () => {
  const { ask, asked } = world({ 'example.com': 'fails' });
  await assert.rejects(checkCaa([NAME, 'www.example.com'], [production], ask, never), {
    code: 'DNS_LOOKUP_FAILED',
    message: 'no resolver answered for example.com',
  });
  assert.deepEqual(asked, [`${NAME} CAA`, 'example.com CAA', 'www.example.com CAA']);
});

test('what is refused is refused, although the look-up of another name fails', async () => {
  const { ask } = world({ [NAME]: 'fails', 'www.example.com': ['0 issue ";"'] });
  const refusals = await checkCaa([NAME, 'www.example.com'], [production], ask, never);
  assert.deepEqual(
    refusals.map(({ name }) => name),
    ['www.example.com'],
  );
});

test('an abort is no failed look-up: nothing more is asked', async () => {
  const abort = new AbortController();
  const reason = new Error('stopped');
  const asked: string[] = [];
  const ask: CaaLookup = async (name, signal) => {
    asked.push(name);
    abort.abort(reason);
    signal.throwIfAborted();
    return { caa: [] };
  };
  await assert.rejects(
    checkCaa([NAME, 'www.example.com'], [production], ask, abort.signal),
    (thrown) => thrown === reason,
  );
  assert.deepEqual(asked, [NAME]);
});

test('the error says which record stands in the way, and gives the one to add in full', async () => {
  const { ask } = world({ 'example.com': ['0 issue ";"'] });
  const refusals = await checkCaa([NAME, 'www.example.com'], [production], ask, never);
  const error = caaForbidsError(refusals);
  assert.equal(error.code, 'CAA_FORBIDS');
  assert.equal(error.retryable, false);
  assert.equal(
    error.message,
    `CAA at example.com forbids a certificate of ${NAME} to the production account: CAA 0 issue ";" permits nobody; ` +
      'CAA at example.com forbids a certificate of www.example.com to the production account: CAA 0 issue ";" permits nobody',
  );
  // Once for both names, and with what happens by itself.
  assert.equal(error.hint, `Add the record example.com CAA ${bound(PRODUCTION)}. ${RETRIES}`);
  assert.equal(error.fix, `Add the record example.com CAA ${bound(PRODUCTION)}.`, 'as a plan says it');
  assert.deepEqual(error.details, { refusals });
});

test('the error names a record that has to go, and then the one to add', async () => {
  const { ask } = world({ [NAME]: ['128 tbs "x"', '0 issue "other.example"'] });
  const { message, fix } = caaForbidsError(await checkCaa([NAME], [production], ask, never));
  assert.match(
    message,
    /CAA 128 tbs "x" is critical.*, CAA 0 issue "other\.example" permits other\.example only$/,
  );
  assert.ok(
    fix.endsWith(
      `Remove the record ${NAME} CAA 128 tbs "x". Add the record ${NAME} CAA ${bound(PRODUCTION)}.`,
    ),
    fix,
  );
});

test('with a set at the target of an alias the error says so', async () => {
  const { resolve } = memoryResolver({
    [`${NAME} CAA`]: {
      answers: [rr(NAME, 'CNAME', 'gateway.cluster.net'), rr('gateway.cluster.net', 'CAA', '0 issue ";"')],
    },
  });
  const [refusal, ...more] = await checkCaa([NAME], [production], resolverLookup(resolve), never);
  assert.ok(refusal && more.length === 0);
  assert.match(
    caaForbidsError([refusal]).fix,
    /Add the record gateway\.cluster\.net CAA 0 issue ".*" \(app\.example\.com is an alias that leads there; a record at app\.example\.com itself .*\)\.$/,
  );
});

test('a record for each account is advised', async () => {
  const { ask } = world({ [NAME]: ['0 issue ";"'] });
  const { hint } = caaForbidsError(await checkCaa([NAME], [production, staging], ask, never));
  for (const url of [PRODUCTION, STAGING]) assert.ok(hint.includes(`${NAME} CAA ${bound(url)}.`), hint);
});

test('where no record can be named, the error says what to do in general', async () => {
  const { ask } = world({ [NAME]: ['0 issue ";"'] });
  const { hint } = caaForbidsError(await checkCaa([NAME], [{ ...production, issuers: [] }], ask, never));
  assert.equal(hint, fullHint(errorRegistry.CAA_FORBIDS));
});
