import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';
import { type Step, schedule } from './changes.ts';

const NAME = 'a.example';
const txt = (value: string, ttl = 300): DnsRecord => ({ name: NAME, type: 'TXT', value, ttl });
const existing = (value: string, handle: string, ttl = 300): CurrentRecord => ({
  ...txt(value, ttl),
  handle,
});
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
  ['creates a missing record', [create(txt('1'))], [existing('2', 'h2')], ['post 1']],
  ['leaves a current record', [create(txt('1'))], [existing('1', 'h1')], []],
  ['leaves a current record with the rounded TTL', [create(txt('1', 60))], [existing('1', 'h1')], []],
  ['corrects a TTL', [create(txt('1'))], [existing('1', 'h1', 7200)], ['put h1 1']],
  ['removes by value', [remove(txt('1'))], [existing('2', 'h2'), existing('1', 'h1')], ['delete h1']],
  [
    'removes the record with the id',
    [remove(existing('1', 'h2'))],
    [existing('1', 'h1'), existing('1', 'h2')],
    ['delete h2'],
  ],
  ['skips a removal of a missing record', [remove(existing('1', 'h1'))], [existing('2', 'h2')], []],
  [
    'does not remove a record that was changed',
    [remove(existing('1', 'h1'))],
    [existing('theirs', 'h1')],
    [],
  ],
  [
    'does not remove an equal record with another id',
    [remove(existing('1', 'h1'))],
    [existing('1', 'h2')],
    [],
  ],
  ['replaces in place', [replace(txt('2'), existing('1', 'h1'))], [existing('1', 'h1')], ['put h1 2']],
  ['replaces in place by value', [replace(txt('2'), txt('1'))], [existing('1', 'h1')], ['put h1 2']],
  [
    'creates the record if the replaced one is missing',
    [replace(txt('2'), existing('1', 'h1'))],
    [],
    ['post 2'],
  ],
  [
    'leaves a replacement that is already made',
    [replace(txt('2'), existing('1', 'h1'))],
    [existing('2', 'h1')],
    [],
  ],
  [
    'removes the replaced record beside the wanted one',
    [replace(txt('2'), existing('1', 'h1'))],
    [existing('1', 'h1'), existing('2', 'h2')],
    ['delete h1'],
  ],
  [
    'corrects the TTL of a record that is replaced by itself, not of its duplicate',
    [replace(txt('1'), existing('1', 'h2', 7200))],
    [existing('1', 'h1', 7200), existing('1', 'h2', 7200)],
    ['put h2 1'],
  ],
  [
    'makes room for a CNAME first',
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
    'makes room by removing a CNAME first',
    [remove({ ...alias, handle: 'h1' }), create(address), create(txt('1'))],
    [{ ...alias, handle: 'h1' }],
    ['delete h1', 'post 192.0.2.1', 'post 1'],
  ],
  [
    'removes other records last',
    [remove(existing('1', 'h1')), create(txt('3')), replace(txt('4'), existing('2', 'h2'))],
    [existing('1', 'h1'), existing('2', 'h2')],
    ['put h2 4', 'post 3', 'delete h1'],
  ],
  [
    'writes everything that needs no room first',
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
  const { steps } = schedule(twice, [existing('1', 'h1'), existing('1', 'h2')]);
  assert.deepEqual(steps.map(show), ['delete h1', 'delete h2']);
});

test('the current record of each change is returned', () => {
  const change = create(txt('1'));
  assert.deepEqual(
    schedule([change], [existing('1', 'h1')]).current,
    new Map([[change, existing('1', 'h1')]]),
  );
});

const clashes: readonly (readonly [what: string, changes: Change[], current: CurrentRecord[]])[] = [
  ['a CNAME beside a record that no change removes', [create(alias)], [existing('1', 'h1')]],
  ['a TXT record beside a CNAME', [create(txt('1'))], [{ ...alias, handle: 'h1' }]],
  [
    'a CNAME that is replaced, beside a new address',
    [replace({ ...alias, value: 'c.example' }, { ...alias, handle: 'h1' }), create(address)],
    [{ ...alias, handle: 'h1' }],
  ],
  ['two CNAMEs', [create(alias), create({ ...alias, value: 'c.example' })], []],
];
for (const [what, changes, current] of clashes) {
  test(`${what} is a clash`, () => assert.ok(schedule(changes, current).clash));
}

test('a clash is new if a record to be removed is missing', () => {
  const moved = [remove({ ...address, handle: 'h1' }), create(alias)];
  assert.equal(schedule(moved, [existing('1', 'h2')]).clash?.isNew, true);
  assert.equal(schedule([create(alias)], [existing('1', 'h2')]).clash?.isNew, false);
});

test('an existing clash does not prevent other changes', () => {
  const current = [existing('1', 'h1'), { ...alias, handle: 'h2' }];
  assert.equal(schedule([remove(existing('1', 'h1'))], current).clash, undefined);
});
