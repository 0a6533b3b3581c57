import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CertificateSettings, planCertificates } from './certificates.ts';
import type { CertGroup } from './lists.ts';

const never = () => false;
const plan = (settings: CertificateSettings) => planCertificates(settings, never);
const namesOf = (settings: CertificateSettings) => plan(settings).certificates.map(({ names }) => names);
const faultsOf = (settings: CertificateSettings, known: (variable: string) => boolean = never) =>
  planCertificates(settings, known).faults.map(({ variable, kind, details }) => ({
    variable,
    kind,
    details,
  }));

/** `count` names of one group. */
const many = (count: number): CertGroup => [
  'n0.example.com',
  ...Array.from({ length: count - 1 }, (_, index) => `n${index + 1}.example.com`),
];

const planned: [title: string, settings: CertificateSettings, expected: string[][]][] = [
  ['nothing', {}, []],
  [
    'one for each name',
    { domain: '*.example.com', domains: ['example.com', 'b.example.com'] },
    [['*.example.com'], ['example.com'], ['b.example.com']],
  ],
  [
    'a group, in its own order, at the place of the first that is served',
    {
      domain: 'a.example',
      domains: ['b.example', 'c.example'],
      certGroups: [['x.example', 'c.example', 'b.example']],
    },
    [['a.example'], ['x.example', 'c.example', 'b.example']],
  ],
  ['a group of one', { certGroups: [['a.example']] }, [['a.example']]],
  [
    'two groups',
    {
      certGroups: [
        ['a.example', 'b.example'],
        ['c.example', 'd.example'],
      ],
      domains: ['d.example'],
    },
    [
      ['c.example', 'd.example'],
      ['a.example', 'b.example'],
    ],
  ],
  [
    'aliases with DOMAIN, each once',
    { domain: 'a.example', aliasDomains: ['b.example', 'a.example', 'c.example'], domains: ['d.example'] },
    [['a.example', 'b.example', 'c.example'], ['d.example']],
  ],
  [
    'aliases in the group that has DOMAIN, after its names',
    {
      domain: 'a.example',
      aliasDomains: ['x.example', 'b.example'],
      certGroups: [['b.example', 'a.example']],
    },
    [['b.example', 'a.example', 'x.example']],
  ],
  [
    'DOMAIN and its aliases before the names of the group that has an alias',
    {
      domain: 'a.example',
      aliasDomains: ['b.example', 'x.example'],
      certGroups: [['c.example', 'b.example']],
    },
    [['a.example', 'b.example', 'x.example', 'c.example']],
  ],
  [
    'a group that has nothing to do with an alias',
    { domain: 'a.example', aliasDomains: ['b.example'], certGroups: [['c.example', 'd.example']] },
    [
      ['a.example', 'b.example'],
      ['c.example', 'd.example'],
    ],
  ],
];
for (const [title, settings, expected] of planned) {
  test(`certificates: ${title}`, () => {
    assert.deepEqual(namesOf(settings), expected);
    assert.deepEqual([plan(settings).faults, plan(settings).warnings], [[], []]);
  });
}

const nameOf = (index: number) => `n${index}.example.com`;

test('every name is on exactly one certificate, and an added name changes only its own certificate', () => {
  const groups = fc
    .uniqueArray(fc.nat(30), { minLength: 1, maxLength: 20 })
    .chain((names) => fc.array(fc.nat(names.length), { maxLength: 5 }).map((cuts) => ({ names, cuts })))
    .map(({ names, cuts }) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), names.length];
      return edges
        .map((edge, index) => names.slice(edge, edges[index + 1] ?? edge).map(nameOf))
        .flatMap(([first, ...others]): CertGroup[] => (first === undefined ? [] : [[first, ...others]]));
    });
  const property = fc.property(
    groups,
    fc.array(fc.nat(30), { maxLength: 5 }),
    fc.array(fc.nat(60), { maxLength: 10 }),
    (certGroups, aliases, domains) => {
      const settings = {
        domain: nameOf(0),
        aliasDomains: aliases.map(nameOf),
        domains: domains.map(nameOf),
        certGroups,
      };
      // Aliases from two groups are a fault; the plan has no meaning then.
      fc.pre(faultsOf(settings).length === 0);
      const before = namesOf(settings);
      const all = before.flat();
      const wanted = [settings.domain, ...settings.aliasDomains, ...settings.domains, ...certGroups.flat()];
      assert.deepEqual(all.toSorted(), [...new Set(wanted)].sort());
      const after = namesOf({ ...settings, domains: ['new.example.com', ...settings.domains] });
      const others = (names: readonly CertGroup[]) =>
        names.map(String).filter((text) => text !== 'new.example.com');
      assert.deepEqual(others(after).sort(), others(before).sort());
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('ALIAS_DOMAIN without DOMAIN is a fault, unless DOMAIN has a fault already', () => {
  const settings = { aliasDomains: ['b.example'] };
  assert.deepEqual(faultsOf(settings), [
    { variable: 'ALIAS_DOMAIN', kind: 'incomplete', details: undefined },
  ]);
  assert.deepEqual(
    faultsOf(settings, (variable) => variable === 'DOMAIN'),
    [],
  );
});

test('an alias on another certificate than DOMAIN or another alias is a fault that names both', () => {
  const certGroups: CertGroup[] = [['a.example', 'x.example'], ['b.example', 'c.example'], ['d.example']];
  const aliasDomains = ['b.example', 'x.example', 'c.example', 'd.example', 'free.example'];
  const conflict = (name: string, other: string) => ({
    variable: 'ALIAS_DOMAIN',
    kind: 'conflicting',
    details: { name, other },
  });
  assert.deepEqual(faultsOf({ domain: 'a.example', aliasDomains, certGroups }), [
    conflict('b.example', 'a.example'),
    conflict('c.example', 'a.example'),
    conflict('d.example', 'a.example'),
  ]);
  assert.deepEqual(
    faultsOf({ domain: 'free.example', aliasDomains: ['b.example', 'd.example'], certGroups }),
    [conflict('d.example', 'b.example')],
  );
});

const limits: [count: number, acmeProfile: string | undefined, most: number | undefined][] = [
  [100, undefined, undefined],
  [101, undefined, 100],
  [101, 'classic', 100],
  [25, 'tlsserver', undefined],
  [26, 'tlsserver', 25],
  [101, 'shortlived', 25],
];
for (const [count, acmeProfile, most] of limits) {
  test(`${count} names on one certificate with the profile ${acmeProfile}: ${most ? 'a fault' : 'fine'}`, () => {
    const [domain, ...aliasDomains] = many(count);
    const details = { certificate: 'n0.example.com', count, most };
    const fault = (variable: string) => (most ? [{ variable, kind: 'too-many', details }] : []);
    assert.deepEqual(faultsOf({ certGroups: [many(count)], acmeProfile }), fault('CERT_GROUPS'));
    assert.deepEqual(faultsOf({ domain, aliasDomains, acmeProfile }), fault('ALIAS_DOMAIN'));
  });
}

test('a group that only an alias makes too large is a fault of CERT_GROUPS', () => {
  const settings = { domain: 'a.example', aliasDomains: ['n5.example.com'], certGroups: [many(100)] };
  const details = { certificate: 'a.example', count: 101, most: 100 };
  assert.deepEqual(faultsOf(settings), [{ variable: 'CERT_GROUPS', kind: 'too-many', details }]);
});

test('a name that a wildcard of the same certificate covers causes a warning', () => {
  const warnings = (...group: CertGroup) => plan({ certGroups: [group] }).warnings;
  assert.deepEqual(warnings('example.com', '*.example.com', 'a.b.example.com', '*.b.example.com'), [
    {
      kind: 'covered-name',
      ...{ variable: 'CERT_GROUPS', name: 'a.b.example.com', wildcard: '*.b.example.com' },
    },
  ]);
  assert.deepEqual(plan({ domain: '*.example.com', aliasDomains: ['a.example.com'] }).warnings, [
    { kind: 'covered-name', variable: 'ALIAS_DOMAIN', name: 'a.example.com', wildcard: '*.example.com' },
  ]);
  assert.deepEqual(warnings('*.example.com', '*.b.example.com', 'example.com', 'a.b.c.example.com'), []);
  assert.deepEqual(plan({ domain: '*.example.com', domains: ['a.example.com'] }).warnings, []);
});
