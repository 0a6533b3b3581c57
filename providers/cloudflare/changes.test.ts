import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';
import { groupSteps, matchAnswer, type Step, stepsAgainst, stepsByHandle, toBatch } from './changes.ts';

const txt = (value: string, ttl = 60): DnsRecord => ({ name: 'a.example', type: 'TXT', value, ttl });
const existing = (value: string, handle: string, ttl = 60): CurrentRecord => ({ ...txt(value, ttl), handle });
const create = (record: DnsRecord): Change => ({ action: 'create', record });
const replace = (record: DnsRecord, replaced: CurrentRecord): Change => ({
  action: 'replace',
  record,
  replaced,
});
const remove = (removed: CurrentRecord): Change => ({ action: 'remove', removed });
const parts = (steps: readonly Step[] | undefined) => steps?.map(({ change: _, ...rest }) => rest);

test('changes with handles need no read', () => {
  const alias: DnsRecord = { name: 'a.example', type: 'CNAME', value: 'b.example', ttl: 60 };
  const changes = [
    create(txt('1')),
    remove(existing('2', 'h2')),
    replace(txt('3'), existing('x', 'h3')),
    replace(alias, existing('4', 'h4')),
  ];
  assert.deepEqual(parts(stepsByHandle(changes)), [
    { post: txt('1') },
    { delete: 'h2' },
    { put: { id: 'h3', record: txt('3') } },
    { delete: 'h4', post: alias },
  ]);
});

test('a change without a handle needs a read', () => {
  assert.equal(stepsByHandle([remove(txt('1'))]), undefined);
  assert.equal(stepsByHandle([create(txt('0')), replace(txt('1'), txt('2'))]), undefined);
});

const against: readonly (readonly [what: string, change: Change, current: CurrentRecord[], step: object])[] =
  [
    ['creates a missing record', create(txt('1')), [existing('2', 'h2')], { post: txt('1') }],
    ['leaves a current record', create(txt('1')), [existing('1', 'h1')], { current: existing('1', 'h1') }],
    ['corrects a TTL', create(txt('1')), [existing('1', 'h1', 300)], { put: { id: 'h1', record: txt('1') } }],
    [
      'turns the proxy off',
      create(txt('1')),
      [{ ...existing('1', 'h1'), overriddenBy: 'cloudflare-proxy' }],
      { put: { id: 'h1', record: txt('1') } },
    ],
    ['removes by value', remove(txt('1')), [existing('2', 'h2'), existing('1', 'h1')], { delete: 'h1' }],
    ['skips a removal of a missing record', remove(existing('1', 'h1')), [existing('2', 'h2')], {}],
    [
      'does not remove a record that was changed',
      remove(existing('1', 'h1')),
      [existing('theirs', 'h1')],
      {},
    ],
    [
      'replaces in place',
      replace(txt('2'), txt('1')),
      [existing('1', 'h1')],
      { put: { id: 'h1', record: txt('2') } },
    ],
    [
      'creates the record if the replaced one is missing',
      replace(txt('2'), existing('1', 'h1')),
      [],
      { post: txt('2') },
    ],
    [
      'leaves a replacement that is already made',
      replace(txt('2'), existing('1', 'h1')),
      [existing('2', 'h1')],
      { current: existing('2', 'h1') },
    ],
    [
      'removes the replaced record beside the wanted one',
      replace(txt('2'), existing('1', 'h1')),
      [existing('1', 'h1'), existing('2', 'h2')],
      { current: existing('2', 'h2'), delete: 'h1' },
    ],
    [
      'corrects the TTL of a record that is replaced by itself',
      replace(txt('1'), existing('1', 'h1', 300)),
      [existing('1', 'h1', 300)],
      { put: { id: 'h1', record: txt('1') } },
    ],
  ];
for (const [what, change, current, step] of against) {
  test(`against the current records, it ${what}`, () =>
    assert.deepEqual(parts(stepsAgainst([change], current)), [step]));
}

test('a record that is removed does not count as the wanted one', () => {
  const steps = stepsAgainst([create(txt('1')), remove(existing('1', 'h1'))], [existing('1', 'h1')]);
  assert.deepEqual(parts(steps), [{ post: txt('1') }, { delete: 'h1' }]);
});

test('two removals of one value remove two records, and no third', () => {
  const twice = [remove(txt('1')), remove(txt('1')), remove(txt('1'))];
  const steps = stepsAgainst(twice, [existing('1', 'h1'), existing('1', 'h2')]);
  assert.deepEqual(parts(steps), [{ delete: 'h1' }, { delete: 'h2' }, {}]);
});

test('groups stay within the limit, start with removals, and split no step', () => {
  const alias: DnsRecord = { name: 'a.example', type: 'CNAME', value: 'b.example', ttl: 60 };
  const changes = [
    create(txt('1')),
    replace(alias, existing('2', 'h2')),
    remove(existing('3', 'h3')),
    remove(existing('4', 'h4')),
  ];
  const groups = groupSteps([...(stepsByHandle(changes) ?? []), { change: create(txt('done')) }], 3);
  assert.deepEqual(groups.map(parts), [
    [{ delete: 'h3' }, { delete: 'h4' }],
    [{ delete: 'h2', post: alias }, { post: txt('1') }],
  ]);
  assert.deepEqual(toBatch(groups[0] ?? []), { deletes: [{ id: 'h3' }, { id: 'h4' }] });
});

test('answers are matched to their changes by list and order', () => {
  const changes = [create(txt('1')), replace(txt('2'), existing('x', 'h2')), create(txt('3'))];
  const steps = stepsByHandle(changes) ?? [];
  const answer = (value: string) => ({
    id: `id${value}`,
    name: 'a.example',
    type: 'TXT',
    content: value,
    ttl: 60,
  });
  const matched = matchAnswer(steps, { puts: [answer('2')], posts: [answer('1'), answer('3')] });
  const handles = changes.map((change) => matched?.get(change)?.handle);
  assert.deepEqual(handles, ['id1', 'id2', 'id3']);
  assert.equal(matchAnswer(steps, { puts: [], posts: [answer('1'), answer('3')] }), undefined);
});
