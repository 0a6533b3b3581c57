import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import type { ApiRecordSet } from './answers.ts';
import { type PlannedEdits, planEdits, planFromMemory } from './changes.ts';
import { toCurrentRecords } from './records.ts';

const NAME = 'a.example';
const txt = (value: string, ttl = 60): DnsRecord => ({ name: NAME, type: 'TXT', value, ttl });
const create = (record: DnsRecord): Change => ({ action: 'create', record });
const remove = (removed: CurrentRecord): Change => ({ action: 'remove', removed });
const replace = (record: DnsRecord, replaced: CurrentRecord): Change => ({
  action: 'replace',
  record,
  replaced,
});

function set(values: readonly string[], TTL = 60): ApiRecordSet {
  return {
    Name: 'a.example.',
    Type: 'TXT',
    TTL,
    ResourceRecords: values.map((value) => ({ Value: `"${value}"` })),
  };
}
const weighted = (identifier: string, values: readonly string[]): ApiRecordSet => ({
  ...set(values),
  SetIdentifier: identifier,
  Weight: 1,
});

const plan = (changes: readonly Change[], ...current: readonly ApiRecordSet[]): PlannedEdits =>
  planEdits(changes, (name, type) => current.filter((one) => one.Name === `${name}.` && one.Type === type));

type Row = readonly [
  what: string,
  Change[],
  ApiRecordSet[],
  removed: ApiRecordSet[],
  made: ApiRecordSet | undefined,
  idle: boolean,
];
const rows: readonly Row[] = [
  ['creates an RRset', [create(txt('1'))], [], [], set(['1']), false],
  ['adds a value to a current RRset', [create(txt('2'))], [set(['1'])], [set(['1'])], set(['1', '2']), false],
  ['leaves a current value', [create(txt('1'))], [set(['2', '1'])], [], undefined, true],
  ['corrects the TTL', [create(txt('1'))], [set(['1'], 300)], [set(['1'], 300)], set(['1']), false],
  ['uses the shortest TTL', [create(txt('1', 9)), create(txt('2', 5))], [], [], set(['1', '2'], 5), false],
  ['creates a value once', [create(txt('1')), create(txt('1'))], [], [], set(['1']), false],
  [
    'removes a value beside others',
    [remove(txt('1'))],
    [set(['1', '2'], 7)],
    [set(['1', '2'], 7)],
    set(['2'], 7),
    false,
  ],
  ['removes the last value', [remove(txt('1'))], [set(['1'])], [set(['1'])], undefined, false],
  ['skips a removal of a missing value', [remove(txt('1'))], [set(['2'])], [], undefined, true],
  [
    'replaces a value',
    [replace(txt('2'), txt('1'))],
    [set(['1', '3'])],
    [set(['1', '3'])],
    set(['3', '2']),
    false,
  ],
  [
    'creates the value if the replaced one is missing',
    [replace(txt('2'), txt('1'))],
    [],
    [],
    set(['2']),
    true,
  ],
  [
    'leaves a replacement that is already made',
    [replace(txt('2'), txt('1'))],
    [set(['2'])],
    [],
    undefined,
    true,
  ],
  [
    'gives a value that is replaced by itself the new TTL',
    [replace(txt('1', 9), txt('1'))],
    [set(['1'])],
    [set(['1'])],
    set(['1'], 9),
    false,
  ],
  [
    'keeps the TTL of a value that no change names',
    [create(txt('1', 9))],
    [set(['2'])],
    [set(['2'])],
    set(['2', '1']),
    false,
  ],
  [
    'keeps a value that is both removed and wanted',
    [create(txt('1')), remove(txt('1'))],
    [set(['1'])],
    [],
    undefined,
    true,
  ],
];
for (const [what, changes, current, removed, made, idle] of rows) {
  test(`it ${what}`, () => {
    const planned = plan(changes, ...current);
    const edits = planned.edits.map((edit) => [edit.removed, edit.made]);
    assert.deepEqual(edits, removed.length > 0 || made ? [[removed, made]] : []);
    assert.equal(planned.idle, idle);
  });
}

test('records are in the order of the changes, with the TTL of their RRset', () => {
  const a: DnsRecord = { name: 'b.example', type: 'A', value: '192.0.2.1', ttl: 5 };
  const changes = [create(txt('2', 9)), create(a), remove(txt('0')), replace(txt('1', 7), txt('3'))];
  const { records } = plan(changes, set(['0', '3']));
  assert.deepEqual(records, [
    { ...txt('2', 7), handle: 'a.example TXT' },
    { ...a, handle: 'b.example A' },
    { ...txt('1', 7), handle: 'a.example TXT' },
  ]);
});

test('an RRset with a routing policy is removed whole, by its identifier', () => {
  const [blue, green] = [weighted('blue', ['1', '2']), weighted('green', ['1', '2'])];
  const { edits, idle } = plan(toCurrentRecords(green).map(remove), blue, green);
  assert.deepEqual(edits[0]?.removed, [green]);
  assert.deepEqual([edits[0]?.after, idle], [[blue], false]);
});

test('a simple value is not found in an RRset with a routing policy', () => {
  const { edits, idle } = plan([remove(txt('1'))], weighted('blue', ['1']));
  assert.deepEqual([edits, idle], [[], true]);
});

const refused: readonly (readonly [
  what: string,
  Change[],
  ApiRecordSet[],
  code: 'PROVIDER_REJECTED' | 'PROVIDER_CONFLICT',
])[] = [
  [
    'to remove a part of an RRset with a routing policy',
    toCurrentRecords(weighted('a', ['1', '2']))
      .slice(1)
      .map(remove),
    [weighted('a', ['1', '2'])],
    'PROVIDER_REJECTED',
  ],
  [
    'to add a value to an RRset with a routing policy',
    [create(txt('3'))],
    [weighted('a', ['1'])],
    'PROVIDER_REJECTED',
  ],
  ['to write an unknown type', [create({ ...txt('1'), type: 'MX' })], [], 'PROVIDER_REJECTED'],
  [
    'a second CNAME',
    [create({ ...txt('b.example'), type: 'CNAME' })],
    [{ Name: 'a.example.', Type: 'CNAME', TTL: 60, ResourceRecords: [{ Value: 'c.example' }] }],
    'PROVIDER_CONFLICT',
  ],
];
for (const [what, changes, current, code] of refused) {
  test(`it refuses ${what}`, () =>
    assert.throws(
      () => plan(changes, ...current),
      (thrown) => isIngressError(thrown, code),
    ));
}

test('memory is used only for changes that the API itself checks', () => {
  const known = (_: string, type: string) => (type === 'TXT' ? [set(['1'])] : undefined);
  const alias = { ...txt('b.example'), type: 'CNAME' };
  const served = [[create(txt('2'))], [remove(txt('1'))], [create(alias)]];
  for (const changes of served) assert.ok(planFromMemory(changes, known));
  const unserved = [
    [create(txt('1'))],
    [remove(txt('2'))],
    [remove(alias)],
    [create({ ...alias, type: 'MX' })],
  ];
  for (const changes of unserved) assert.equal(planFromMemory(changes, known), undefined);
});

test('the RRset after any changes is the current one without the removed and with the wanted values', () => {
  const values = fc.uniqueArray(fc.constantFrom('1', '2', '3', '4', '5'));
  fc.assert(
    fc.property(values, values, values, fc.constantFrom(60, 300), (current, removals, wanted, ttl) => {
      const before = current.length > 0 ? [set(current, ttl)] : [];
      const changes = [
        ...removals.map((value) => remove(txt(value))),
        ...wanted.map((value) => create(txt(value))),
      ];
      const { edits, idle } = plan(changes, ...before);
      const expected = new Set([...current.filter((value) => !removals.includes(value)), ...wanted]);
      const [edit] = edits;
      const after = edit ? edit.after : before;
      assert.deepEqual(new Set(after.flatMap(toCurrentRecords).map(({ value }) => value)), expected);
      if (edit) assert.deepEqual(edit.removed, before);
      // Nothing is left undone but what memory may not decide.
      if (!edit && changes.length > 0) assert.ok(idle || removals.every((value) => wanted.includes(value)));
    }),
  );
});
