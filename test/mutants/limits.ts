import type { Mutant } from './mutant.ts';

const restarts = (test: string) => ({ file: 'test/e2e/restarts.test.ts', test });
const NO_VALIDATION = restarts(
  '70 restarts while the CA cannot validate: one validation, and the next start waits and says until when',
);

const DEFERRED = {
  file: 'test/e2e/expiry.test.ts',
  test: 'a deferred order reports the CA’s last error and its time, also after a restart',
};

export const limits: readonly Mutant[] = [
  {
    id: 'limits-refusal-not-waited-out',
    class: 'limits',
    file: 'src/reconcile/record-failure.ts',
    search: '      ...(notBefore === undefined ? {} : { notBefore: notBefore.toISOString() }),\n',
    replace: '',
    killedBy: [{ file: 'src/reconcile/orders.test.ts' }, DEFERRED, NO_VALIDATION],
    note: 'After a restart a refused order is repeated at once.',
  },
  {
    id: 'limits-ledger-not-read',
    class: 'limits',
    file: 'src/acme/ledger/ledger.ts',
    search: '  const { entries, damaged } = await readEntriesOf(state, days, now);\n',
    replace:
      '  const { damaged } = await readEntriesOf(state, days, now);\n  const entries: LedgerEntry[] = [];\n',
    killedBy: [{ file: 'src/acme/ledger/ledger.test.ts' }, NO_VALIDATION],
    note: 'A start does not read what earlier runs wrote into the ledger.',
  },
  {
    id: 'limits-resumed-order-not-deferred',
    class: 'limits',
    file: 'src/acme/issuance.ts',
    search: '    if (deferral) return deferral;\n  }\n',
    replace: '  }\n',
    killedBy: [NO_VALIDATION, { file: 'src/acme/crash-loop.test.ts' }, { file: 'src/acme/issuance.test.ts' }],
    note: 'The validation of a resumed order is not limited.',
  },
  {
    id: 'limits-order-not-deferred',
    class: 'limits',
    file: 'src/acme/issuance.ts',
    search: '  if (deferral) return deferral;\n  const created',
    replace: '  const created',
    killedBy: [{ file: 'src/acme/crash-loop.test.ts' }, { file: 'src/acme/issuance.test.ts' }, NO_VALIDATION],
    note: 'Orders are not limited.',
  },
  {
    id: 'limits-interrupted-validation-forgotten',
    class: 'limits',
    file: 'src/acme/ledger/attempt.ts',
    search: '  return open.get(name) ?? failed.get(name);\n',
    replace: '  return open.has(name) ? undefined : failed.get(name);\n',
    killedBy: [{ file: 'src/acme/crash-loop.test.ts' }, { file: 'src/acme/ledger/history.test.ts' }],
    note: 'A validation that a crash interrupted does not count.',
  },
  {
    id: 'limits-finalization-not-counted',
    class: 'limits',
    file: 'src/acme/ledger/attempt.ts',
    search: '  return attempt.finalizedAt ?? attempt.issuedAt;\n',
    replace: '  return attempt.issuedAt;\n',
    killedBy: [{ file: 'src/acme/crash-loop.test.ts' }, { file: 'src/acme/ledger/history.test.ts' }],
    note: 'A finalization that a crash interrupted does not count as a certificate.',
  },
  {
    id: 'limits-exhausted-token-orders',
    class: 'limits',
    file: 'src/reconcile/issue.ts',
    search: '  if (failed) throw failed.failure;\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/apply.test.ts' },

      restarts('70 restarts with a read-only token: one order, and no validation'),
    ],
    note: 'The CA validates although the challenge could not be published.',
  },
  {
    id: 'limits-pause-ignored',
    class: 'limits',
    file: 'src/reconcile/record-failure.ts',
    search:
      "    if (pauseUntil) await ledger.write({ event: 'pause', until: pauseUntil.toISOString(), ...problem });\n",
    replace: '',
    killedBy: [
      { file: 'src/reconcile/orders.test.ts' },
      {
        file: 'test/faults/authority-outage.test.ts',
        test: 'the CA is down or slow',
        rows: '503 with Retry-After',
      },
    ],
    note: 'A pause that the CA requires of all its clients does not survive a restart.',
  },
  {
    id: 'limits-writes-overlap',
    class: 'limits',
    file: 'src/acme/ledger/ledger.ts',
    search: '    mutex.run(() =>',
    replace: '    new Mutex().run(() =>',
    killedBy: [
      { file: 'src/acme/ledger/ledger.test.ts' },
      { file: 'src/acme/issuance.test.ts' },
      { file: 'src/acme/crash-loop.test.ts' },
    ],
    note: 'Two concurrent orders pass a limit that has room for one.',
  },
  {
    id: 'limits-old-entries-lost',
    class: 'limits',
    file: 'src/acme/ledger/ledger.ts',
    search: '  if (failure === undefined) await removeSegments(state.folder, old);\n',
    replace: '  await removeSegments(state.folder, days);\n',
    killedBy: [{ file: 'src/acme/ledger/ledger.test.ts' }],
    note: 'Compacting the ledger removes entries that limits still count.',
  },
  {
    id: 'limits-failing-series-not-ended',
    class: 'limits',
    file: 'src/reconcile/issue.ts',
    search: "  await primary.ledger.write({ event: 'issued', ...entry });\n",
    replace: '',
    killedBy: [
      { file: 'src/reconcile/orders.test.ts' },
      {
        file: 'test/e2e/authorities.test.ts',
        test: 'when the first CA is down for the configured time, the second one issues, and CAA permits both',
      },
    ],
    note: 'After the fallback CA has issued, the primary is not tried first again.',
  },
];
