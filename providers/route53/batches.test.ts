import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiRecordSet } from './answers.ts';
import { groupEdits, toApiChanges } from './batches.ts';
import type { Edit } from './changes.ts';

function set(name: string, count = 1, length = 1): ApiRecordSet {
  const ResourceRecords = Array.from({ length: count }, () => ({ Value: 'x'.repeat(length) }));
  return { Name: name, Type: 'TXT', TTL: 60, ResourceRecords };
}
const edit = (name: string, removed?: ApiRecordSet, made?: ApiRecordSet): Edit => ({
  name,
  type: 'TXT',
  removed: removed ? [removed] : [],
  made,
  after: made ? [made] : [],
});
const names = (groups: readonly (readonly Edit[])[]) => groups.map((group) => group.map(({ name }) => name));

test('removals come first, then changed RRsets, then new ones', () => {
  const edits = [
    edit('new', undefined, set('new')),
    edit('changed', set('changed'), set('changed')),
    edit('gone', set('gone')),
  ];
  assert.deepEqual(names(groupEdits(edits)), [['gone', 'changed', 'new']]);
  assert.deepEqual(
    toApiChanges(groupEdits(edits)[0] ?? []).map(
      ({ Action, ResourceRecordSet }) => `${Action} ${ResourceRecordSet.Name}`,
    ),
    ['DELETE gone', 'DELETE changed', 'CREATE changed', 'CREATE new'],
  );
});

test('a group holds 1000 values at most, and splits no edit', () => {
  const edits = ['a', 'b', 'c'].map((name) => edit(name, set(name, 200), set(name, 201)));
  assert.deepEqual(names(groupEdits(edits)), [['a', 'b'], ['c']]);
});

test('a group holds 32000 characters at most', () => {
  const edits = ['a', 'b', 'c'].map((name) => edit(name, undefined, set(name, 4, 4000)));
  assert.deepEqual(names(groupEdits(edits)), [['a', 'b'], ['c']]);
});

test('an edit beyond the limits is a group of its own, so that the API rejects only that', () => {
  const edits = [edit('a', undefined, set('a', 1001)), edit('b', undefined, set('b'))];
  assert.deepEqual(names(groupEdits(edits)), [['a'], ['b']]);
});

test('no edits make no group', () => assert.deepEqual(groupEdits([]), []));
