import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IngressError } from '../../src/errors.ts';
import type { ApiRecord } from './answers.ts';
import { normalizeTtl, toBody, toCurrent } from './records.ts';

const APEX = { name: 'example.com', defaultTtl: 3600 };
const empty = { id: 7, name: 'app', ttl_sec: 300, tag: '', priority: 0, weight: 0, port: 0 };
const api = (part: Partial<ApiRecord>): ApiRecord => ({ ...empty, type: 'TXT', target: 'x', ...part });
const wanted = (type: string, value: string, name = 'app.example.com', ttl = 60) => ({
  name,
  type,
  value,
  ttl,
});

for (const [seconds, ttl] of [
  [0, 300],
  [60, 300],
  [300, 300],
  [301, 3600],
  [86_400, 86_400],
  [9_999_999, 2_419_200],
] as const) {
  test(`a TTL of ${seconds} becomes ${ttl}`, () => assert.equal(normalizeTtl(seconds), ttl));
}

const read: readonly (readonly [what: string, Partial<ApiRecord>, name: string, value: string])[] = [
  ['the apex', { name: '' }, 'example.com', 'x'],
  ['a name in capitals', { name: 'App' }, 'app.example.com', 'x'],
  ['a wildcard', { name: '*', type: 'CNAME', target: 'A.Example.NET.' }, '*.example.com', 'a.example.net'],
  ['an address with a fully qualified name', { name: 'a.example.com', type: 'A' }, 'a.example.com', 'x'],
  ['a relative name that looks fully qualified', { name: 'a.example.com' }, 'a.example.com.example.com', 'x'],
  [
    'an address with a name that only ends alike',
    { name: 'ample.com', type: 'A' },
    'ample.com.example.com',
    'x',
  ],
  ['quotes as part of the value', { target: '"a" \\b ' }, 'app.example.com', '"a" \\b '],
  ['a long IPv6 address', { type: 'AAAA', target: '2001:DB8:0:0::1' }, 'app.example.com', '2001:db8::1'],
  ['CAA', { type: 'CAA', tag: 'ISSUE', target: 'ca;x=y' }, 'app.example.com', '0 issue "ca;x=y"'],
  ['MX', { type: 'MX', target: 'mx.example', priority: 10 }, 'app.example.com', '10 mx.example'],
  [
    'SRV',
    { type: 'SRV', target: 't.example', priority: 1, weight: 2, port: 3 },
    'app.example.com',
    '1 2 3 t.example',
  ],
];
for (const [what, part, name, value] of read) {
  test(`reads ${what}`, () => {
    const record = api(part);
    assert.deepEqual(toCurrent(record, APEX), { name, type: record.type, value, ttl: 300, handle: '7' });
  });
}

test('a record without its own TTL has the TTL of its domain', () =>
  assert.equal(toCurrent(api({ ttl_sec: 0 }), APEX).ttl, 3600));

test('writes relative names, documented TTLs, and unquoted values', () => {
  const value = `a "quoted" \\ ${'x'.repeat(300)} é`;
  assert.deepEqual(toBody(wanted('TXT', value), 'example.com'), {
    type: 'TXT',
    name: 'app',
    target: value,
    ttl_sec: 300,
  });
  assert.equal(toBody(wanted('A', '192.0.2.1', 'example.com'), 'example.com').name, '');
  assert.equal(toBody(wanted('CNAME', 'x.example', '*.a.example.com'), 'example.com').name, '*.a');
});

test('writes CAA as tag and target', () => {
  const { tag, target } = toBody(wanted('CAA', '0 issue "ca;accounturi=https://ca/1"'), 'example.com');
  assert.deepEqual([tag, target], ['issue', 'ca;accounturi=https://ca/1']);
});

const refused: readonly (readonly [what: string, ...Parameters<typeof toBody>, code: string])[] = [
  ['CAA with flags', wanted('CAA', '128 iodef "mailto:a@b.example"'), 'example.com', 'PROVIDER_REJECTED'],
  ['malformed CAA', wanted('CAA', 'letsencrypt.org'), 'example.com', 'PROVIDER_REJECTED'],
  ['a type that is never written', wanted('MX', '10 mx.example'), 'example.com', 'PROVIDER_REJECTED'],
  ['a name outside the domain', wanted('TXT', 'x', 'notexample.com'), 'example.com', 'ZONE_MISMATCH'],
];
for (const [what, record, apex, code] of refused) {
  test(`refuses ${what}`, () =>
    assert.throws(
      () => toBody(record, apex),
      (thrown) => thrown instanceof IngressError && thrown.code === code,
    ));
}
