import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { errorRegistry, fullHint, IngressError, messageOf, RETRIES, systemErrorCode } from './errors.ts';

test('an error of several addresses has the messages of all of them', () => {
  const refused = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:80`));
  assert.equal(
    messageOf(new AggregateError(refused)),
    'connect ECONNREFUSED ::1:80; connect ECONNREFUSED 127.0.0.1:80',
  );
  assert.equal(messageOf(new AggregateError(refused, 'two failed')), 'two failed');
  assert.equal(messageOf('text'), 'text');
});

test('the code of an error of the system is text; other errors have none', async () => {
  const missing = await readFile('/nowhere').catch((thrown: unknown) => thrown);
  assert.equal(systemErrorCode(missing), 'ENOENT');
  // The code of a DOMException is a number.
  const aborted: unknown = AbortSignal.abort().reason;
  assert.ok(aborted instanceof Error && 'code' in aborted);
  for (const thrown of [aborted, new Error('no code'), { code: 'ENOENT' }, 'ENOENT', undefined])
    assert.equal(systemErrorCode(thrown), undefined);
});

test('every hint starts with an action', () => {
  const actions =
    /^(?:Add|Change|Check|Correct|Create|Find|Fix|Mount|Read|Remove|Report|Restore|Set|Update|Wait)\b/;
  for (const { hint } of Object.values(errorRegistry)) assert.match(hint, actions);
});

test('a hint given with an error replaces the registry’s text about retries', () => {
  const hint = (context?: ConstructorParameters<typeof IngressError>[2]) =>
    new IngressError('CAA_FORBIDS', 'forbidden', context).hint;
  assert.equal(hint(), fullHint(errorRegistry.CAA_FORBIDS));
  assert.ok(hint().endsWith(` ${RETRIES}`));
  assert.equal(hint({ hint: 'Add it.' }), 'Add it.');
  assert.equal(hint({ hint: 'Add it.', byItself: RETRIES }), `Add it. ${RETRIES}`);
});
