import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from './errors.ts';

test('the words of an error are those of the errors in it, where it has none of its own', () => {
  const refused = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:80`));
  assert.equal(
    messageOf(new AggregateError(refused)),
    'connect ECONNREFUSED ::1:80; connect ECONNREFUSED 127.0.0.1:80',
  );
  assert.equal(messageOf(new AggregateError(refused, 'two failed')), 'two failed');
  assert.equal(messageOf('text'), 'text');
});
