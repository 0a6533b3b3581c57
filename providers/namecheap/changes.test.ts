import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Change, DnsRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import { changeHosts } from './changes.ts';
import type { Host } from './hosts.ts';

const DOMAIN = 'example.com';
const host = (name: string, type: string, address: string, ttl = '300'): Host => ({
  name,
  type,
  address,
  mxPref: '10',
  ttl,
});
const record = (label: string, type: string, value: string, ttl = 300): DnsRecord => ({
  name: label === '@' ? DOMAIN : `${label}.${DOMAIN}`,
  type,
  value,
  ttl,
});
const create = (one: DnsRecord): Change => ({ action: 'create', record: one });
const remove = (removed: DnsRecord): Change => ({ action: 'remove', removed });
const replace = (replaced: DnsRecord, one: DnsRecord): Change => ({
  action: 'replace',
  record: one,
  replaced,
});

const a = host('a', 'TXT', 'a');
const b = host('a', 'TXT', 'b');
const www = host('www', 'A', '192.0.2.1');
const [A, B, C] = ['a', 'b', 'c'].map((value) => record('a', 'TXT', value)) as [
  DnsRecord,
  DnsRecord,
  DnsRecord,
]; // three of three

const cases: readonly (readonly [what: string, changes: Change[], hosts: Host[], differs: boolean])[] = [
  ['no change changes nothing', [], [a, b, www], false],
  ['a creation comes last', [create(C)], [a, b, www, host('a', 'TXT', 'c')], true],
  ['a current record is not created again', [create(B)], [a, b, www], false],
  ['a TTL is changed in place', [create({ ...A, ttl: 60 })], [host('a', 'TXT', 'a', '60'), b, www], true],
  ['a removal removes the host', [remove(A)], [b, www], true],
  ['a missing record is not removed again', [remove(C)], [a, b, www], false],
  ['a record that is removed and created moves to the end', [remove(B), create(B)], [a, www, b], false],
  [
    'a replacement takes the place of the replaced record',
    [replace(A, C)],
    [host('a', 'TXT', 'c'), b, www],
    true,
  ],
  [
    'a replacement of a missing record is a creation',
    [replace(C, record('c', 'A', '192.0.2.2'))],
    [a, b, www, host('c', 'A', '192.0.2.2')],
    true,
  ],
  ['a replacement by a current record is a removal', [replace(A, B)], [b, www], true],
  [
    'a replacement of a record by itself sets the TTL',
    [replace(A, { ...A, ttl: 60 })],
    [host('a', 'TXT', 'a', '60'), b, www],
    true,
  ],
  [
    'a CNAME may replace an address',
    [replace(record('www', 'A', '192.0.2.1'), record('www', 'CNAME', 'x.example.net'))],
    [a, b, host('www', 'CNAME', 'x.example.net.')],
    true,
  ],
];
for (const [what, changes, expected, differs] of cases) {
  test(what, () => {
    const changed = changeHosts([a, b, www], changes, DOMAIN);
    assert.deepEqual(changed.hosts, expected);
    assert.equal(changed.differs, differs);
  });
}

test('of two equal records, a removal takes the one with its TTL, or either of them', () => {
  const twin = host('a', 'TXT', 'a', '60');
  const hostsAfter = (hosts: Host[], change: Change) => changeHosts(hosts, [change], DOMAIN);
  assert.deepEqual(hostsAfter([a, twin, www], remove({ ...A, ttl: 60 })).hosts, [a, www]);
  assert.deepEqual(hostsAfter([twin, a, www], remove(A)).hosts, [twin, www]);
  const exact = hostsAfter([a, { ...a }, www], remove(A));
  assert.deepEqual([exact.hosts, exact.differs], [[a, www], true]);
});

test('the wanted hosts are in the order of the changes', () => {
  const { wanted, removed } = changeHosts([a, b, www], [create(C), remove(B), create(A)], DOMAIN);
  assert.deepEqual(
    wanted.map(({ address }) => address),
    ['c', 'a'],
  );
  assert.deepEqual(removed, [b]);
});

for (const [what, hosts, change] of [
  ['a CNAME beside an address', [www], create(record('www', 'CNAME', 'x.example.net'))],
  ['text beside a CNAME', [host('www', 'CNAME', 'x.example.net.')], create(record('www', 'TXT', 'x'))],
  [
    'a CNAME beside another',
    [host('www', 'CNAME', 'x.example.net.')],
    create(record('www', 'CNAME', 'y.example.net')),
  ],
] as const) {
  test(`${what} is a conflict`, () =>
    assert.throws(
      () => changeHosts(hosts, [change], DOMAIN),
      (thrown) => isIngressError(thrown, 'PROVIDER_CONFLICT'),
    ));
}

for (const type of ['A', 'AAAA', 'CNAME']) {
  test(`${type} beside a redirect is rejected, text is not`, () => {
    const hosts = [host('@', 'URL', 'http://www.example.com/')];
    const value = { A: '192.0.2.1', AAAA: '2001:db8::1' }[type] ?? 'x.example.net';
    assert.throws(
      () => changeHosts(hosts, [create(record('@', type, value))], DOMAIN),
      (thrown) => isIngressError(thrown, 'PROVIDER_REJECTED') && thrown.details['reason'] === 'redirect',
    );
    assert.equal(changeHosts(hosts, [create(record('@', 'TXT', 'x'))], DOMAIN).hosts.length, 2);
  });
}

test('an existing CNAME beside text is left, and does not prevent other changes', () => {
  const odd = [host('old', 'CNAME', 'x.example.net.'), host('old', 'TXT', 'x')];
  assert.equal(changeHosts(odd, [create(A)], DOMAIN).hosts.length, 3);
  const other = create({ ...record('old', 'TXT', 'x'), ttl: 60 });
  assert.equal(changeHosts(odd, [other], DOMAIN).hosts[1]?.ttl, '60');
});

const label = fc.constantFrom('@', 'a', 'b');
const value = fc.constantFrom('one', 'two', 'three');
const anyHost = fc
  .tuple(label, value, fc.constantFrom('60', '300'))
  .map(([name, text, ttl]) => host(name, 'TXT', text, ttl));
const anyRecord = fc.tuple(label, value).map(([name, text]) => record(name, 'TXT', text));
const anyChange = fc.oneof(
  anyRecord.map(create),
  anyRecord.map(remove),
  fc.tuple(anyRecord, anyRecord).map(([old, fresh]) => replace(old, fresh)),
);

test('hosts that no change names are the same objects, in their order', () => {
  fc.assert(
    fc.property(fc.array(anyHost), fc.array(anyChange), (hosts, changes) => {
      const named = changes.flatMap((change) => [
        ...(change.action === 'remove' ? [change.removed] : [change.record]),
        ...(change.action === 'replace' ? [change.replaced] : []),
      ]);
      const isNamed = ({ name, address }: Host) =>
        named.some(
          (one) => one.name === (name === '@' ? DOMAIN : `${name}.${DOMAIN}`) && one.value === address,
        );
      const changed = changeHosts(hosts, changes, DOMAIN).hosts;
      const strangers = hosts.filter((one) => !isNamed(one));
      assert.deepEqual(
        changed.filter((one) => !isNamed(one)),
        strangers,
      );
      for (const stranger of strangers) assert.ok(changed.includes(stranger));
    }),
  );
});
