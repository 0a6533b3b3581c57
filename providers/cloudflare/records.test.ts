import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIngressError } from '../../src/errors.ts';
import type { ApiRecord } from './answers.ts';
import { normalizeTtl, toBody, toCurrent, toCurrentRecords } from './records.ts';

function api(part: Partial<ApiRecord>): ApiRecord {
  return { id: 'id', name: 'app.example.com', type: 'TXT', content: '', ttl: 60, ...part };
}

const values: readonly (readonly [type: string, content: string, value: string])[] = [
  ['A', '192.0.2.1', '192.0.2.1'],
  ['AAAA', '2001:DB8:0::0:1', '2001:db8::1'],
  ['AAAA', 'not an address', 'not an address'],
  ['CNAME', 'Target.Example.NET.', 'target.example.net'],
  ['CNAME', '_.example.net', '_.example.net'],
  ['TXT', '"quoted"', 'quoted'],
  ['TXT', 'bare', 'bare'],
  ['TXT', 'bare "with" quotes', 'bare "with" quotes'],
  ['TXT', '"one" "two"', 'onetwo'],
  ['TXT', '"one""two"', 'onetwo'],
  ['TXT', '""', ''],
  ['TXT', '"unfinished', '"unfinished'],
  ['TXT', '"a \\"b\\" \\\\"', 'a "b" \\'],
  ['TXT', '"\\065\\066C"', 'ABC'],
  ['TXT', '"\\195\\169"', 'é'],
  ['TXT', '"\\195" "\\169"', 'é'],
  ['TXT', '"Case Is Kept"', 'Case Is Kept'],
  ['CAA', '0 issue "letsencrypt.org"', '0 issue "letsencrypt.org"'],
  ['CAA', '0 ISSUE "letsencrypt.org"', '0 issue "letsencrypt.org"'],
  ['CAA', 'something else', 'something else'],
  ['MX', 'Mail.Example.net', 'Mail.Example.net'],
];
for (const [type, content, value] of values) {
  test(`${type} ${content} is read as ${value}`, () => {
    assert.equal(toCurrent(api({ type, content })).value, value);
  });
}

test('the parts of a CAA record take precedence over its text', () => {
  const data = { flags: 128, tag: 'Issue', value: 'ca.example; a=b' };
  assert.equal(toCurrent(api({ type: 'CAA', content: 'old', data })).value, '128 issue "ca.example; a=b"');
});

test('a name is lower case without a trailing dot', () => {
  assert.equal(toCurrent(api({ name: 'App.Example.COM.' })).name, 'app.example.com');
});

test('an automatic TTL is the one that Cloudflare serves', () => {
  assert.equal(toCurrent(api({ ttl: 1 })).ttl, 300);
});

test('the proxy hides every address of a name, and nothing else', () => {
  const records = [
    api({ type: 'A', proxied: true }),
    api({ type: 'AAAA' }),
    api({ type: 'TXT' }),
    api({ type: 'A', name: 'other.example.com' }),
    api({ type: 'CNAME', name: 'www.example.com', proxied: true }),
  ];
  const hidden = toCurrentRecords(records).map(({ overriddenBy }) => overriddenBy !== undefined);
  assert.deepEqual(hidden, [true, true, false, false, true]);
});

for (const [wanted, ttl] of [
  [0, 60],
  [1, 60],
  [59.7, 60],
  [60, 60],
  [300, 300],
  [86_400, 86_400],
  [1e9, 86_400],
] as const) {
  test(`a TTL of ${wanted} becomes ${ttl}`, () => assert.equal(normalizeTtl(wanted), ttl));
}

test('bodies have the fields that each type needs', () => {
  const common = { name: 'a.example', ttl: 60, comment: 'dstack-ingress' };
  const body = (type: string, value: string) => toBody({ name: 'a.example', type, value, ttl: 60 });
  assert.deepEqual(body('A', '192.0.2.1'), { ...common, type: 'A', content: '192.0.2.1', proxied: false });
  assert.deepEqual(body('TXT', 'a"b'), { ...common, type: 'TXT', content: '"a\\"b"' });
  assert.deepEqual(body('CAA', '0 issue "ca"'), {
    ...common,
    type: 'CAA',
    data: { flags: 0, tag: 'issue', value: 'ca' },
  });
});

for (const [type, value] of [
  ['CAA', 'issue ca'],
  ['MX', '10 mail'],
] as const) {
  test(`a ${type} of ${value} is rejected`, () => {
    const send = () => toBody({ name: 'a.example', type, value, ttl: 60 });
    assert.throws(send, (thrown) => isIngressError(thrown, 'PROVIDER_REJECTED'));
  });
}
