import type { Mutant } from './mutant.ts';

const takeover = (test: string) => ({ file: 'test/e2e/takeover.test.ts', test });
const RENEWED = takeover(
  'certbot’s certificate is renewed with its RSA account, and certbot can continue from there',
);

export const takeovers: readonly Mutant[] = [
  {
    id: 'takeover-numbered-lineage-not-found',
    class: 'takeover',
    file: 'src/certificates/lineage.ts',
    search: 'const NUMBER = /^(?:-\\d{4,})?$/;',
    replace: 'const NUMBER = /^$/;',
    killedBy: [
      { file: 'src/certificates/lineage.test.ts' },
      takeover(
        'certbot’s volume is taken over: a name whose lineage has a number because its wildcard came first',
      ),
    ],
    note: 'A certificate in a numbered lineage of certbot is not found.',
  },
  {
    id: 'takeover-old-version-overwritten',
    class: 'takeover',
    file: 'src/certificates/lineage-folder.ts',
    search: '  const version = ((await versions(archive)).at(-1) ?? 0) + 1;\n',
    replace: '  const version = Math.max((await versions(archive)).at(-1) ?? 0, 1);\n',
    killedBy: [{ file: 'src/certificates/store.test.ts' }, RENEWED],
    note: 'A renewal overwrites the version before it.',
  },
  {
    id: 'takeover-links-are-absolute',
    class: 'takeover',
    file: 'src/certificates/lineage-folder.ts',
    search: "      join('..', '..', 'archive', name, `${part}${version}.pem`),\n",
    replace: "      join(live, '..', '..', 'archive', name, `${part}${version}.pem`),\n",
    killedBy: [RENEWED, { file: 'src/certificates/store.test.ts' }],
    note: 'Links break when the volume is mounted at another path.',
  },
  {
    id: 'takeover-key-readable',
    class: 'takeover',
    file: 'src/certificates/lineage-folder.ts',
    search: 'const KEY_MODE = 0o600;',
    replace: 'const KEY_MODE = 0o640;',
    killedBy: [
      { file: 'src/certificates/store.test.ts' },
      RENEWED,
      {
        file: 'test/e2e/first-start.test.ts',
        test: 'first start: records, certificate, HTTPS through the gateway',
      },
    ],
    note: 'Other users can read private keys.',
  },
  {
    id: 'takeover-account-not-found',
    class: 'takeover',
    file: 'src/acme/account-store.ts',
    search: "pathname.split('/').filter(Boolean));\n",
    replace: "pathname.split('/').filter(Boolean).slice(1));\n",
    killedBy: [{ file: 'src/acme/account-store.test.ts' }, RENEWED],
    note: "certbot's account is not found, and another one is created.",
  },
  {
    id: 'takeover-rsa-account-key-refused',
    class: 'takeover',
    file: 'src/acme/account-store.ts',
    search: "const key = createPrivateKey({ key: JSON.parse(text), format: 'jwk' });",
    replace:
      "const key = createPrivateKey({ key: { kty: 'EC', ...JSON.parse(text), kty: 'EC' }, format: 'jwk' });",
    killedBy: [{ file: 'src/acme/account-store.test.ts' }, RENEWED],
    note: "certbot's account key, an RSA key, cannot be read.",
  },
  {
    id: 'takeover-conf-not-written',
    class: 'takeover',
    file: 'src/commands/wiring/renewal-confs.ts',
    search: '      await store.save(names, bundle);\n      await writeSafely(names, bundle);\n',
    replace: '      await store.save(names, bundle);\n',
    killedBy: [{ file: 'test/e2e/back-to-certbot.test.ts' }],
    note: 'certbot cannot continue with a certificate that was ordered here.',
  },
  {
    id: 'takeover-conf-overwritten',
    class: 'takeover',
    file: 'src/certificates/write-renewal-conf.ts',
    search:
      "  if (kind !== 'nothing' && (text === undefined || !isToBeWritten(text, wanted))) return undefined;\n",
    replace: "  if (kind !== 'nothing' && text === undefined) return undefined;\n",
    killedBy: [
      takeover('certbot’s volume is taken over: a name'),
      RENEWED,
      { file: 'src/certificates/write-renewal-conf.test.ts' },
    ],
    note: 'renewal/*.conf of certbot or its user is overwritten.',
  },
  {
    id: 'takeover-records-rewritten',
    class: 'takeover',
    file: 'src/records/plan.ts',
    search: '  return desired.ttl === current.ttl || sharesWithForeign;\n',
    replace: '  return desired.ttl > current.ttl || sharesWithForeign;\n',
    killedBy: [takeover('certbot’s volume is taken over: a name'), { file: 'src/records/plan.test.ts' }],
    note: 'Records that are as desired are written in every run of reconcile.',
  },
  {
    id: 'takeover-staging-replaces-production',
    class: 'takeover',
    file: 'src/commands/wiring/external-deps.ts',
    search: "  return usesStaging ? join(letsencryptDir, 'dstack-ingress', 'staging') : letsencryptDir;\n",
    replace: '  return usesStaging ? join(letsencryptDir) : letsencryptDir;\n',
    killedBy: [
      {
        file: 'test/e2e/authorities.test.ts',
        test: 'switching to staging and back: each CA’s certificate is served, nothing is ordered twice, both accounts stay',
      },
    ],
    note: 'Certificates of the staging environment replace production ones.',
  },
];
