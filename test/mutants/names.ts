import type { Mutant } from './mutant.ts';

const several = (test: string) => ({ file: 'test/e2e/several-names.test.ts', test });
const restart = (test: string) => ({ file: 'test/e2e/restart.test.ts', test });
const isolation = (test: string) => ({ file: 'test/e2e/isolation.test.ts', test });
const HUNDRED = { file: 'test/e2e/hundred-names.test.ts' };

export const names: readonly Mutant[] = [
  {
    id: 'names-one-zone-missing-stops-all',
    class: 'names',
    file: 'src/reconcile/zones.ts',
    search: '      if (zone) zoneOf(zone).names.push(',
    replace: '      if (!zone) return [...found.values()];\n      zoneOf(zone).names.push(',
    killedBy: [
      { file: 'src/reconcile/several-certificates.test.ts' },
      several('a name without a zone in the account blocks no other name, and is retried alone'),
    ],
    note: 'A name without a zone in the account blocks the names after it.',
  },
  {
    id: 'names-failure-of-one-is-of-all',
    class: 'names',
    file: 'src/reconcile/report.ts',
    search:
      '      for (const subject of subjects) this.fail(subject, step, failure);\n      return undefined;\n',
    replace:
      '      for (const subject of subjects) this.fail(subject, step, failure);\n      throw failure;\n',
    killedBy: [
      { file: 'src/reconcile/several-certificates.test.ts' },
      several('a name without a zone in the account blocks no other name, and is retried alone'),
    ],
    note: 'A step that fails for one certificate ends reconcile for all.',
  },
  {
    id: 'names-not-served-first',
    class: 'names',
    file: 'src/reconcile/install.ts',
    search:
      "  await report.shared('serving', [certificate], () => install(deps, report, certificate, loaded?.stored));\n",
    replace: '',
    killedBy: [
      { file: 'src/reconcile/reconcile.test.ts' },
      restart('with a renewal due and everything down, the old certificate is served at once and stays'),
      several(
        'a valid certificate of the last name is served although the first name has none and the CA is down',
      ),
    ],
    note: 'The stored certificate is served only after calls to other servers.',
  },
  {
    id: 'names-served-after-zones',
    class: 'names',
    file: 'src/reconcile/reconcile.ts',
    search:
      "  const loaded = await report.each('serving', certificates, (one) => loadAndServe(deps, report, one));\n",
    replace:
      '  const loaded = new Map();\n  for (const one of certificates) {\n    loaded.set(one, await loadAndServe(deps, report, one));\n    await deps.provider.zone(one.names[0], signal).catch(() => undefined);\n  }\n',
    killedBy: [
      { file: 'src/reconcile/reconcile.test.ts' },
      several(
        'two names each have records and a certificate, and both are served after a restart with the CA down',
      ),
      several(
        'a valid certificate of the last name is served although the first name has none and the CA is down',
      ),
    ],
    note: 'The provider is called for the first name before the second name is served.',
  },
  {
    id: 'names-batches-too-small',
    class: 'names',
    file: 'src/reconcile/group.ts',
    search: 'export const ORDERS_AT_ONCE = 20;',
    replace: 'export const ORDERS_AT_ONCE = 10;',
    killedBy: [{ file: 'src/reconcile/group.test.ts' }, HUNDRED],
    note: 'A zone is written more often than necessary.',
  },
  {
    id: 'names-challenges-written-one-by-one',
    class: 'names',
    file: 'src/reconcile/apply.ts',
    search: '  const plan = await writeZone(deps, zone, wants, signal);\n  const challenges =',
    replace:
      '  for (const value of publish.slice(1))\n    await writeZone(deps, { ...zone, names: [], journalled: [] }, { ...wants, publish: [value] }, signal);\n  const plan = await writeZone(deps, zone, { ...wants, publish: publish.slice(0, 1) }, signal);\n  const challenges =',
    killedBy: [{ file: 'src/reconcile/several-certificates.test.ts' }, HUNDRED],
    note: 'Each challenge is written separately.',
  },
  {
    id: 'names-second-name-not-requested',
    class: 'names',
    file: 'src/acme/issuance.ts',
    search: 'createCsr({ altNames: [...names] }',
    replace: 'createCsr({ altNames: names.slice(0, 1) }',
    killedBy: [
      several(
        'CERT_GROUPS and ALIAS_DOMAIN: names share a certificate, and an added name does not affect the others',
      ),
    ],
    note: 'The CSR holds only the first name.',
  },
  {
    id: 'names-key-type-ignored',
    class: 'names',
    file: 'src/acme/issuance.ts',
    search: "keyType === 'rsa'\n",
    replace: "keyType === 'ecdsa' && false\n",
    killedBy: [several('KEY_TYPE=rsa: the next certificate has an RSA key')],
    note: 'KEY_TYPE has no effect.',
  },
  {
    id: 'names-subset-is-replaced',
    class: 'names',
    file: 'src/certificates/certificate.ts',
    search: '  if (missing.length > 0) {',
    replace: '  if (missing.length > 0 || facts.names.length !== names.length) {',
    killedBy: [
      { file: 'src/reconcile/several-certificates.test.ts' },
      several(
        'CERT_GROUPS and ALIAS_DOMAIN: names share a certificate, and an added name does not affect the others',
      ),
    ],
    note: 'A certificate that covers more names than wanted is replaced.',
  },
  {
    id: 'names-gone-zone-stops-renewal',
    class: 'names',
    file: 'src/reconcile/apply-in-parts.ts',
    search: "  if (isIngressError(failure, 'ZONE_NOT_FOUND')) return forget(deps, zone);\n",
    replace: '',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      isolation('a journal with an unreachable zone does not prevent a renewal'),
    ],
    note: 'The removal of a challenge from a zone that is gone is retried for ever.',
  },
  {
    id: 'names-refused-records-stop-renewal',
    class: 'names',
    file: 'src/reconcile/apply-in-parts.ts',
    search: '=> isRenewal || !failed.has(domain);',
    replace: '=> !failed.has(domain);',
    killedBy: [
      { file: 'src/reconcile/apply.test.ts' },
      isolation('records that the provider refuses do not prevent a renewal'),
    ],
    note: 'Records that the provider rejects block a renewal.',
  },
  {
    id: 'names-first-start-ignores-records',
    class: 'names',
    file: 'src/reconcile/apply-in-parts.ts',
    search: '=> isRenewal || !failed.has(domain);',
    replace: "=> isRenewal || domain !== '';",
    killedBy: [
      { file: 'src/reconcile/apply.test.ts' },
      isolation('on a first start, records that the provider refuses prevent any validation'),
    ],
    note: 'A first certificate is ordered although its records are rejected.',
  },
  {
    id: 'names-unknown-app-stops-serving',
    class: 'names',
    file: 'src/commands/wiring/configuration.ts',
    search: '  return stored ? [] : [identityFault(missingSocket(guestAgent))];\n',
    replace: '  return [stored].map(() => identityFault(missingSocket(guestAgent)));\n',
    killedBy: [restart('an existing certificate is served even if the app id is unknown')],
    note: 'A start without the guest agent serves nothing, although a certificate is stored.',
  },
  {
    id: 'names-unfit-files-stop-order',
    class: 'names',
    file: 'src/reconcile/install.ts',
    search: "    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;\n",
    replace: "    if (isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;\n",
    killedBy: [
      { file: 'src/reconcile/install.test.ts' },
      restart('mismatched files on the volume are not a certificate: one is ordered'),
    ],
    note: 'Files whose key and chain do not match block an order.',
  },
  {
    id: 'names-untidy-chain-served',
    class: 'names',
    file: 'src/certificates/certificate.ts',
    search: "chainPem: path.map(String).join('')",
    replace: 'chainPem',
    killedBy: [
      { file: 'src/certificates/store.test.ts' },
      {
        file: 'test/e2e/chain.test.ts',
        test: 'a chain on the volume with a duplicate intermediate is served without the duplicate, and its file stays unchanged',
      },
    ],
    note: 'Certificates that do not belong to the chain are served.',
  },
];
