import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, GOOD, load } from '../../test/harness/config.ts';
import { ConfigError } from './faults.ts';
import { withoutEffect } from './ignored-variables.ts';
import { unsupported } from './older-variables.ts';

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
    assert.deepEqual([fault?.variable, fault?.kind, others], [variable, 'unsupported', []]);
    assert.equal(fault?.fix, unsupported[variable]?.fix);
  });
}

const misspelt: [written: string, meant: string, value: string][] = [
  ['DELEGATON_ZONE', 'DELEGATION_ZONE', 'dele.example.net'],
  ['DELEGATION_ZONES', 'DELEGATION_ZONE', 'dele.example.net'],
  ['delegation_zone', 'DELEGATION_ZONE', 'dele.example.net'],
  ['CHALENGE_TYPE', 'CHALLENGE_TYPE', 'tls-alpn-01'],
  ['Dns_Setup_Mode', 'DNS_SETUP_MODE', 'wait'],
  ['DETERMINSTIC_TLS_KEY', 'DETERMINISTIC_TLS_KEY', 'true'],
];
for (const [written, meant, value] of misspelt) {
  test(`${written}=${value} is a fault like ${meant}, without a second warning`, () => {
    assert.throws(
      () => load({ ...GOOD, [written]: value }),
      (thrown) => {
        assert.ok(thrown instanceof ConfigError);
        const [fault, ...others] = thrown.faults;
        assert.deepEqual([fault?.variable, fault?.kind], [written, 'misspelt']);
        assert.deepEqual([fault?.details, others, thrown.warnings], [{ meant }, [], []]);
        assert.equal(fault?.fix, unsupported[meant]?.fix);
        return true;
      },
    );
  });
}

test('a misspelt variable whose value matches this version’s behaviour is a warning', () => {
  assert.deepEqual(load({ ...GOOD, CHALENGE_TYPE: 'dns-01' }).warnings, [
    { kind: 'misspelt', variable: 'CHALENGE_TYPE', meant: 'CHALLENGE_TYPE' },
  ]);
});

test('a variable whose value matches this version’s behaviour is neither fault nor warning', () => {
  const same = { CHALLENGE_TYPE: 'DNS-01', DETERMINISTIC_TLS_KEY: 'false', DELEGATION_ZONE: ' ' };
  assert.deepEqual(load({ ...GOOD, ...same }).warnings, []);
});

for (const variable of Object.keys(withoutEffect)) {
  test(`${variable} is a warning`, () => {
    const { warnings } = load({ ...GOOD, [variable]: '1' });
    assert.deepEqual(warnings, [{ kind: 'older', variable }]);
  });
}

test('no variable is both a fault and a warning', () => {
  assert.deepEqual(
    Object.keys(unsupported).filter((name) => name in withoutEffect),
    [],
  );
});
