import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createAccountStore } from '../../src/acme/account-store.ts';
import { bucketDeferral, type Count, windowDeferral } from '../../src/acme/ledger/deferral.ts';
import type { NewEntry } from '../../src/acme/ledger/entries.ts';
import { historyOf } from '../../src/acme/ledger/history.ts';
import { createLedger } from '../../src/acme/ledger/ledger.ts';
import { limitsOf, whenAllowed } from '../../src/acme/ledger/limits.ts';
import { createOrderStore } from '../../src/acme/ledger/order-store.ts';
import { type CertificateFacts, readBundle, whyUnusable } from '../../src/certificates/certificate.ts';
import { cleanChain } from '../../src/certificates/chain.ts';
import { whyDaysBeforeFails } from '../../src/certificates/renewal/lifetime.ts';
import { decideRenewal, type RenewalInputs } from '../../src/certificates/renewal/policy.ts';
import { createCertificateStore } from '../../src/certificates/store.ts';
import { Secret } from '../../src/config/secret.ts';
import { IngressError } from '../../src/errors.ts';
import { makeDirectory } from '../../src/files.ts';
import { createChallengeJournal } from '../../src/records/journal.ts';
import { describeFix, orStoreFailed, storeFailure, whyUnwritable } from '../../src/volume.ts';
import { makeRoot } from '../harness/ca/certificate-tree.ts';
import { createFakeClock } from '../harness/fake-clock.ts';
import type { WordingRow } from './row.ts';

const DIRECTORY = 'https://ca.example/directory';
const NAME = 'app.example.com';
const NOW = new Date('2026-11-24T12:00:00.000Z');

interface Volume {
  readonly root: string;
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly warn: (message: string) => void;
}

/**
 * What is warned of, or fails, on a volume of its own; its path is written as `/etc/letsencrypt`.
 */
function onVolume(work: (volume: Volume) => unknown): () => Promise<unknown> {
  return async () => {
    const root = mkdtempSync(join(tmpdir(), 'wording-'));
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    try {
      const said = await work({ root, clock: createFakeClock(NOW), warn });
      return withPath(said instanceof Error ? said : warnings.join('\n'), root);
    } catch (thrown) {
      return withPath(thrown, root);
    } finally {
      rmSync(root, { recursive: true });
    }
  };
}

function withPath(said: unknown, root: string): unknown {
  const named = (text: string) => text.replaceAll(root, '/etc/letsencrypt');
  if (!(said instanceof IngressError)) return named(String(said));
  const { code, message, fix } = said;
  return new IngressError(code, named(message), { hint: named(fix) });
}

function plant(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A file whose reading fails with EIO. */
function plantUnreadable(root: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync('/proc/self/mem', join(root, path));
}

const ORDER = `dstack-ingress/orders/ca.example_directory/${NAME}.json`;
const JOURNAL = `dstack-ingress/challenges/${NAME}.json`;
const LEDGER = 'dstack-ingress/ledger/ca.example_directory';
const ACCOUNTS = 'dstack-ingress/accounts/ca.example_directory.json';
const CHECK = 'Check that the volume is mounted, writable and not full.';
const folder = { path: '/etc/letsencrypt', owner: 1000, mode: 0o755 };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ISSUED = Date.parse('2026-01-01T00:00:00Z');
const day = (days: number) => new Date(ISSUED + days * DAY);
const FACTS: CertificateFacts = {
  ...{ names: [NAME], serial: '01', fingerprint256: 'AA', issuer: 'CN=Test' },
  ...{ notBefore: day(0), notAfter: day(90) },
};
const RENEWAL: RenewalInputs = {
  ...{ certificate: FACTS, unusable: undefined, advice: undefined, issuedAt: [day(0)] },
  ...{ daysBefore: undefined, now: day(0), jitter: 0 },
};
const advised = (from: number, to: number) => ({ window: { start: day(from), end: day(to) } });

type Decision = [when: string, age: number, more: Partial<RenewalInputs>, message: string];
const decisions: readonly Decision[] = [
  ['no certificate', 1, { certificate: undefined }, 'there is no certificate yet'],
  [
    'the certificate cannot be served',
    1,
    { unusable: 'it is for another name' },
    'the certificate cannot be served: it is for another name',
  ],
  [
    'not due',
    1,
    {},
    'renewal is due at 2026-03-02T00:00:00.000Z: a third of the lifetime is left at that time',
  ],
  [
    'due',
    61,
    {},
    'renewal has been due since 2026-03-02T00:00:00.000Z: a third of the lifetime was left at that time; the certificate ends at 2026-04-01T00:00:00.000Z',
  ],
  [
    'advice of the CA',
    1,
    { advice: { ...advised(40, 42), explanationUrl: 'https://ca.example/why' } },
    'renewal is due at 2026-02-10T00:00:00.000Z: the CA suggests renewal between 2026-02-10T00:00:00.000Z and 2026-02-12T00:00:00.000Z (see https://ca.example/why)',
  ],
  [
    'RENEW_DAYS_BEFORE',
    1,
    { daysBefore: 40 },
    'renewal is due at 2026-02-20T00:00:00.000Z: RENEW_DAYS_BEFORE=40 determines the time',
  ],
  [
    'RENEW_DAYS_BEFORE is too early',
    1,
    { daysBefore: 99 },
    'renewal is due at 2026-01-31T00:00:00.000Z: RENEW_DAYS_BEFORE=99 determines the time, but not before a third of the lifetime is over',
  ],
  [
    'urgent',
    80,
    { advice: advised(82, 84) },
    'renewal has been due since 2026-03-17T00:00:00.000Z: a sixth of the lifetime was left at that time; the certificate ends at 2026-04-01T00:00:00.000Z',
  ],
  [
    'too soon after others',
    2,
    { advice: advised(1, 1.5), issuedAt: [day(0.5), day(0)] },
    'renewal has been due since 2026-01-02T00:00:00.000Z: the CA suggests renewal between 2026-01-02T00:00:00.000Z and 2026-01-02T12:00:00.000Z, but certificates for these names were issued at 2026-01-01T00:00:00.000Z and 2026-01-01T12:00:00.000Z; no further one before 2026-01-16T12:00:00.000Z',
  ],
  [
    'advice that had passed is repeated',
    2,
    { advice: advised(-2, -1), issuedAt: [day(0), day(0.5)] },
    'renewal is due at 2026-03-02T00:00:00.000Z: a third of the lifetime is left at that time; the CA suggests renewal between 2025-12-30T00:00:00.000Z and 2025-12-31T00:00:00.000Z, which had already passed when this certificate and the one before it were issued',
  ],
];

const certificatesOf = (count: number): Count => ({
  limit: 'exact-set',
  what: ['certificate for exactly these names', 'certificates for exactly these names'],
  times: Array.from({ length: count }, () => NOW),
});
const newOrders = (count: number): Count => ({
  limit: 'new-orders',
  what: ['new order of this account', 'new orders of this account'],
  times: Array.from({ length: count }, () => NOW),
});

/** Why an order is deferred after these entries, at the start of the ledger. */
function deferralAfter(entries: readonly NewEntry[], directoryUrl = DIRECTORY) {
  const history = historyOf(entries.map((entry) => ({ at: NOW.toISOString(), ...entry })));
  return whenAllowed({
    ...{ history, names: [NAME], registeredDomains: ['example.com'], step: 'order', replaces: false },
    ...{ limits: limitsOf(directoryUrl), now: NOW },
  });
}

const UNTIL = new Date(NOW.getTime() + HOUR).toISOString();
const refused: NewEntry = {
  ...{ event: 'failed', names: [NAME], code: 'ACME_ORDER_FAILED', refused: true },
  message: 'no TXT record found',
};
const times = (count: number, make: (attempt: string) => NewEntry) =>
  Array.from({ length: count }, (_, index) => make(String(index)));

const limits: readonly (readonly [when: string, entries: readonly NewEntry[], message: string])[] = [
  ['the CA asked to wait', [{ event: 'pause', until: UNTIL }], 'the certificate authority asked to wait'],
  [
    'the CA asked to wait, with a message',
    [
      {
        event: 'pause',
        until: UNTIL,
        code: 'ACME_PROBLEM',
        message: 'the certificate authority refuses: busy',
      },
    ],
    'the certificate authority asked to wait at 2026-11-24T12:00:00.000Z: the certificate authority refuses: busy (ACME_PROBLEM)',
  ],
  [
    'after a refusal without a message',
    [{ event: 'failed', names: [NAME], code: 'X', refused: true, notBefore: UNTIL }],
    'the last order failed at 2026-11-24T12:00:00.000Z (X)',
  ],
  [
    'after a refusal',
    [{ ...refused, notBefore: UNTIL }],
    'the last order failed at 2026-11-24T12:00:00.000Z: no TXT record found (ACME_ORDER_FAILED)',
  ],
  [
    'failed authorizations',
    [...times(4, (attempt) => ({ event: 'validate', attempt, names: [NAME] })), refused],
    '4 failed authorizations of app.example.com in 1 hour; the last order failed at 2026-11-24T12:00:00.000Z: no TXT record found (ACME_ORDER_FAILED)',
  ],
  [
    'orders without a certificate',
    times(6, (attempt) => ({ event: 'order', attempt, names: [NAME] })),
    'all 6 orders for these names without a certificate are used up; one more is allowed every 5 minutes',
  ],
];

const root = await makeRoot('Root');
const intermediate = await root.below('Intermediate');
const leaf = await intermediate.issue([NAME]);
const otherLeaf = await intermediate.issue(['www.example.com']);
const past = { notBefore: new Date('2019-01-01T00:00:00Z'), notAfter: new Date('2020-01-01T00:00:00Z') };
const intermediatePast = await root.crossSign(intermediate, past);
const damagedEntry = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

type UnusablePair = readonly [when: string, chain: string, key: string, message: string];
const unusable: readonly UnusablePair[] = [
  ['no certificate', 'half of', leaf.keyPem, 'the chain contains no certificate'],
  ['a broken key', leaf.chainPem, 'half of', 'the private key cannot be parsed'],
  ['another key', leaf.chainPem, otherLeaf.keyPem, 'the private key matches no certificate in the chain'],
];

const dropped: readonly (readonly [when: string, chain: string, message: string])[] = [
  ['an entry twice', leaf.chainPem + intermediate.pem + intermediate.pem, 'CN=Intermediate (duplicate)'],
  [
    'an unrelated certificate',
    leaf.chainPem + otherLeaf.chainPem + intermediate.pem,
    'CN=www.example.com (it issued none of the others)',
  ],
  [
    'an expired version of the intermediate',
    leaf.chainPem + intermediatePast + intermediate.pem,
    'CN=Intermediate (it expired at 2020-01-01T00:00:00.000Z)',
  ],
  ['an entry that is no certificate', leaf.chainPem + damagedEntry + intermediate.pem, '1 unparsable entry'],
  [
    'entries that are no certificates',
    leaf.chainPem + damagedEntry + damagedEntry + intermediate.pem,
    '2 unparsable entries',
  ],
];

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (thrown) {
    return thrown;
  }
}

export const rows: readonly WordingRow[] = [
  {
    when: 'a damaged open order is moved aside',
    say: onVolume(({ root, warn }) => {
      plant(root, ORDER, 'half of');
      return createOrderStore(root, DIRECTORY, warn).load(NAME);
    }),
    message: `/etc/letsencrypt/${ORDER} is damaged and was moved to /etc/letsencrypt/${ORDER}.damaged; the order in it is not resumed`,
  },
  {
    when: 'an open order cannot be read',
    say: onVolume(({ root, warn }) => {
      plantUnreadable(root, ORDER);
      return createOrderStore(root, DIRECTORY, warn).peek(NAME);
    }),
    message: `cannot read the open order /etc/letsencrypt/${ORDER}: EIO: i/o error, read '/etc/letsencrypt/${ORDER}'`,
    hint: CHECK,
  },
  {
    when: 'a damaged journal is moved aside',
    say: onVolume(({ root, warn }) => {
      plant(root, JOURNAL, '{}');
      return createChallengeJournal(root, NAME, warn).entries();
    }),
    message: `/etc/letsencrypt/${JOURNAL} is damaged and was moved to /etc/letsencrypt/${JOURNAL}.damaged; challenge values named in it may stay in the zone`,
  },
  {
    when: 'a journal cannot be read',
    say: onVolume(({ root, warn }) => {
      plantUnreadable(root, JOURNAL);
      return createChallengeJournal(root, NAME, warn).entries();
    }),
    message: `cannot read /etc/letsencrypt/${JOURNAL}: EIO: i/o error, read '/etc/letsencrypt/${JOURNAL}'`,
    hint: CHECK,
  },
  {
    when: 'the list of ended accounts is damaged',
    say: onVolume(async ({ root, clock, warn }) => {
      plant(root, ACCOUNTS, '{}');
      const store = createAccountStore(root, DIRECTORY, clock, async () => [], warn);
      await store.markEnded(await store.create(), 'its status is revoked');
    }),
    message: `/etc/letsencrypt/${ACCOUNTS} is damaged and was moved to /etc/letsencrypt/${ACCOUNTS}.damaged; an ended account may be tried once more`,
  },
  {
    when: 'a segment of the ledger has damaged lines',
    say: onVolume(({ root, clock, warn }) => {
      plant(root, `${LEDGER}/2026-11-23.jsonl`, 'half of');
      return createLedger(root, DIRECTORY, clock, warn).history();
    }),
    message: `/etc/letsencrypt/${LEDGER}/2026-11-23.jsonl has damaged lines, probably from a crash; they are skipped`,
  },
  {
    when: 'a directory is in the place of a segment',
    say: onVolume(({ root, clock, warn }) => {
      mkdirSync(join(root, LEDGER, '2026-11-23.jsonl'), { recursive: true });
      return createLedger(root, DIRECTORY, clock, warn).history();
    }),
    message: `/etc/letsencrypt/${LEDGER}/2026-11-23.jsonl is damaged and was moved to /etc/letsencrypt/${LEDGER}/2026-11-23.jsonl.damaged; attempts of that day no longer count against the limits`,
  },
  {
    when: 'the ledger has entries of the future',
    say: onVolume(({ root, clock, warn }) => {
      const entry = { at: '2036-01-01T00:00:00.000Z', event: 'validated', attempt: 'a' };
      plant(root, `${LEDGER}/2036-01-01.jsonl`, `${JSON.stringify(entry)}\n`);
      return createLedger(root, DIRECTORY, clock, warn).history();
    }),
    message: `/etc/letsencrypt/${LEDGER} had entries of 2036-01-01, which is in the future: the clock was wrong, and they count as made now`,
  },
  {
    when: 'a segment cannot be read',
    say: onVolume(({ root, clock, warn }) => {
      plantUnreadable(root, `${LEDGER}/2026-11-23.jsonl`);
      return createLedger(root, DIRECTORY, clock, warn).history();
    }),
    message: `cannot read the ledger in /etc/letsencrypt/${LEDGER}: EIO: i/o error, read '/etc/letsencrypt/${LEDGER}/2026-11-23.jsonl'`,
    hint: CHECK,
  },
  {
    when: 'a file of a lineage cannot be read, and no other version can be served',
    say: onVolume(({ root, clock, warn }) => {
      plant(root, `live/${NAME}/fullchain.pem`, '');
      plantUnreadable(root, `live/${NAME}/privkey.pem`);
      return createCertificateStore(root, { noStaging: false, clock, warn }).load([NAME]);
    }),
    message: `cannot read /etc/letsencrypt/live/${NAME}: EIO: i/o error, read '/etc/letsencrypt/live/${NAME}/privkey.pem'`,
    hint: CHECK,
  },
  {
    when: 'a file is in the place of a folder',
    say: onVolume(({ root }) => {
      plant(root, 'dstack-ingress', '');
      return whyUnwritable([join(root, 'dstack-ingress', 'challenges')]);
    }),
    message:
      'nothing can be stored in /etc/letsencrypt/dstack-ingress/challenges: /etc/letsencrypt/dstack-ingress is not a directory',
    hint: 'Move /etc/letsencrypt/dstack-ingress away: it is a file in the place of a directory.',
  },
  {
    when: 'a folder cannot be made because a file is in its place',
    say: onVolume(({ root }) => {
      plant(root, 'dstack-ingress', '');
      const path = join(root, 'dstack-ingress');
      return orStoreFailed(`cannot write ${path}`, path, () => makeDirectory(path));
    }),
    message:
      "cannot write /etc/letsencrypt/dstack-ingress: EEXIST: file already exists, mkdir '/etc/letsencrypt/dstack-ingress'",
    hint: 'Move /etc/letsencrypt/dstack-ingress away: it is a file in the place of a directory.',
  },
  {
    when: 'a directory is in the place of a file that is not ours to move',
    say: onVolume(({ root }) => {
      const path = join(root, 'live', NAME, 'cert.pem');
      mkdirSync(path, { recursive: true });
      return orStoreFailed(`cannot read ${path}`, path, () => readFile(path));
    }),
    message: `cannot read /etc/letsencrypt/live/${NAME}/cert.pem: EISDIR: illegal operation on a directory, read '/etc/letsencrypt/live/${NAME}/cert.pem'`,
    hint: `Move /etc/letsencrypt/live/${NAME}/cert.pem away: it is a directory in the place of a file.`,
  },
  {
    when: 'the volume is mounted read-only',
    say: () =>
      storeFailure('cannot write /x', '/x', Object.assign(new Error('EROFS: no'), { code: 'EROFS' })),
    message: 'cannot write /x: EROFS: no',
    hint: 'Mount the volume without ":ro": it is mounted read-only.',
  },
  {
    when: 'the volume belongs to another user, and we are root without its rights',
    say: () => describeFix({ ...folder, uid: 0 }),
    message:
      'Run chown -R 0:0 on the whole volume, or give the container the capability (cap_add: [DAC_OVERRIDE]): /etc/letsencrypt belongs to user 1000 (mode 755), and the ingress runs as user 0 without that capability.',
  },
  {
    when: 'the volume belongs to another user',
    say: () => describeFix({ ...folder, uid: 10_001 }),
    message:
      'Run chown -R 10001 on the whole volume: /etc/letsencrypt belongs to user 1000 (mode 755), and the ingress runs as user 10001.',
  },
  {
    when: 'the mode of the volume denies access',
    say: () => describeFix({ ...folder, owner: 0, mode: 0o555, uid: 0 }),
    message:
      'Run chmod -R u+rwX on /etc/letsencrypt: it belongs to the user of the ingress (0), but its mode 555 denies access.',
  },
  {
    when: 'a limit with a window defers an order',
    say: () => windowDeferral(certificatesOf(2), { count: 2, windowMs: 7 * 86_400_000 }, NOW)?.reason,
    message: '2 certificates for exactly these names in 7 days',
  },
  {
    when: 'a limit of one in a window defers an order',
    say: () => windowDeferral(certificatesOf(1), { count: 1, windowMs: 7 * 86_400_000 }, NOW)?.reason,
    message: '1 certificate for exactly these names in 7 days',
  },
  {
    when: 'a limit with a bucket defers an order',
    say: () => bucketDeferral(newOrders(2), { capacity: 2, refillMs: 36_000 }, NOW)?.reason,
    message: 'all 2 new orders of this account are used up; one more is allowed every 36 seconds',
  },
  {
    when: 'a limit with a bucket of one defers an order',
    say: () => bucketDeferral(newOrders(1), { capacity: 1, refillMs: 36_000 }, NOW)?.reason,
    message: 'the 1 new order of this account is used up; one more is allowed every 36 seconds',
  },
  ...decisions.map(
    ([when, age, more, message]): WordingRow => ({
      when: `renewal: ${when}`,
      say: () => decideRenewal({ ...RENEWAL, now: day(age), ...more }).reason,
      message,
    }),
  ),
  {
    when: 'RENEW_DAYS_BEFORE is too large',
    say: () => whyDaysBeforeFails(31, 45 * DAY - 1000)?.words,
    message:
      'RENEW_DAYS_BEFORE=31 is too large for a certificate of 45 days: it is renewed when 30 days are left, after a third of its lifetime',
  },
  {
    when: 'RENEW_DAYS_BEFORE has no effect',
    say: () => whyDaysBeforeFails(1, 160 * HOUR - 1000)?.words,
    message:
      'RENEW_DAYS_BEFORE=1 has no effect on a certificate of 6.7 days: it is renewed when 3.3 days are left, half of its lifetime',
  },
  {
    when: 'a certificate is for other names',
    say: () => whyUnusable(FACTS, { names: ['www.example.com'], noStaging: false }, day(1))?.words,
    message: 'it is for app.example.com, not for www.example.com',
  },
  {
    when: 'a certificate has expired',
    say: () => whyUnusable(FACTS, { names: [NAME], noStaging: false }, day(90))?.words,
    message: 'it expired at 2026-04-01T00:00:00.000Z',
  },
  {
    when: 'a certificate is from the staging environment',
    say: () => {
      const staged = { ...FACTS, issuer: 'CN=(STAGING) X' };
      return whyUnusable(staged, { names: [NAME], noStaging: true }, day(1))?.words;
    },
    message: 'it is from the staging environment',
  },
  {
    when: 'a deferral: certificates of a registered domain',
    say: () => {
      const issued = times(45, (attempt) => {
        const names = [`${attempt}.example.com`];
        return { event: 'issued', attempt, names, serial: attempt, notAfter: UNTIL };
      });
      return deferralAfter(issued, 'https://acme-v02.api.letsencrypt.org/directory')?.reason;
    },
    message:
      'all 45 certificates for names of example.com are used up; one more is allowed every 202 minutes',
  },
  ...unusable.map(
    ([when, chain, key, message]): WordingRow => ({
      when: `a stored certificate cannot be used: ${when}`,
      say: () => thrownBy(() => readBundle(chain, new Secret(key), new Date())),
      message,
    }),
  ),
  ...dropped.map(
    ([when, chain, message]): WordingRow => ({
      when: `a chain is cleaned: ${when}`,
      say: () =>
        cleanChain(chain, createPrivateKey(leaf.keyPem), new Date())
          ?.dropped.map(({ words }) => words)
          .join('; '),
      message,
    }),
  ),
  ...limits.map(
    ([when, entries, message]): WordingRow => ({
      when: `a deferral: ${when}`,
      say: () => deferralAfter(entries)?.reason,
      message,
    }),
  ),
];
