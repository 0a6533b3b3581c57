import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IngressError } from '../errors.ts';
import { manageCertificate } from './deps.ts';
import { decidingFailure, Report } from './report.ts';

const names = ['a', 'b', 'c'];
const gone = () => new IngressError('PROVIDER_UNREACHABLE', 'no answer');
const refused = new IngressError('ACME_ORDER_FAILED', 'no TXT record');

function setUp(domains: readonly string[] = names) {
  const abort = new AbortController();
  const certificates = domains.map((name) => manageCertificate([name]));
  return { abort, certificates, report: new Report(certificates, abort.signal) };
}
const codesOf = (report: Report) =>
  report.results.map(({ failures }) => failures.map(({ step, failure }) => [step, Object(failure).code]));

test('a step gives its values in the order of the subjects, whichever ends first', async () => {
  const { report, certificates } = setUp();
  const ends = certificates.map(() => Promise.withResolvers<void>());
  const running = report.each('records', certificates, async ({ names: [name] }) => {
    await ends[names.indexOf(name)]?.promise;
    return name;
  });
  for (const end of ends.toReversed()) {
    end.resolve();
    await end.promise;
  }
  assert.deepEqual([...(await running).values()], names);
  assert.deepEqual([...(await running).keys()], certificates);
});

test('a step that fails for one subject has no value for it and a failure in its result; the others go on', async () => {
  const { report, certificates } = setUp();
  const values = await report.each('records', certificates, async ({ names: [name] }) => {
    if (name === 'b') throw gone();
    return name;
  });
  assert.deepEqual([...values.values()], ['a', 'c']);
  assert.deepEqual(codesOf(report), [[], [['records', 'PROVIDER_UNREACHABLE']], []]);
});

test('a subject without a value is left out, and has not failed', async () => {
  const { report, certificates } = setUp();
  const values = await report.each('records', certificates, async ({ names: [name] }) =>
    name === 'b' ? undefined : 0,
  );
  assert.deepEqual([...values.values()], [0, 0], 'a value that is falsy counts');
  assert.deepEqual(codesOf(report), [[], [], []]);
});

for (const [limit, given] of [
  [20, undefined],
  [2, 2],
] as const)
  test(`at most ${limit} subjects are worked on concurrently${given === undefined ? ' by default' : ''}`, async () => {
    const { report, certificates } = setUp(Array.from({ length: 45 }, (_, index) => `n${index}`));
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    };
    await report.each('records', certificates, work, given);
    assert.equal(most, limit);
  });

test('a step over no subject has no values', async () => {
  const { report } = setUp();
  assert.equal((await report.each('records', [], assert.fail)).size, 0);
});

test('after an abort a step that fails rejects with the reason of the abort, and nothing is reported', async () => {
  const { report, certificates, abort } = setUp();
  const reason = new Error('stopped');
  const step = report.each('records', certificates, async () => {
    abort.abort(reason);
    throw gone();
  });
  await assert.rejects(step, reason);
  const shared = report.shared('records', certificates, async () => {
    throw gone();
  });
  await assert.rejects(shared, reason);
  assert.deepEqual(codesOf(report), [[], [], []]);
});

test('a shared step that fails is a failure of each of its certificates', async () => {
  const { report, certificates } = setUp();
  const [a, b] = certificates;
  assert.ok(a && b);
  const value = await report.shared('records', [a, { certificate: b }], async () => {
    throw gone();
  });
  assert.equal(value, undefined);
  const failure = [['records', 'PROVIDER_UNREACHABLE']];
  assert.deepEqual(codesOf(report), [failure, failure, []]);
  assert.equal(await report.shared('records', [a], async () => 7), 7);
});

test('the same error of several steps is reported once, with the first step', () => {
  const { report, certificates } = setUp(['a']);
  const [a] = certificates;
  assert.ok(a);
  const error = new Error('gone');
  for (const [step, failure] of [
    ['records', gone()],
    ['certificate', gone()],
    ['certificate', new IngressError('PROVIDER_UNREACHABLE', 'another message')],
    ['certificate', new IngressError('PROVIDER_UNAVAILABLE', 'no answer')],
    ['serving', error],
    ['renewal', error],
    ['renewal', new Error('gone')],
  ] as const)
    report.fail(a, step, failure);
  assert.deepEqual(
    report.results[0]?.failures.map(({ step }) => step),
    ['records', 'certificate', 'certificate', 'serving', 'renewal'],
  );
});

test('results are in the order of the certificates, each with its last deferral', () => {
  const { report, certificates } = setUp();
  const [, b] = certificates;
  assert.ok(b);
  const deferral = { until: new Date(0), reason: 'limits' };
  report.defer(b, { ...deferral, reason: 'earlier' });
  report.defer({ certificate: b }, deferral);
  assert.deepEqual(report.certificates, certificates);
  assert.deepEqual(
    report.results.map((result) => [result.certificate, result.deferral]),
    certificates.map((one) => [one, one === b ? deferral : undefined]),
  );
});

test('a certificate that is issued and not stored is a failure', () => {
  const { report, certificates } = setUp(['a', 'b']);
  const [a, b] = certificates;
  assert.ok(a && b);
  const unsaved = { bundle: {} as never, complete: assert.fail };
  a.state.unsaved = { ...unsaved, failure: new IngressError('STORE_FAILED', 'full') };
  report.failUnsaved();
  assert.deepEqual(codesOf(report), [[['storing the certificate', 'STORE_FAILED']], []]);
});

test('a subject that is not part of the reconciliation is a programming error', () => {
  const { report } = setUp(['a']);
  assert.throws(() => report.fail(manageCertificate(['other']), 'records', gone()));
});

test("the CA's refusal decides when to retry, else the first failure", () => {
  const failures = [gone(), refused].map((failure) => ({ step: 'x', failure }));
  assert.equal(decidingFailure({ failures })?.failure, refused);
  assert.equal(decidingFailure({ failures: failures.slice(0, 1) }), failures[0]);
  assert.equal(decidingFailure({ failures: [] }), undefined);
});
