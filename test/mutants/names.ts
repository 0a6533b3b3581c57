import { type Mutant, PENDING } from './mutant.ts';

const several = (test: string) => ({ file: 'test/e2e/several-names.test.ts', test });
const restart = (test: string) => ({ file: 'test/e2e/restart.test.ts', test });
const isolation = (test: string) => ({ file: 'test/e2e/isolation.test.ts', test });
const HUNDRED = { file: 'test/e2e/hundred-names.test.ts' };

export const names: readonly Mutant[] = [
  {
    id: 'names-one-zone-missing-stops-all',
    class: 'names',
    file: 'src/reconcile/zones.ts',
    search: '    if (!zone) continue;\n',
    replace: '    if (!zone) break;\n',
    killedBy: [several('a name in no zone of the account holds up no other, and is tried again alone')],
    note: 'A name without a zone in the account blocks the names after it.',
    pending: PENDING,
  },
  {
    id: 'names-failure-of-one-is-of-all',
    class: 'names',
    file: 'src/reconcile/course.ts',
    search: '    for (const course of courses) note(course, step, failure);\n    return undefined;\n',
    replace: '    for (const course of courses) note(course, step, failure);\n    throw failure;\n',
    killedBy: [several('a name in no zone of the account holds up no other, and is tried again alone')],
    note: 'A step that fails for one certificate ends reconcile for all.',
    pending: PENDING,
  },
  {
    id: 'names-not-served-first',
    class: 'names',
    file: 'src/reconcile/round.ts',
    search: "  await attempt(course, 'serving', () => serve(parts, kept, course.stored), signal);\n",
    replace: '',
    killedBy: [
      restart('renewal is due and everything is down: the old certificate serves at once and stays'),
      several(
        'a valid certificate of the last name serves although the first name has none and the CA is down',
      ),
    ],
    note: 'The stored certificate is not served before others are asked.',
    pending: PENDING,
  },
  {
    id: 'names-served-after-zones',
    class: 'names',
    file: 'src/reconcile/round.ts',
    search: '  for (const course of courses) await takeStock(parts, course, signal);\n',
    replace:
      '  for (const course of courses) {\n    await takeStock(parts, course, signal);\n    await findOpenOrders(parts, courses, signal);\n    await parts.provider.zone(course.kept.names[0], signal).catch(() => undefined);\n  }\n',
    killedBy: [
      several(
        'two names: records and a certificate each, and both are served after a restart with the CA down',
      ),
      several(
        'a valid certificate of the last name serves although the first name has none and the CA is down',
      ),
    ],
    note: 'The provider is asked for the first name before the second name is served.',
    pending: PENDING,
  },
  {
    id: 'names-batches-too-small',
    class: 'names',
    file: 'src/reconcile/round.ts',
    search: 'export const CERTIFICATES_AT_ONCE = 20;',
    replace: 'export const CERTIFICATES_AT_ONCE = 10;',
    killedBy: [HUNDRED],
    note: 'A zone is written more often than necessary.',
    pending: PENDING,
  },
  {
    id: 'names-challenges-written-one-by-one',
    class: 'names',
    file: 'src/reconcile/certify.ts',
    search: '    [...byZone].map(([work, values]) => publishIn(parts, work, values, signal)),\n',
    replace:
      '    [...byZone].flatMap(([work, values]) => values.map((value) => publishIn(parts, work, [value], signal))),\n',
    killedBy: [HUNDRED, { file: 'src/reconcile/certify.test.ts' }],
    note: 'Each challenge is written separately.',
    pending: PENDING,
  },
  {
    id: 'names-second-name-not-requested',
    class: 'names',
    file: 'src/acme/issuance.ts',
    search: 'createCsr({ altNames: [...names] }',
    replace: 'createCsr({ altNames: names.slice(0, 1) }',
    killedBy: [
      several(
        'CERT_GROUPS and ALIAS_DOMAIN: names share a certificate, and one that is added leaves the others alone',
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
    search: '  if (missing.length > 0) return',
    replace: '  if (missing.length > 0 || facts.names.length !== names.length) return',
    killedBy: [
      several(
        'CERT_GROUPS and ALIAS_DOMAIN: names share a certificate, and one that is added leaves the others alone',
      ),
    ],
    note: 'A certificate that covers more names than wanted is replaced.',
  },
  {
    id: 'names-gone-zone-stops-renewal',
    class: 'names',
    file: 'src/records/registry.ts',
    search:
      "      if (isIngressError(thrown, 'ZONE_NOT_FOUND')) abandoned.push(...group);\n      else failures.push(thrown);\n",
    replace: '      failures.push(thrown);\n',
    killedBy: [isolation('a journal that names a zone out of reach does not stand in the way of a renewal')],
    note: 'The removal of a challenge from a zone that is gone is retried for ever.',
    pending: PENDING,
  },
  {
    id: 'names-refused-records-stop-renewal',
    class: 'names',
    file: 'src/reconcile/finish.ts',
    search: '    if (failure !== undefined && isFirst) throw failure;\n',
    replace: '    if (failure !== undefined) throw failure;\n',
    killedBy: [
      isolation('records that the provider refuses do not stand in the way of a renewal'),
      { file: 'src/reconcile/certify.test.ts' },
      { file: 'src/reconcile/round.test.ts' },
    ],
    note: 'Records that the provider rejects block a renewal.',
    pending: PENDING,
    survives: true,
  },
  {
    id: 'names-first-start-ignores-records',
    class: 'names',
    file: 'src/reconcile/publish.ts',
    search: 'isNeeded(value) || !work.failed.has(value.domain)',
    replace: 'isNeeded(value) || work.failed.size >= 0',
    killedBy: [
      isolation('on a first start, records that the provider refuses come before any validation'),
      { file: 'src/reconcile/publish.test.ts' },
    ],
    note: 'A first certificate is ordered although its records are rejected.',
    pending: PENDING,
  },
  {
    id: 'names-unknown-app-stops-serving',
    class: 'names',
    file: 'src/commands/wiring/configuration.ts',
    search: '  return stored ? [] : [identityFault(misplacedSocket(guestAgent))];\n',
    replace: '  return [stored].map(() => identityFault(misplacedSocket(guestAgent)));\n',
    killedBy: [restart('an existing certificate serves although nobody knows the app id')],
    note: 'A start without the guest agent serves nothing, although a certificate is stored.',
  },
  {
    id: 'names-unfit-files-stop-order',
    class: 'names',
    file: 'src/reconcile/serving.ts',
    search: "    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;\n",
    replace: "    if (isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;\n",
    killedBy: [restart('files on the volume that fit nobody are no certificate: one is ordered')],
    note: 'Files whose key and chain do not match block an order.',
    pending: PENDING,
  },
  {
    id: 'names-untidy-chain-served',
    class: 'names',
    file: 'src/certificates/certificate.ts',
    search: "chainPem: path.map(String).join('')",
    replace: 'chainPem',
    killedBy: [
      {
        file: 'test/e2e/chain.test.ts',
        test: 'a chain on the volume with its intermediate twice is served without the second, and stays as it lies there',
      },
    ],
    note: 'Certificates that do not belong to the chain are served.',
  },
];
