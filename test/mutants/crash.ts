import type { Mutant } from './mutant.ts';

const KILLS = 'test/faults/kills.test.ts';
const FIRST_START = 'SIGKILL at every step of a first start';
const crash = (test: string) => ({ file: 'test/e2e/crash.test.ts', test });

export const crashes: readonly Mutant[] = [
  {
    id: 'crash-key-not-stored-before-finalization',
    class: 'crash',
    file: 'src/acme/issuance.ts',
    search: '  await orders.save(key, { ...stored, keyPem });\n',
    replace: '',
    killedBy: [
      { file: 'src/acme/issuance.test.ts' },
      { file: KILLS, test: FIRST_START, rows: 'kill-after POST /finalize-order/' },
    ],
    note: 'A crash between finalization and download loses the private key, and with it the certificate.',
  },
  {
    id: 'crash-order-noted-after-authorizations',
    class: 'crash',
    file: 'src/acme/issuance.ts',
    search: '  await orders.save(key, stored);\n',
    replace: '',
    killedBy: [
      { file: 'src/acme/issuance.test.ts' },

      { file: KILLS, test: FIRST_START, rows: 'kill-after POST /authZ/' },
    ],
    note: 'The order is stored only after its authorizations are read; a crash before that leads to a second order.',
  },
  {
    id: 'crash-order-before-ledger',
    class: 'crash',
    file: 'src/acme/issuance.ts',
    search:
      "  const deferral = await ledger.writeUnless({ event: 'order', attempt, names, ...replacement }, (history) =>\n    whenAllowed({ ...step, history }),\n  );\n  if (deferral) return deferral;\n  const created = await client.createOrder({ names, ...replacement, ...profiled }, context.signal);\n",
    replace:
      "  const created = await client.createOrder({ names, ...replacement, ...profiled }, context.signal);\n  const deferral = await ledger.writeUnless({ event: 'order', attempt, names, ...replacement }, (history) =>\n    whenAllowed({ ...step, history }),\n  );\n  if (deferral) return deferral;\n",
    killedBy: [{ file: 'src/acme/crash-loop.test.ts' }, { file: 'src/acme/issuance.test.ts' }],
    note: 'newOrder is sent before the ledger has the entry; a crash loop orders without limit.',
  },
  {
    id: 'crash-challenge-before-journal',
    class: 'crash',
    file: 'src/reconcile/apply.ts',
    search: '  await addToJournal(deps, zone, values);\n  const all =',
    replace: '  const all =',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      crash(
        'SIGTERM while the provider hangs: still exit code 0 within 10 s, and the journal keeps the challenge',
      ),
    ],
    note: 'The challenge is published before the journal has it; after a crash nothing finds it.',
  },
  {
    id: 'crash-journal-cleared-before-removal',
    class: 'crash',
    file: 'src/reconcile/apply.ts',
    search: '  await retryingConflicts(() => deps.provider.apply(zone, changes, signal));\n',
    replace:
      '  await removeFromJournal(deps, journalled);\n  await retryingConflicts(() => deps.provider.apply(zone, changes, signal));\n',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      {
        file: 'test/faults/provider-outage.test.ts',
        test: 'the provider is down or slow, or refuses',
        rows: 'the token loses its write permission before the challenge',
      },
    ],
    note: 'The journal entry is removed before the record; if the removal fails, the record stays for ever.',
  },
  {
    id: 'crash-journal-cleared-before-pruning',
    class: 'crash',
    file: 'src/reconcile/apply.ts',
    search: '  await addToJournal(deps, zone, values);\n  const all =',
    replace:
      '  await addToJournal(deps, zone, values);\n  await removeFromJournal(deps, pruned);\n  const all =',
    killedBy: [{ file: 'src/reconcile/apply-challenges.test.ts' }],
    note: 'The journal entry of a challenge of an earlier run is removed before its record; if the write fails, the record stays for ever.',
  },
  {
    id: 'crash-unanswered-challenge-leaves-journal',
    class: 'crash',
    file: 'src/reconcile/apply.ts',
    search: '    journalled.filter(({ handle }) => handle !== undefined),\n',
    replace: '    journalled,\n',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      { file: 'test/faults/provider-outage.test.ts', test: 'a response of the provider never arrives' },
    ],
    note: 'The journal entry of an unanswered write is removed while the provider may still carry the write out.',
  },
  {
    id: 'crash-stale-challenge-not-pruned',
    class: 'crash',
    file: 'src/records/zone-plan.ts',
    search: '  const pruned = journalled.filter((one) => !isOpen(one));\n',
    replace: '  const pruned = journalled.filter((one) => !isOpen(one)).slice(journalled.length);\n',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      { file: KILLS, test: FIRST_START, rows: 'kill-after (?:symlink|rename) live/' },
    ],
    note: 'Challenges that an earlier run left are not removed.',
  },
  {
    id: 'crash-completed-order-left-open',
    class: 'crash',
    file: 'src/reconcile/reconcile.ts',
    search:
      "  await report.each('open order', decisions.keys(), (one) => closeOrders(one, open, decisions));\n",
    replace: '',
    killedBy: [
      { file: 'src/reconcile/renewal.test.ts' },
      { file: KILLS, test: FIRST_START, rows: 'kill-after (?:symlink|rename) live/' },
    ],
    note: 'After a crash the order of a stored certificate stays open.',
  },
  {
    id: 'crash-wanted-challenge-pruned',
    class: 'crash',
    file: 'src/records/zone-plan.ts',
    search: '  const pruned = journalled.filter((one) => !isOpen(one));\n',
    replace: '  const pruned = journalled;\n',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      crash(
        'SIGKILL while the challenge is published: the next start continues the order and leaves no stale value',
      ),
    ],
    note: 'The challenge of a resumed order is removed and published again.',
  },
  {
    id: 'crash-temporaries-left',
    class: 'crash',
    file: 'src/commands/run.ts',
    search: 'void removeTemporaryFiles(config, { emit, clock });',
    replace: '',
    killedBy: [
      {
        file: 'test/e2e/restart.test.ts',
        test: 'after a restart the stored certificate is served: no order, no write, one zone read',
      },
    ],
    note: 'Temporary files of a killed process, among them private keys, stay on the volume.',
  },
  {
    id: 'crash-links-not-mended',
    class: 'crash',
    file: 'src/certificates/store.ts',
    search:
      '  if (chosen?.unlinked !== undefined) await mendLinks(chosen.folder, chosen.unlinked).catch(() => undefined);\n',
    replace: '',
    killedBy: [
      { file: 'src/certificates/store.test.ts' },
      { file: KILLS, test: FIRST_START, rows: 'kill-after rename archive/' },
    ],
    note: 'Links that a crash left half moved are not repaired; other programs read no certificate, or the old one.',
  },
  {
    id: 'crash-unregistered-account-ignored',
    class: 'crash',
    file: 'src/acme/account-store.ts',
    search: "(load.status === 'fulfilled' && load.value ? [load.value] : [])",
    replace: "(load.status === 'fulfilled' && load.value?.url ? [load.value] : [])",
    killedBy: [
      { file: 'src/acme/account-store.test.ts' },
      { file: KILLS, test: FIRST_START, rows: 'kill-after POST /sign-me-up' },
    ],
    note: 'An account whose registration was interrupted is registered again under a new key.',
  },
  {
    id: 'crash-order-not-resumed',
    class: 'crash',
    file: 'src/acme/issuance.ts',
    search: 'const resumed = await resumeOrder(authority, params, context);',
    replace: 'const resumed = await resumeOrder(authority, params, context).then(() => undefined);',
    killedBy: [
      { file: 'src/acme/issuance.test.ts' },
      crash(
        'SIGKILL while the challenge is published: the next start continues the order and leaves no stale value',
      ),
    ],
    note: 'A start creates an order although one is open.',
  },
  {
    id: 'crash-half-archive-served',
    class: 'crash',
    file: 'src/certificates/lineage-folder.ts',
    search:
      "    ['privkey', bundle.keyPem.reveal()],\n    ['cert', leaf],\n    ['chain', issuers.join('')],\n    ['fullchain', bundle.chainPem],\n",
    replace:
      "    ['fullchain', bundle.chainPem],\n    ['privkey', bundle.keyPem.reveal()],\n    ['cert', leaf],\n    ['chain', issuers.join('')],\n",
    killedBy: [
      { file: 'src/certificates/store.test.ts' },
      { file: KILLS, test: FIRST_START, rows: 'kill-(?:after|torn) (?:rename|write) archive/' },
    ],
    note: 'Chain and key are written before the rest of the version; after a crash the links lead to missing files.',
  },
  {
    id: 'crash-incomplete-version-hides-older',
    class: 'crash',
    file: 'src/certificates/lineage-folder.ts',
    search: '    if (!pair) continue;\n',
    replace: '    if (!pair) return undefined;\n',
    killedBy: [
      { file: 'src/certificates/store.test.ts' },
      {
        file: KILLS,
        test: 'SIGKILL at every step of a renewal, once it is issued',
        rows: 'kill-(?:after|torn) (?:rename|write) archive/',
      },
    ],
    note: 'An incomplete version hides the complete one before it.',
  },
  {
    id: 'crash-removal-under-aborted-signal',
    class: 'crash',
    file: 'src/reconcile/clean-up.ts',
    search: '  const deadline = cleanUpDeadline(signal);\n',
    replace: '  const deadline = signal;\n',
    killedBy: [
      { file: 'src/reconcile/clean-up.test.ts' },
      crash('SIGTERM during issuance: the challenge is removed, exit code 0 within 10 s'),
    ],
    note: 'The signal that stops the program also aborts the removal of the challenges.',
  },
  {
    id: 'crash-removal-delays-stop',
    class: 'crash',
    file: 'src/reconcile/clean-up.ts',
    search: '  if (stopping.aborted) return AbortSignal.timeout(CLEANUP_WHILE_STOPPING_MS);\n',
    replace: '  if (stopping.aborted) return AbortSignal.timeout(CLEANUP_MS);\n',
    killedBy: [
      { file: 'src/reconcile/clean-up.test.ts' },
      crash(
        'SIGTERM while the provider hangs: still exit code 0 within 10 s, and the journal keeps the challenge',
      ),
    ],
    note: 'A provider that hangs delays the stop until the container engine kills the program.',
  },
  {
    id: 'crash-challenge-not-removed',
    class: 'crash',
    file: 'src/reconcile/reconcile.ts',
    search: '    await cleanUp(deps, report, batch, signal);\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/reconcile.test.ts' },
      crash('SIGTERM during issuance: the challenge is removed, exit code 0 within 10 s'),
    ],
    note: 'Challenges stay in the zone until the next run of reconcile.',
  },
  {
    id: 'crash-haproxy-not-restarted',
    class: 'crash',
    file: 'src/proxy/process/supervisor.ts',
    search: '      haproxy = await this.#bringUpAgain(signal);\n',
    replace: '      if (how !== undefined) return;\n      haproxy = await this.#bringUpAgain(signal);\n',
    killedBy: [crash('HAProxy is killed: it is restarted and serves the same certificate')],
    note: 'HAProxy is not restarted after it was killed.',
  },
  {
    id: 'crash-certificates-not-restored',
    class: 'crash',
    file: 'src/proxy/proxy.ts',
    search: '          await certificates.restore(api, ends);\n',
    replace: '',
    killedBy: [crash('HAProxy is killed: it is restarted and serves the same certificate')],
    note: 'HAProxy has no certificates after a restart.',
  },
];
