import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIngressError } from '../../src/errors.ts';
import type { Host } from './hosts.ts';
import { hostKey, normalizeTtl, toCurrent, toHost } from './records.ts';

const host = (name: string, type: string, address: string, mxPref = '10', ttl = '1799'): Host => ({
  name,
  type,
  address,
  mxPref,
  ttl,
});

const read: readonly (readonly [host: Host, name: string, value: string])[] = [
  [host('@', 'A', '192.0.2.1'), 'example.com', '192.0.2.1'],
  [host('App', 'AAAA', '2001:DB8:0::1'), 'app.example.com', '2001:db8::1'],
  [host('*.a', 'CNAME', 'Target.Example.NET.'), '*.a.example.com', 'target.example.net'],
  [host('a', 'TXT', '"quoted"'), 'a.example.com', '"quoted"'],
  [host('a', 'TXT', ' 5.0 '), 'a.example.com', ' 5.0 '],
  [host('@', 'CAA', '0 ISSUE "ca.example"'), 'example.com', '0 issue "ca.example"'],
  [host('@', 'CAA', '0 issue ca.example'), 'example.com', '0 issue "ca.example"'],
  [host('@', 'CAA', 'nonsense'), 'example.com', 'nonsense'],
  [host('@', 'MX', 'mx.example.net.', '5'), 'example.com', '5 mx.example.net.'],
  [host('@', 'URL', 'http://example.net/'), 'example.com', 'http://example.net/'],
];
for (const [given, name, value] of read) {
  test(`${given.name} ${given.type} ${given.address} is read as ${name} ${value}`, () =>
    assert.deepEqual(toCurrent(given, 'example.com'), { name, type: given.type, value, ttl: 1799 }));
}

test('the id of a host is its handle, and not part of its key', () => {
  const numbered = { ...host('@', 'A', '192.0.2.1'), id: '7' };
  assert.equal(toCurrent(numbered, 'example.com').handle, '7');
  assert.equal(hostKey(numbered), hostKey({ ...numbered, id: '8' }));
});

const written: readonly (readonly [type: string, value: string, address: string])[] = [
  ['A', '192.0.2.1', '192.0.2.1'],
  ['CNAME', 'gateway.example.net', 'gateway.example.net.'],
  ['TXT', 'a b;c\\d', 'a b;c\\d'],
  ['CAA', '0 issue "ca.example"', '0 issue "ca.example"'],
];
for (const [type, value, address] of written) {
  test(`${type} ${value} is written as ${address}`, () => {
    const made = toHost({ name: 'a.b.example.com', type, value, ttl: 300 }, 'example.com');
    assert.deepEqual(made, host('a.b', type, address, '10', '300'));
  });
}

test('the domain itself is written as @', () => {
  assert.equal(toHost({ name: 'example.com', type: 'TXT', value: 'x', ttl: 60 }, 'example.com').name, '@');
});

const refused = [
  ['example.com', 'MX', '10 mx.example.net', 'PROVIDER_REJECTED'],
  ['example.com', 'TXT', 'a "b"', 'PROVIDER_REJECTED'],
  ['example.com', 'CAA', 'letsencrypt.org', 'PROVIDER_REJECTED'],
  ['notexample.com', 'TXT', 'x', 'ZONE_MISMATCH'],
] as const;
for (const [name, type, value, code] of refused) {
  test(`${name} ${type} ${value} is refused`, () =>
    assert.throws(
      () => toHost({ name, type, value, ttl: 60 }, 'example.com'),
      (thrown) => isIngressError(thrown, code),
    ));
}

for (const [seconds, expected] of [
  [1, 60],
  [60, 60],
  [300.4, 300],
  [60_000, 60_000],
  [86_400, 60_000],
] as const) {
  test(`a TTL of ${seconds} becomes ${expected}`, () => assert.equal(normalizeTtl(seconds), expected));
}

test('hosts with the same meaning have the same key, and others do not', () => {
  const key = hostKey(host('www', 'CNAME', 'a.example.'));
  assert.equal(hostKey(host('WWW', 'CNAME', 'A.example')), key);
  assert.equal(hostKey(host('www', 'CNAME', 'a.example.', '20')), key);
  assert.notEqual(hostKey(host('www', 'CNAME', 'a.example.', '10', '300')), key);
  assert.notEqual(hostKey(host('@', 'MX', 'a.example.', '20')), hostKey(host('@', 'MX', 'a.example.', '10')));
  assert.notEqual(hostKey(host('@', 'TXT', 'A')), hostKey(host('@', 'TXT', 'a')));
  assert.notEqual(hostKey(host('@', 'TXT', 'a.')), hostKey(host('@', 'TXT', 'a')));
});
