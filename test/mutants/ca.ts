import type { Mutant } from './mutant.ts';

const authorities = (test: string) => ({ file: 'test/e2e/authorities.test.ts', test });
const refuses = (rows: string) => ({
  file: 'test/faults/authority-refusals.test.ts',
  test: 'the CA refuses',
  rows,
});
const lost = (rows: string) => ({
  file: 'test/faults/authority.test.ts',
  test: 'one response of the CA is lost or wrong',
  rows,
});

export const cas: readonly Mutant[] = [
  {
    id: 'ca-bad-nonce-not-tried-again',
    class: 'ca',
    file: 'src/acme/http.ts',
    search: "      if (isProblem(thrown, 'badNonce') && ++rejectedNonces < NONCE_ATTEMPTS) continue;\n",
    replace: '',
    killedBy: [
      { file: 'src/acme/http-retries.test.ts' },
      { file: 'test/faults/authority-refusals.test.ts', test: 'the CA rejects half of all nonces' },
    ],
    note: 'A request with a rejected nonce is not repeated.',
  },
  {
    id: 'ca-outage-not-tried-again',
    class: 'ca',
    file: 'src/acme/http.ts',
    search: 'return status >= 500 && pauseMs <= MAX_PAUSE_MS ?',
    replace: 'return status >= 600 && pauseMs <= MAX_PAUSE_MS ?',
    killedBy: [{ file: 'src/acme/http-retries.test.ts' }],
    note: 'A single status 500 from the CA fails the order.',
  },
  {
    id: 'ca-lost-finalization-thrown',
    class: 'ca',
    file: 'src/acme/order.ts',
    search: "    if (!isProblem(thrown, 'orderNotReady')) throw thrown;\n",
    replace: "    if (!isProblem(thrown, 'badCSR')) throw thrown;\n",
    killedBy: [lost('the finalization: executed'), { file: 'src/acme/order.test.ts' }],
    note: 'A finalization whose response was lost counts as refused.',
  },
  {
    id: 'ca-lost-challenge-answer-thrown',
    class: 'ca',
    file: 'src/acme/order.ts',
    search: "    if (now.status === 'pending' && current.status === 'pending') throw thrown;\n",
    replace: '    if (now.status !== current.status) throw thrown;\n    throw thrown;\n',
    killedBy: [lost('the challenge: executed'), { file: 'src/acme/order.test.ts' }],
    note: 'A challenge response that was lost counts as refused.',
  },
  {
    id: 'ca-invalid-order-resumed',
    class: 'ca',
    file: 'src/acme/issuance.ts',
    search: "const isOpen = order?.status === 'pending' || order?.status === 'ready';",
    replace: "const isOpen = order !== undefined && order.status !== 'valid';",
    killedBy: [
      { file: 'src/acme/issuance.test.ts' },
      refuses('an order becomes invalid when it is finalized'),
    ],
    note: 'An invalid order is resumed for ever.',
  },
  {
    id: 'ca-forgotten-account-kept',
    class: 'ca',
    file: 'src/acme/account.ts',
    search: "    if (isProblem(refusal, 'accountDoesNotExist')) forgetRegistration();\n",
    replace: '',
    killedBy: [
      { file: 'src/acme/client.test.ts' },
      { file: 'test/e2e/restart.test.ts', test: 'an account that the CA has lost is registered again' },
    ],
    note: 'An account that the CA no longer knows is never registered again.',
  },
  {
    id: 'ca-ended-account-kept',
    class: 'ca',
    file: 'src/acme/account.ts',
    search: "if (status.kind === 'valid') return status;",
    replace: "if (status.kind !== 'unregistered') return { kind: 'valid' };",
    killedBy: [
      { file: 'src/acme/account-ends.test.ts' },
      {
        file: 'test/e2e/account-ends.test.ts',
        test: 'a deactivated account is replaced: new CAA, a warning, and a certificate',
      },
    ],
    note: 'A deactivated account is used for ever.',
  },
  {
    id: 'ca-stuck-order-kept',
    class: 'ca',
    file: 'src/acme/order.ts',
    search:
      "    return { reason: 'expired', sentence: `it is ${status} although it expired at ${expiredAt}` };\n",
    replace: '    return undefined;\n',
    killedBy: [
      { file: 'src/acme/issuance.test.ts' },
      {
        file: 'test/e2e/account-ends.test.ts',
        test: 'an order that is still processing after its expiry is abandoned, and another one created',
      },
    ],
    note: 'An order that stays in "processing" is resumed for ever.',
  },
  {
    id: 'ca-refused-replacement-not-ordered-again',
    class: 'ca',
    file: 'src/acme/client.ts',
    search: '    if (!mayConcernReplacement(thrown)) throw thrown;\n    return',
    replace: '    if (mayConcernReplacement(thrown)) throw thrown;\n    return',
    killedBy: [
      { file: 'src/acme/client-orders.test.ts' },
      refuses('the CA says that the certificate to renew has been replaced already'),
      authorities('a renewal that the CA advises is ordered once more if the CA refuses the replacement'),
    ],
    note: 'A renewal fails when the CA rejects the "replaces" field.',
  },
  {
    id: 'ca-replacement-not-named',
    class: 'ca',
    file: 'src/reconcile/orders.ts',
    search: 'stored && origin === authority ? certificateId(stored.chainPem)',
    replace: 'stored && origin !== authority ? certificateId(stored.chainPem)',
    killedBy: [
      { file: 'src/reconcile/renewal.test.ts' },
      authorities('a renewal that the CA advises names the certificate it replaces'),
    ],
    note: 'A renewal does not send "replaces" and so counts against rate limits.',
  },
  {
    id: 'ca-fallback-never-asked',
    class: 'ca',
    file: 'src/reconcile/authority-choice.ts',
    search: 'second > at && first < second ?',
    replace: 'second > at || first < second ?',
    killedBy: [
      { file: 'src/reconcile/authority-choice.test.ts' },
      { file: 'src/reconcile/orders.test.ts' },
      authorities(
        'when the first CA is down for the configured time, the second one issues, and CAA permits both',
      ),
    ],
    note: 'The fallback CA is not used although the primary has failed for long enough.',
  },
  {
    id: 'ca-fallback-asked-at-once',
    class: 'ca',
    file: 'src/reconcile/authority-choice.ts',
    search: 'return since !== undefined && now.getTime() - since >= afterMs;',
    replace: 'return since !== undefined;',
    killedBy: [{ file: 'src/reconcile/authority-choice.test.ts' }, { file: 'src/reconcile/orders.test.ts' }],
    note: 'The fallback CA is used after the first failure, ignoring ACME_FALLBACK_AFTER.',
  },
  {
    id: 'ca-fallback-not-in-caa',
    class: 'ca',
    file: 'src/reconcile/discover.ts',
    search: '[primary, fallback?.authority]',
    replace: '[primary, fallback && undefined]',
    killedBy: [
      { file: 'src/reconcile/discover.test.ts' },
      authorities(
        'when the first CA is down for the configured time, the second one issues, and CAA permits both',
      ),
    ],
    note: 'The CAA records do not permit the fallback CA.',
  },
  {
    id: 'ca-outage-of-one-stops-all',
    class: 'ca',
    file: 'src/reconcile/discover.ts',
    search: 'failures.find((failure) => !isOutage(failure))',
    replace: 'failures.find((failure) => failure !== undefined)',
    killedBy: [
      { file: 'src/reconcile/discover.test.ts' },
      authorities(
        'when the first CA is down from the first start on, the second one issues; CAA permits it, and later the first one',
      ),
    ],
    note: 'A primary CA that is down keeps the fallback from issuing.',
  },
  {
    id: 'ca-dry-run-skipped',
    class: 'ca',
    file: 'src/reconcile/issue.ts',
    search: '  if (stagingDryRun) await validateAtStaging(deps, run, issuance, stagingDryRun, signal);\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/orders.test.ts' },
      authorities('ACME_STAGING_DRY_RUN: after a failed validation, the staging CA has to validate first'),
    ],
    note: 'The production CA validates without the staging dry run.',
  },
  {
    id: 'ca-caa-not-checked',
    class: 'ca',
    file: 'src/reconcile/preflight.ts',
    search: '    if (refusals.length > 0) throw caaForbidsError(refusals);\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/preflight.test.ts' },
      authorities(
        'a CAA record of another account is reported before there is an order, with the record to add',
      ),
    ],
    note: 'An order is created that CAA forbids.',
  },
  {
    id: 'ca-binding-not-sent',
    class: 'ca',
    file: 'src/acme/signed-http.ts',
    search: '        ...(binding === undefined\n',
    replace: '        ...(binding === undefined || accountUrl === undefined\n',
    killedBy: [
      authorities(
        'a CA that requires an external account: the error names the variables, and with them there is a certificate',
      ),
    ],
    note: 'The external account binding is not sent.',
  },
  {
    id: 'ca-profile-not-ordered',
    class: 'ca',
    file: 'src/reconcile/orders.ts',
    search: 'profile: authority === authorities.primary ?',
    replace: 'profile: authority === authorities.staging ?',
    killedBy: [
      { file: 'src/reconcile/orders.test.ts' },
      authorities(
        'ACME_PROFILE: the CA issues with that profile; an unknown one is an error that lists the available ones',
      ),
    ],
    note: 'ACME_PROFILE is not sent with the order.',
  },
  {
    id: 'ca-silence-has-no-deadline',
    class: 'ca',
    file: 'src/acme/http.ts',
    search: 'TIMEOUT_MS = 30_000;',
    replace: 'TIMEOUT_MS = 600_000;',
    killedBy: [{ file: 'test/faults/authority-outage.test.ts', test: 'a response of the CA never arrives' }],
    note: 'A response that never arrives is awaited for ten minutes.',
  },
  {
    id: 'ca-page-taken-for-certificate',
    class: 'ca',
    file: 'src/acme/order.ts',
    search: '  if (!/-----BEGIN CERTIFICATE-----/.test(chain))\n',
    replace: "  if (chain === '')\n",
    killedBy: [{ file: 'src/acme/order.test.ts' }, lost('the certificate: a response that is not JSON')],
    note: 'The page of an intercepting proxy counts as an unusable certificate, and another one is ordered.',
  },
  {
    id: 'ca-order-given-up-for-outage',
    class: 'ca',
    file: 'src/acme/client.ts',
    search: '    if (isUnknownOrder(thrown)) return undefined;\n    throw thrown;\n',
    replace: '    return isUnknownOrder(thrown) ? undefined : undefined;\n',
    killedBy: [
      { file: 'src/acme/client-answers.test.ts' },
      { file: 'test/faults/authority-outage.test.ts', test: 'the CA is down or slow' },
    ],
    note: 'An open order is dropped because the CA is down, and another one is created.',
  },
];
