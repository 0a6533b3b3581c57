import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseZone, nameFilter } from './zones.ts';

const zones = [
  { id: '1', name: 'example.com', status: 'active' },
  { id: '2', name: 'sub.example.com', status: 'active' },
  { id: '3', name: 'new.example.com', status: 'pending' },
  { id: '4', name: 'waiting.example', status: 'pending' },
  { id: '5', name: 'twice.example', status: 'moved' },
  { id: '6', name: 'twice.example', status: 'active' },
];
for (const [name, id] of [
  ['a.sub.example.com', '2'],
  ['sub.example.com', '2'],
  ['notsub.example.com', '1'],
  ['a.new.example.com', '1'],
  ['a.waiting.example', '4'],
  ['a.twice.example', '6'],
  ['example.org', undefined],
  ['com', undefined],
] as const) {
  test(`the zone of ${name} is ${id}`, () => assert.equal(chooseZone(zones, name)?.id, id));
}

const filters: readonly (readonly [names: string[], filter: object | undefined])[] = [
  [[], undefined],
  [['a.example'], { exact: 'a.example' }],
  [['*.example.com', '_acme-challenge.example.com'], { endswith: 'example.com' }],
  [['app.example.com', '_x.app.example.com', '_y.app.example.com'], { endswith: 'app.example.com' }],
  [['xapp.example.com', 'app.example.com'], { endswith: 'example.com' }],
  [['a.example', 'b.other'], undefined],
];
for (const [names, filter] of filters) {
  test(`[${names.join(', ')}] are filtered by ${JSON.stringify(filter)}`, () =>
    assert.deepEqual(nameFilter(names), filter));
}
