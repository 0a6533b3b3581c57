import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts, Requirement } from './certificate.ts';
import { chooseServed, type LineageState, lineageNames, lineagesToSave, preferArchived } from './lineage.ts';

const DAY_MS = 86_400_000;
const now = new Date('2026-11-24T00:00:00Z');
const requirement: Requirement = { names: ['example.com'], noStaging: true };

interface FactsOptions {
  readonly names?: readonly string[];
  /** Days from now. */
  readonly from?: number;
  readonly until?: number;
  readonly issuer?: string;
}

let count = 0;
function facts({
  names = ['example.com'],
  from = -30,
  until = 60,
  issuer = 'CN=R11',
}: FactsOptions = {}): CertificateFacts {
  count += 1;
  const at = (days: number) => new Date(now.getTime() + days * DAY_MS);
  return {
    ...{ names, serial: String(count), fingerprint256: String(count), issuer },
    ...{ notBefore: at(from), notAfter: at(until) },
  };
}

const STAGING = 'CN=(STAGING) Counterfeit Cashew R10';
const wildcard = facts({ names: ['*.example.com'] });
const expired = facts({ from: -91, until: -1 });
const longer = facts({ until: 70 });
const longest = facts({ until: 80 });
const plain = facts();
const many = facts({ names: ['www.example.com', 'example.com', '*.example.net'], until: 70 });

test('lineageNames gives the plain name and then its numbered lineages, in order', () => {
  const entries = [
    'example.com-0010',
    'example.com-0002',
    'README',
    'example.com',
    'example.com',
    'app.example.com',
    'example.com-2',
    'example.com-0001.bak',
    'example.com.conf',
    'exampleXcom-0001',
  ];
  assert.deepEqual(lineageNames(entries, 'example.com'), [
    'example.com',
    'example.com-0002',
    'example.com-0010',
  ]);
});

const choices: [
  title: string,
  candidates: readonly CertificateFacts[],
  expected: CertificateFacts | undefined,
][] = [
  ['none if there is none', [], undefined],
  ['the one that is valid for longest', [plain, longer, expired], longer],
  ['the first of equals', [facts(), facts()].map((each, index) => (index === 0 ? plain : each)), plain],
  ['one for the name, even if one for other names is valid for longer', [wildcard, plain], plain],
  [
    'a production certificate before a staging one that is valid for longer',
    [facts({ until: 80, issuer: STAGING }), plain],
    plain,
  ],
  ['an expired one for the name before a valid one for other names', [wildcard, expired], expired],
];
for (const [title, candidates, expected] of choices) {
  test(`the certificate to serve: ${title}`, () => {
    const chosen = chooseServed(
      candidates.map((each) => ({ facts: each })),
      requirement,
      now,
    );
    assert.equal(chosen?.facts, expected);
  });
}

test('a certificate with several names can be served for each of them', () => {
  assert.equal(chooseServed([{ facts: wildcard }, { facts: many }], requirement, now)?.facts, many);
});

const archived: [
  title: string,
  linked: CertificateFacts | undefined,
  other: CertificateFacts,
  expected: boolean,
][] = [
  ['if the links lead nowhere', undefined, expired, true],
  ['if it is newer', facts({ from: -30 }), facts({ from: -1 }), true],
  ['not if it is as old', facts(), facts(), false],
  ['not if it is older', facts({ from: -1 }), facts({ from: -30 }), false],
  ['if only it can be served, even if it is older', facts({ from: -1, issuer: STAGING }), facts(), true],
  ['not if it is newer and cannot be served', facts(), facts({ from: -1, issuer: STAGING }), false],
];
for (const [title, linked, other, expected] of archived) {
  test(`the archived version takes precedence over the linked one ${title}`, () => {
    assert.equal(preferArchived(linked, other, requirement, now), expected);
  });
}

const state = (name: string, shown: CertificateFacts | undefined, best = shown): LineageState => ({
  name,
  shown,
  best,
});
const [BASE, ONE, TWO] = ['example.com', 'example.com-0001', 'example.com-0002'] as const;
const saves: [title: string, lineages: readonly LineageState[], expected: readonly string[]][] = [
  ['an empty volume has the plain lineage', [], [BASE]],
  ['the plain one is served', [state(BASE, plain)], [BASE]],
  ['a numbered one is served, there is no plain one', [state(ONE, plain)], [ONE, BASE]],
  [
    'a numbered one is served, the plain one is worse',
    [state(BASE, expired), state(ONE, plain)],
    [ONE, BASE],
  ],
  ['the plain one is for other names', [state(BASE, wildcard), state(ONE, plain)], [ONE]],
  [
    'the plain one was for other names and has expired',
    [state(BASE, facts({ names: ['*.example.com'], until: -1 }))],
    [BASE],
  ],
  ['every lineage is for other names', [state(BASE, wildcard)], [ONE]],
  [
    'two lineages are for other names',
    [state(BASE, wildcard), state(ONE, facts({ names: ['a.test'], until: 70 }))],
    [TWO],
  ],
  [
    'a numbered one has the certificate of the plain one',
    [state(BASE, plain), state(ONE, plain)],
    [ONE, BASE],
  ],
  ['a numbered one has an older certificate', [state(BASE, longer), state(ONE, plain)], [ONE, BASE]],
  ['a numbered one has more names', [state(BASE, longest), state(ONE, many)], [BASE]],
  ['a numbered one has more names and is served', [state(BASE, plain), state(ONE, many)], [ONE, BASE]],
  ['the files of the plain one do not match', [state(BASE, undefined)], [BASE]],
  ['all are expired', [state(BASE, facts({ until: -9 })), state(ONE, expired)], [ONE, BASE]],
  [
    'the plain one links to another name’s certificate and has ours in the archive',
    [state(BASE, wildcard, plain)],
    [ONE],
  ],
];
for (const [title, lineages, expected] of saves) {
  test(`the lineages that get a new certificate: ${title}`, () => {
    assert.deepEqual(lineagesToSave(BASE, lineages, requirement, now), expected);
  });
}
