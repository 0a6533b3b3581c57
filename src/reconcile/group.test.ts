import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ManagedCertificate, manageCertificate } from './deps.ts';
import { batchesOf, groupsOf, type ZoneGroup } from './group.ts';
import type { RenewalTask } from './renewal.ts';
import type { ObservedZone, ObservedZones } from './zones.ts';

const zoneNamed = (id: string): ObservedZone => ({
  ...{ zone: { id, name: id }, names: [], current: undefined, journalled: [] },
  ...{ plan: undefined, readNames: [] },
});

/** Zones by their ids, and the zone of each name: `name@zone`, or `name` where none was found. */
function setUp(certificates: readonly (readonly string[])[], extraZones: readonly string[] = []) {
  const zones = new Map<string, ObservedZone>();
  const of = new Map<string, ObservedZone>();
  const zoneAt = (id: string) => {
    const zone = zones.get(id) ?? zoneNamed(id);
    zones.set(id, zone);
    return zone;
  };
  const managed = certificates.map((names) => {
    for (const name of names) {
      const [, id] = name.split('@');
      if (id !== undefined) of.set(name, zoneAt(id));
    }
    const [first = '', ...others] = names;
    return manageCertificate([first, ...others]);
  });
  for (const id of extraZones) zoneAt(id);
  const observed: ObservedZones = { all: [...zones.values()], of };
  return { certificates: managed, zones: observed };
}

const taskOf = (certificate: ManagedCertificate): RenewalTask => ({
  ...{ certificate, stored: undefined, reason: 'due', urgent: false },
});
const describe = ({ certificates, zones }: ZoneGroup) => [
  certificates.map(({ names }) => names.join('+')).sort(),
  zones.map(({ zone }) => zone.id).sort(),
];

const table: [
  title: string,
  certificates: readonly (readonly string[])[],
  extraZones: readonly string[],
  groups: readonly (readonly (readonly string[])[])[],
][] = [
  ['no certificate is no group', [], [], []],
  [
    'certificates in different zones are different groups',
    [['a@1'], ['b@2']],
    [],
    [
      [['a@1'], ['1']],
      [['b@2'], ['2']],
    ],
  ],
  ['certificates in one zone are one group', [['a@1'], ['b@1']], [], [[['a@1', 'b@1'], ['1']]]],
  [
    'a certificate with names in two zones joins their certificates, also those found before',
    [['a@1'], ['b@2'], ['c@1', 'd@2'], ['e@3']],
    [],
    [
      [
        ['a@1', 'b@2', 'c@1+d@2'],
        ['1', '2'],
      ],
      [['e@3'], ['3']],
    ],
  ],
  [
    'a chain of shared zones is one group',
    [
      ['a@1', 'b@2'],
      ['c@2', 'd@3'],
      ['e@3', 'f@4'],
    ],
    [],
    [
      [
        ['a@1+b@2', 'c@2+d@3', 'e@3+f@4'],
        ['1', '2', '3', '4'],
      ],
    ],
  ],
  [
    'certificates without a zone are groups of their own',
    [['a'], ['b']],
    [],
    [
      [['a'], []],
      [['b'], []],
    ],
  ],
  [
    'a zone without names, of journalled challenges only, is a group of its own',
    [['a@1']],
    ['left'],
    [
      [['a@1'], ['1']],
      [[], ['left']],
    ],
  ],
];
for (const [title, certificates, extraZones, groups] of table)
  test(title, () => {
    const given = setUp(certificates, extraZones);
    assert.deepEqual(groupsOf(given.certificates, [], given.zones).map(describe), groups);
  });

test('a group has the tasks of its certificates, in their order', () => {
  const { certificates, zones } = setUp([['a@1'], ['b@2'], ['c@1']]);
  const due = certificates.map(taskOf).reverse();
  const groups = groupsOf(certificates, due, zones).map((group) =>
    group.due.map(({ certificate: { names } }) => names[0]),
  );
  assert.deepEqual(groups, [['b@2'], ['c@1', 'a@1']]);
});

test('groups share no zone, and have every certificate and zone exactly once', () => {
  const name = fc.tuple(fc.constantFrom('', '@1', '@2', '@3', '@4', '@5'), fc.nat(99));
  const all = fc.array(fc.array(name, { minLength: 1, maxLength: 3 }), { maxLength: 8 });
  const property = fc.property(all, fc.subarray(['1', '6']), (lists, extraZones) => {
    const named = lists.map((names, at) => names.map(([zone, id], index) => `n${at}-${index}-${id}${zone}`));
    const { certificates, zones } = setUp(named, extraZones);
    const groups = groupsOf(certificates, certificates.map(taskOf), zones);
    const inGroups = groups.flatMap((group) => group.certificates);
    assert.deepEqual(new Set(inGroups), new Set(certificates));
    assert.equal(inGroups.length, certificates.length);
    const zonesInGroups = groups.flatMap((group) => group.zones);
    assert.deepEqual(new Set(zonesInGroups), new Set(zones.all));
    assert.equal(zonesInGroups.length, zones.all.length);
    for (const group of groups)
      for (const certificate of group.certificates)
        for (const one of certificate.names) {
          const zone = zones.of.get(one);
          assert.ok(zone === undefined || group.zones.includes(zone), one);
        }
  });
  fc.assert(property, { numRuns: 300 });
});

test('tasks are cut into batches of 20 in their order; nothing due is one empty batch', () => {
  const tasks = Array.from({ length: 41 }, (_, index) =>
    taskOf(manageCertificate([`n${index}.example.com`])),
  );
  for (const [due, sizes] of [
    [0, [0]],
    [1, [1]],
    [20, [20]],
    [21, [20, 1]],
    [40, [20, 20]],
    [41, [20, 20, 1]],
  ] as const) {
    const batches = batchesOf(tasks.slice(0, due));
    assert.deepEqual(
      batches.map(({ length }) => length),
      sizes,
    );
    assert.deepEqual(batches.flat(), tasks.slice(0, due));
  }
});
