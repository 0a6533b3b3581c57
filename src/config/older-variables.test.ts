import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, GOOD, load } from '../../test/doubles/config.ts';
import { unsupported, withoutEffect } from './older-variables.ts';

const changing: [variable: string, value: string][] = [
  ['DELEGATION_ZONE', 'dele.example.net'],
  ['ACME_CHALLENGE_ALIAS', 'dele.example.net'],
  ['CHALLENGE_TYPE', 'tls-alpn-01'],
  ['CHALLENGE_TYPE', 'http-01'],
  ['DNS_SETUP_MODE', 'wait'],
  ['DNS_SETUP_MODE', 'print'],
  ['DNS_WEBHOOK_URL', 'https://hook.example.net'],
  ['DETERMINISTIC_TLS_KEY', 'true'],
  ['ROUTE53_INITIAL_WEIGHT', '100'],
];
for (const [variable, value] of changing) {
  test(`${variable}=${value} would change production, and is a fault`, () => {
    const [fault, ...others] = faultsOf({ ...GOOD, [variable]: value });
    assert.deepEqual([fault?.variable, others], [variable, []]);
    assert.match(fault?.problem ?? '', /^is set, but this version /);
    assert.match(fault?.remedy ?? '', /older container/);
  });
}

test('a variable that asks for what this version does is neither fault nor warning', () => {
  const same = { CHALLENGE_TYPE: 'DNS-01', DETERMINISTIC_TLS_KEY: 'false', DELEGATION_ZONE: ' ' };
  assert.deepEqual(load({ ...GOOD, ...same }).warnings, []);
});

for (const variable of Object.keys(withoutEffect)) {
  test(`${variable} is a warning`, () => {
    const { warnings } = load({ ...GOOD, [variable]: '1' });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', new RegExp(`^${variable} has no effect: `));
  });
}

test('no variable is both', () => {
  assert.deepEqual(
    Object.keys(unsupported).filter((name) => name in withoutEffect),
    [],
  );
});
