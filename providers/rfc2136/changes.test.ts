import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import { packUpdates, planUpdate, toCurrent, type Update } from './changes.ts';
import { toData, typeName } from './records.ts';
import { CLASSES, type WireRecord } from './wire.ts';

const APP = 'app.example.com';
const record = (type: string, value: string, ttl = 60, name = APP): DnsRecord => ({ name, type, value, ttl });
const current = (...records: DnsRecord[]) => records.map((one) => ({ record: one, data: toData(one) }));
const create = (...records: DnsRecord[]): Change[] =>
  records.map((one) => ({ action: 'create', record: one }));
const remove = (...records: DnsRecord[]): Change[] =>
  records.map((removed) => ({ action: 'remove', removed }));

const CLASS_NAMES: Readonly<Record<number, string>> = { [CLASSES.IN]: 'IN', [CLASSES.NONE]: 'NONE' };
const brief = ({ type, class: kind, ttl, data }: WireRecord) =>
  `${typeName(type)} ${CLASS_NAMES[kind]} ${ttl} ${data.length}`;
const changesOf = (parts: readonly Update[]) => parts.flatMap(({ changes }) => changes.map(brief));
const guardsOf = (parts: readonly Update[]) => parts.flatMap(({ prerequisites }) => prerequisites.map(brief));

const withoutHandles = (records: readonly CurrentRecord[]) => records.map(({ handle: _, ...rest }) => rest);

const A = record('A', '192.0.2.1');
const ALIAS = record('CNAME', 'a.example');
const TXT = record('TXT', 'ours');

describe('the changes of an update', () => {
  test('removals come first, and only of current records', () => {
    const { parts } = planUpdate([...create(ALIAS), ...remove(A, record('A', '192.0.2.9'))], current(A));
    assert.deepEqual(changesOf(parts), ['A NONE 0 4', 'CNAME IN 60 11']);
  });

  test('a current record is not written, and a missing one is not removed', () => {
    const { parts, made } = planUpdate([...create(A), ...remove(TXT)], current(A));
    assert.deepEqual([parts, made], [[], current(A).map(toCurrent)]);
  });

  test('the records that no change names determine the TTL', () => {
    const theirs = record('TXT', 'theirs', 900);
    const { parts, made } = planUpdate(create(TXT), current(theirs));
    assert.deepEqual(changesOf(parts), ['TXT IN 900 5']);
    assert.deepEqual(withoutHandles(made), [{ ...TXT, ttl: 900 }]);
    const again = planUpdate(create(TXT), current(theirs, { ...TXT, ttl: 900 }));
    assert.deepEqual([again.parts, withoutHandles(again.made)], [[], [{ ...TXT, ttl: 900 }]]);
  });

  test('an RRset that is entirely ours is written again for another TTL', () => {
    const [one, two] = [record('TXT', 'one', 900), record('TXT', 'two', 900)];
    const { parts } = planUpdate(create({ ...one, ttl: 60 }, { ...two, ttl: 60 }), current(one, two));
    assert.deepEqual(changesOf(parts), ['TXT NONE 0 4', 'TXT NONE 0 4', 'TXT IN 60 4', 'TXT IN 60 4']);
  });

  test('a record that is created twice is added once', () => {
    const { parts, made } = planUpdate(create(TXT, TXT), []);
    assert.deepEqual(changesOf(parts), ['TXT IN 60 5']);
    assert.deepEqual(made, [...current(TXT), ...current(TXT)].map(toCurrent));
  });

  test('of two equal values with different data one is removed, and the handle decides which', () => {
    const recut = { record: TXT, data: Buffer.from('\x02ou\x02rs', 'latin1') };
    const twice = [...current(TXT), recut];
    assert.deepEqual(changesOf(planUpdate(remove(TXT), twice).parts), ['TXT NONE 0 5']);
    assert.deepEqual(changesOf(planUpdate(remove(toCurrent(recut)), twice).parts), ['TXT NONE 0 6']);
    assert.deepEqual(changesOf(planUpdate(remove(toCurrent(recut)), current(TXT)).parts), ['TXT NONE 0 5']);
  });
});

describe('a new TTL in two messages', () => {
  const apart = (changes: Change[], ...existing: DnsRecord[]) =>
    planUpdate(changes, current(...existing)).apart.map((updates) => [changesOf(updates), guardsOf(updates)]);

  test('a single record is removed, and added again if the name is still free', () => {
    const old = record('CNAME', 'a.example', 900);
    assert.deepEqual(apart(create(ALIAS), old), [
      [['CNAME NONE 0 11'], []],
      [['CNAME IN 60 11'], ['ANY NONE 0 0']],
    ]);
  });

  test('of several records one is removed, so that the name always exists', () => {
    const [one, two] = [record('A', '192.0.2.1', 900), record('A', '192.0.2.2', 900)];
    assert.deepEqual(apart(create({ ...one, ttl: 60 }, { ...two, ttl: 60 }), one, two), [
      [['A NONE 0 4'], []],
      [['A IN 60 4'], ['CNAME NONE 0 0']],
    ]);
  });

  test('the RRsets are returned, with both TTLs', () => {
    const { renewed } = planUpdate(create(A), current({ ...A, ttl: 900 }));
    assert.deepEqual(renewed, [{ name: APP, type: 'A', current: 900, wanted: 60 }]);
    assert.deepEqual(planUpdate(create(A, TXT), current(A)).renewed, []);
  });
});

describe('the prerequisites of an update', () => {
  test('a CNAME at a free name requires the name to be free', () => {
    assert.deepEqual(guardsOf(planUpdate(create(ALIAS), []).parts), ['ANY NONE 0 0']);
  });

  test('a CNAME that replaces records requires exactly the RRsets that were read', () => {
    const guards = guardsOf(planUpdate([...create(ALIAS), ...remove(A)], current(A)).parts);
    assert.ok(guards.includes('A IN 0 4') && !guards.includes('A NONE 0 0'));
    for (const type of ['AAAA', 'CNAME', 'TXT', 'MX', 'HTTPS'])
      assert.ok(guards.includes(`${type} NONE 0 0`));
  });

  test('any other type requires that there is no CNAME, or only the removed one', () => {
    assert.deepEqual(guardsOf(planUpdate(create(A), current(TXT)).parts), ['CNAME NONE 0 0']);
    const instead = planUpdate([...remove(ALIAS), ...create(A)], current(ALIAS));
    assert.deepEqual(guardsOf(instead.parts), ['CNAME IN 0 11']);
  });

  test('a removal requires nothing', () => {
    assert.deepEqual(guardsOf(planUpdate(remove(A), current(A)).parts), []);
  });
});

describe('a CNAME beside other records', () => {
  const cases: readonly (readonly [what: string, changes: Change[], existing: DnsRecord[], code: string])[] =
    [
      ['a CNAME beside a record that stays', create(ALIAS), [A], 'PROVIDER_REJECTED'],
      ['an address beside a CNAME that stays', create(A), [ALIAS], 'PROVIDER_REJECTED'],
      ['a second CNAME', create(ALIAS), [record('CNAME', 'b.example')], 'PROVIDER_REJECTED'],
      [
        'a CNAME beside the successor of the record to be removed',
        [{ action: 'remove', removed: record('A', '192.0.2.7') }, ...create(ALIAS)],
        [A],
        'PROVIDER_CONFLICT',
      ],
      ['a CNAME and an address that are both wanted', create(ALIAS, A), [], 'PROVIDER_REJECTED'],
    ];
  for (const [what, changes, existing, code] of cases) {
    test(`${what} is ${code}`, () => {
      assert.throws(
        () => planUpdate(changes, current(...existing)),
        (thrown) => isIngressError(thrown) && thrown.code === code,
      );
    });
  }
});

test('parts share a message while they fit, in their order', () => {
  const wanted = Array.from({ length: 10 }, (_, at) => record('A', '192.0.2.1', 60, `n${at}.example.com`));
  const { parts } = planUpdate(create(...wanted), []);
  const packed = packUpdates(parts, 160);
  assert.ok(packed.length > 1 && packed.length < 10, String(packed.length));
  assert.deepEqual(changesOf(packed), changesOf(parts));
  assert.deepEqual(
    packed.flatMap(({ changes }) => changes),
    parts.flatMap(({ changes }) => changes),
  );
  assert.equal(packUpdates(parts).length, 1);
  assert.deepEqual(packUpdates([]), []);
});
