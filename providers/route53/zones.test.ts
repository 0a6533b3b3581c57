import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseZone, idOf, publicZones, zoneNotFound } from './zones.ts';

const zones = [
  { id: 'Z1', name: 'example.com' },
  { id: 'Z2', name: 'sub.example.com' },
  { id: 'Z3', name: 'twice.example' },
  { id: 'Z4', name: 'twice.example' },
  { id: 'Z5', name: 'below.twice.example' },
];
for (const [name, id] of [
  ['a.sub.example.com', 'Z2'],
  ['notsub.example.com', 'Z1'],
  ['below.twice.example', 'Z5'],
  ['example.org', undefined],
  ['com', undefined],
] as const) {
  test(`the zone of ${name} is ${id}`, () => assert.equal(chooseZone(zones, name)?.id, id));
}

test('of two zones with the same name none is chosen', () => {
  assert.equal(chooseZone(zones, 'a.twice.example'), undefined);
  const { code, details } = zoneNotFound(zones, 'a.twice.example');
  assert.equal(code, 'ZONE_NOT_FOUND');
  assert.deepEqual(details, { reason: 'several-zones', zone: 'twice.example', ids: ['Z3', 'Z4'] });
});

test('ids and names are read without prefix, trailing dot and escapes, and private zones are dropped', () => {
  const listed = [
    { Id: '/hostedzone/Z1', Name: 'Example.com.', Config: { PrivateZone: false } },
    { Id: '/hostedzone/Z2', Name: 'example.com.', Config: { PrivateZone: true } },
    { Id: 'Z3', Name: '\\052.example.', Config: null },
  ];
  assert.deepEqual(publicZones(listed), [
    { id: 'Z1', name: 'example.com' },
    { id: 'Z3', name: '*.example' },
  ]);
  assert.equal(idOf('Z1'), 'Z1');
});
