import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, errorRegistry, IngressError } from '../../errors.ts';
import { describeFailure } from './failure.ts';

test('it says what happened and what to do, and promises no other attempt', () => {
  const error = new IngressError('PROVIDER_UNREACHABLE', 'no answer within 15 s');
  assert.equal(
    describeFailure(error),
    'no answer within 15 s (PROVIDER_UNREACHABLE)\n  -> Check the outgoing network of the container.\n',
  );
  // Of a running ingress it is true.
  assert.equal(error.hint, 'Check the outgoing network of the container. The ingress retries by itself.');
});

test('no error promises it', () => {
  // The keys of the registry are the codes.
  for (const code of Object.keys(errorRegistry) as ErrorCode[])
    assert.doesNotMatch(
      describeFailure(new IngressError(code, 'It failed.')),
      /by itself|the ingress (?:retries|orders|continues)/i,
    );
});
