import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, errorRegistry, IngressError } from '../../errors.ts';
import { describeFailure } from './failure.ts';

test('a failed command prints the code and the fix, without the retries of a running ingress', () => {
  const error = new IngressError('PROVIDER_UNREACHABLE', 'no answer within 15 s');
  const text = describeFailure(error);
  for (const part of [error.message, error.code, error.fix]) assert.ok(text.includes(part), text);
  assert.notEqual(error.hint, error.fix);
  assert.ok(!text.includes(error.hint), text);
});

test('no error of a command promises another attempt', () => {
  // The keys of the registry are the codes.
  for (const code of Object.keys(errorRegistry) as ErrorCode[])
    assert.doesNotMatch(
      describeFailure(new IngressError(code, 'It failed.')),
      /by itself|the ingress (?:retries|orders|continues)/i,
    );
});
