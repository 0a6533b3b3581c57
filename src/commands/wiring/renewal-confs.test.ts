import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { providers } from '../../../providers/registry.ts';
import { makeCertificate } from '../../../test/harness/ca/certificates.ts';
import { createFakeClock } from '../../../test/harness/fake-clock.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import type { Authority } from '../../acme/issuance.ts';
import { type CertificateBundle, type CertificateNames, readBundle } from '../../certificates/certificate.ts';
import { readRenewalConf } from '../../certificates/renewal-conf.ts';
import { loadConfig } from '../../config/config.ts';
import { Secret } from '../../config/secret.ts';
import type { Deps } from '../../reconcile/deps.ts';
import { accountsAt, assembleExternal } from './external-deps.ts';
import { createProviderFiles } from './provider-context.ts';
import { withRenewalConfs } from './renewal-confs.ts';

const NAMES: CertificateNames = ['app.example.com'];
const FIRST = 'https://first.example/directory';
const SECOND = 'https://second.example/directory';

/** An empty volume, two CAs, and a certificate that is not stored yet. */
async function volumeOfTwo(t: TestContext) {
  const root = temporaryDirectory(t);
  const environment = {
    ...{ DOMAIN: NAMES[0], TARGET_ENDPOINT: 'app:80', GATEWAY_DOMAIN: '_.cluster.example.net' },
    ...{ CLOUDFLARE_API_TOKEN: 'nobody-is-there-to-see-this-token-anyway', LETSENCRYPT_DIR: root },
    ...{ ACME_DIRECTORY_URL: FIRST, ACME_FALLBACK_DIRECTORY_URL: SECOND },
  };
  const config = loadConfig(environment, () => '', providers);
  const clock = createFakeClock(new Date());
  const ignore = () => undefined;
  const files = createProviderFiles(root, 'cloudflare');
  const external = assembleExternal(config, { clock, files, onWait: ignore, warn: ignore });
  const { primary, fallback } = external.authorities;
  assert.ok(fallback);
  const made = await makeCertificate({ names: [...NAMES] });
  const { emit } = memoryLog();
  return {
    ...{ root, external, first: primary, second: fallback.authority },
    bundle: readBundle(made.chainPem, new Secret(made.keyPem), clock.now()),
    /** The store as it is after a start. */
    store: () => withRenewalConfs(config, external, emit),
    /** Creates an account; without a URL its registration was not completed. */
    async account(directoryUrl: string, url?: string) {
      const accounts = accountsAt(config, directoryUrl, external);
      const made = await accounts.create();
      if (url !== undefined) await accounts.register(made, url, {});
      return basename(made.path);
    },
  };
}

function confOf(root: string) {
  const path = join(root, 'renewal', `${NAMES[0]}.conf`);
  return existsSync(path) ? readRenewalConf(readFileSync(path, 'utf8')) : undefined;
}

/**
 * Issues like an attempt: the order is open until the certificate is stored, then the ledger has
 * it.
 */
async function issueBy(
  { ledger, orders, directoryUrl }: Authority,
  bundle: CertificateBundle,
  store: Deps['store'],
) {
  const { keyPem, facts } = bundle;
  const [key] = NAMES;
  const attempt = 'attempt-1';
  const note = {
    directoryUrl,
    accountUrl: '',
    names: NAMES,
    attempt,
    url: `${directoryUrl}/order`,
    createdAt: '',
  };
  await orders.save(key, { ...note, keyPem });
  await store.save(NAMES, bundle);
  await ledger.write({
    ...{ event: 'issued', attempt, names: NAMES, serial: facts.serial },
    notAfter: facts.notAfter.toISOString(),
  });
  await orders.remove(key);
}

test('the configuration of a certificate from the first CA names that CA and its account', async (t) => {
  const { root, first, bundle, store, account } = await volumeOfTwo(t);
  const id = await account(FIRST, 'https://first.example/acct/1');
  await account(SECOND, 'https://second.example/acct/1');
  await issueBy(first, bundle, store());
  assert.deepEqual(confOf(root), { account: id, directoryUrl: FIRST });
});

for (const [title, url] of [
  ['has an account whose registration was not completed', undefined],
  ['has a registered account', 'https://first.example/acct/1'],
] as const) {
  test(`the configuration of a certificate from the second CA names that CA and its account if the first ${title}`, async (t) => {
    const { root, second, bundle, store, account } = await volumeOfTwo(t);
    await account(FIRST, url);
    const id = await account(SECOND, 'https://second.example/acct/1');
    await issueBy(second, bundle, store());
    assert.deepEqual(confOf(root), { account: id, directoryUrl: SECOND });
    // A start that finds no file writes the same.
    rmSync(join(root, 'renewal'), { recursive: true });
    await store().load(NAMES);
    assert.deepEqual(confOf(root), { account: id, directoryUrl: SECOND });
  });
}

test('the configuration of a certificate from the second CA names that CA if the first was never reached', async (t) => {
  const { root, second, bundle, store, account } = await volumeOfTwo(t);
  const id = await account(SECOND, 'https://second.example/acct/1');
  await issueBy(second, bundle, store());
  assert.deepEqual(confOf(root), { account: id, directoryUrl: SECOND });
});

test('no configuration names an account whose registration was not completed', async (t) => {
  const { root, first, bundle, store, account } = await volumeOfTwo(t);
  await account(FIRST);
  await issueBy(first, bundle, store());
  assert.equal(confOf(root), undefined);
});
