import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../src/dns/record.ts';
import { namesOf, removedBy, writtenBy } from './changes.ts';

const txt = (name: string) => ({ name, type: 'TXT', value: 'v', ttl: 300 });
const [a, b, c, d] = [txt('a.example'), txt('b.example'), txt('c.example'), txt('d.example')];
const changes: readonly Change[] = [
  { action: 'create', record: a },
  { action: 'replace', record: b, replaced: c },
  { action: 'remove', removed: d },
  { action: 'remove', removed: a },
];

test('a change writes a record, removes one, or both', () => {
  assert.deepEqual(changes.map(writtenBy), [a, b, undefined, undefined]);
  assert.deepEqual(changes.map(removedBy), [undefined, c, d, a]);
});

test('the names of changes are those of written and removed records, each once', () => {
  assert.deepEqual(namesOf(changes), ['a.example', 'b.example', 'c.example', 'd.example']);
});
