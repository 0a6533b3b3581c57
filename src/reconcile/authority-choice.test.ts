import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEntry, NewEntry } from '../acme/ledger/entries.ts';
import { historyOf } from '../acme/ledger/history.ts';
import type { CertificateNames } from '../certificates/certificate.ts';
import { chooseAuthority, conflictingChallenge, needsStagingDryRun } from './authority-choice.ts';

const NAMES: CertificateNames = ['app.example.com'];
const AFTER_MINUTES = 60;
const minute = (count: number) => new Date(Date.UTC(2026, 10, 24, 0, count));
const at = (count: number, entry: NewEntry): LedgerEntry => ({ at: minute(count).toISOString(), ...entry });

/** An outage at this minute; with `until`, a refusal whose back-off ends at that minute. */
const failed = (count: number, until?: number) => {
  const entry = { event: 'failed', names: [...NAMES], code: 'ACME_UNREACHABLE' } as const;
  if (until === undefined) return at(count, { ...entry, refused: false });
  return at(count, { ...entry, refused: true, notBefore: minute(until).toISOString() });
};

const choices: [
  title: string,
  primary: readonly LedgerEntry[],
  fallback: readonly LedgerEntry[],
  now: number,
  expected: 'primary' | 'fallback',
][] = [
  ['the primary CA while it has not failed', [], [], 0, 'primary'],
  ['the primary CA while it has not failed for long enough', [failed(0)], [], 59, 'primary'],
  ['the fallback once it has', [failed(0)], [], 60, 'fallback'],
  ['the fallback although it has failed too', [failed(0)], [failed(50)], 60, 'fallback'],
  ['the fallback once its deferral is over', [failed(0)], [failed(10, 20)], 60, 'fallback'],
  [
    'of two that are deferred, the fallback if it ends first',
    [failed(0, 90)],
    [failed(10, 80)],
    60,
    'fallback',
  ],
  [
    'of two that are deferred, the primary CA if it ends first',
    [failed(0, 80)],
    [failed(10, 90)],
    60,
    'primary',
  ],
];
for (const [title, primary, fallback, now, expected] of choices)
  test(`chosen is ${title}`, () => {
    const views = {
      primary: historyOf(primary),
      fallback: { history: historyOf(fallback), afterMs: AFTER_MINUTES * 60_000 },
    };
    assert.equal(chooseAuthority(views, NAMES, minute(now)), expected);
  });

test('without a fallback the primary CA is chosen however long it has failed', () => {
  const views = { primary: historyOf([failed(0)]), fallback: undefined };
  assert.equal(chooseAuthority(views, NAMES, minute(6000)), 'primary');
});

for (const [title, entries, expected] of [
  ['without a failure', [], false],
  ['after an outage', [failed(0)], false],
  ['after a refusal', [failed(0, 1)], true],
  [
    'for a refusal of other names',
    [at(0, { event: 'failed', names: ['www.example.com'], code: 'ACME_ORDER_FAILED', refused: true })],
    false,
  ],
  [
    'for a refusal before the last issuance',
    [
      failed(0, 1),
      at(2, {
        event: 'issued',
        attempt: 'a',
        names: [...NAMES],
        serial: '01',
        notAfter: minute(90).toISOString(),
      }),
    ],
    false,
  ],
] satisfies [string, LedgerEntry[], boolean][])
  test(`a staging dry run is ${expected ? '' : 'not '}needed ${title}`, () => {
    assert.equal(needsStagingDryRun(historyOf(entries), NAMES), expected);
  });

const validated = [
  at(0, { event: 'order', attempt: 'other', names: ['*.app.example.com'] }),
  at(1, { event: 'validate', attempt: 'other', names: ['*.app.example.com'] }),
];
const situation = { names: NAMES, ownAttempt: undefined, cachedMs: 120_000, now: minute(2) };

test('an order waits until no resolver can cache the challenge of another attempt at the same owner name', () => {
  assert.deepEqual(conflictingChallenge(historyOf(validated), situation)?.until, minute(3));
});

for (const [title, change] of [
  ['that is no longer cached', { now: minute(3) }],
  ['of its own attempt', { ownAttempt: 'other' }],
  ['at another owner name', { names: ['www.example.com'] }],
] satisfies [string, Partial<typeof situation> | { ownAttempt: string }][])
  test(`an order does not wait for a challenge ${title}`, () => {
    assert.equal(conflictingChallenge(historyOf(validated), { ...situation, ...change }), undefined);
  });

test('a refusal that defers these names for longer is the reason', () => {
  const refused = failed(1, 30);
  assert.deepEqual(conflictingChallenge(historyOf([...validated, refused]), situation)?.until, minute(30));
});
