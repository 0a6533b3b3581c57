import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';
import { type Step, schedule } from './changes.ts';

const NAME = 'a.example';
const txt = (value: string, ttl = 300): DnsRecord => ({ name: NAME, type: 'TXT', value, ttl });
const live = (value: string, handle: string, ttl = 300): CurrentRecord => ({ ...txt(value, ttl), handle });
const address: DnsRecord = { name: NAME, type: 'A', value: '192.0.2.1', ttl: 300 };
const alias: DnsRecord = { name: NAME, type: 'CNAME', value: 'b.example', ttl: 300 };
const create = (record: DnsRecord): Change => ({ action: 'create', record });
const replace = (record: DnsRecord, replaced: CurrentRecord): Change => ({
  action: 'replace',
  record,
  replaced,
});
const remove = (removed: CurrentRecord): Change => ({ action: 'remove', removed });

function show(step: Step): string {
  if (step.kind === 'delete') return `delete ${step.id}`;
  return step.kind === 'put' ? `put ${step.id} ${step.record.value}` : `post ${step.record.value}`;
}

const cases: readonly (readonly [
  what: string,
  changes: Change[],
  current: CurrentRecord[],
  steps: string[],
])[] = [
  ['creates what is not there', [create(txt('1'))], [live('2', 'h2')], ['post 1']],
  ['leaves what stands', [create(txt('1'))], [live('1', 'h1')], []],
  ['leaves what stands with a TTL that is rounded', [create(txt('1', 60))], [live('1', 'h1')], []],
  ['mends a TTL', [create(txt('1'))], [live('1', 'h1', 7200)], ['put h1 1']],
  ['removes by value', [remove(txt('1'))], [live('2', 'h2'), live('1', 'h1')], ['delete h1']],
  [
    'removes the record of the id',
    [remove(live('1', 'h2'))],
    [live('1', 'h1'), live('1', 'h2')],
    ['delete h2'],
  ],
  ['has nothing to remove', [remove(live('1', 'h1'))], [live('2', 'h2')], []],
  ['does not remove what was changed', [remove(live('1', 'h1'))], [live('theirs', 'h1')], []],
  ['does not remove the same under another id', [remove(live('1', 'h1'))], [live('1', 'h2')], []],
  ['replaces in place', [replace(txt('2'), live('1', 'h1'))], [live('1', 'h1')], ['put h1 2']],
  ['replaces in place by value', [replace(txt('2'), txt('1'))], [live('1', 'h1')], ['put h1 2']],
  ['creates where the replaced is gone', [replace(txt('2'), live('1', 'h1'))], [], ['post 2']],
  ['is done replacing', [replace(txt('2'), live('1', 'h1'))], [live('2', 'h1')], []],
  [
    'removes the replaced beside the wanted',
    [replace(txt('2'), live('1', 'h1'))],
    [live('1', 'h1'), live('2', 'h2')],
    ['delete h1'],
  ],
  [
    'mends the record that is replaced by itself, not its double',
    [replace(txt('1'), live('1', 'h2', 7200))],
    [live('1', 'h1', 7200), live('1', 'h2', 7200)],
    ['put h2 1'],
  ],
  [
    'makes room for an alias first',
    [create(alias), remove({ ...address, handle: 'h1' })],
    [{ ...address, handle: 'h1' }],
    ['delete h1', 'post b.example'],
  ],
  [
    'makes room by replacing another type',
    [replace(alias, { ...address, handle: 'h1' })],
    [{ ...address, handle: 'h1' }],
    ['delete h1', 'post b.example'],
  ],
  [
    'makes room by removing an alias first',
    [remove({ ...alias, handle: 'h1' }), create(address), create(txt('1'))],
    [{ ...alias, handle: 'h1' }],
    ['delete h1', 'post 192.0.2.1', 'post 1'],
  ],
  [
    'removes last what is in nobody’s way',
    [remove(live('1', 'h1')), create(txt('3')), replace(txt('4'), live('2', 'h2'))],
    [live('1', 'h1'), live('2', 'h2')],
    ['put h2 4', 'post 3', 'delete h1'],
  ],
  [
    'makes all that can be before it makes room',
    [create(alias), remove({ ...address, handle: 'h1' }), create({ ...txt('3'), name: 'c.example' })],
    [{ ...address, handle: 'h1' }],
    ['post 3', 'delete h1', 'post b.example'],
  ],
];
for (const [what, changes, current, steps] of cases) {
  test(`it ${what}`, () => {
    const planned = schedule(changes, current);
    assert.deepEqual(planned.steps.map(show), steps);
    assert.equal(planned.clash, undefined);
  });
}

test('two removals of one value remove two records, and no third', () => {
  const twice = [remove(txt('1')), remove(txt('1')), remove(txt('1'))];
  const { steps } = schedule(twice, [live('1', 'h1'), live('1', 'h2')]);
  assert.deepEqual(steps.map(show), ['delete h1', 'delete h2']);
});

test('what stands is told for each change', () => {
  const change = create(txt('1'));
  assert.deepEqual(schedule([change], [live('1', 'h1')]).current, new Map([[change, live('1', 'h1')]]));
});

const clashes: readonly (readonly [what: string, changes: Change[], current: CurrentRecord[]])[] = [
  ['an alias beside what nobody removes', [create(alias)], [live('1', 'h1')]],
  ['a text beside an alias', [create(txt('1'))], [{ ...alias, handle: 'h1' }]],
  [
    'an alias that is replaced, beside a new address',
    [replace({ ...alias, value: 'c.example' }, { ...alias, handle: 'h1' }), create(address)],
    [{ ...alias, handle: 'h1' }],
  ],
  ['two aliases', [create(alias), create({ ...alias, value: 'c.example' })], []],
];
for (const [what, changes, current] of clashes) {
  test(`a clash: ${what}`, () => assert.ok(schedule(changes, current).clash));
}

test('a clash is of a zone that changed where what was to be removed is not there', () => {
  const moved = [remove({ ...address, handle: 'h1' }), create(alias)];
  assert.equal(schedule(moved, [live('1', 'h2')]).clash?.isNew, true);
  assert.equal(schedule([create(alias)], [live('1', 'h2')]).clash?.isNew, false);
});

test('a clash that stands already is nobody’s fault', () => {
  const current = [live('1', 'h1'), { ...alias, handle: 'h2' }];
  assert.equal(schedule([remove(live('1', 'h1'))], current).clash, undefined);
});
