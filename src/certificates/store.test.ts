import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { beforeEach, type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { type MadeCertificate, makeCertificate } from '../../test/harness/ca/certificates.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { Secret } from '../config/secret.ts';
import { isIngressError } from '../errors.ts';
import { readBundle, type Unusable, whyUnusable } from './certificate.ts';
import { createCertificateStore } from './store.ts';

const first = await makeCertificate({ names: ['app.example.com'] });
const second = await makeCertificate({ names: ['app.example.com', 'www.example.com'] });
const wildcard = await makeCertificate({ names: ['*.example.com'] });
const bundleOf = ({ chainPem, keyPem }: MadeCertificate) =>
  readBundle(chainPem, new Secret(keyPem), new Date());

let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});

const storeIn = (options: { noStaging?: boolean; now?: Date } = {}) => {
  const { noStaging = false, now = new Date() } = options;
  return createCertificateStore(root, { noStaging, clock: createFakeClock(now) });
};
const live = (...path: string[]) => join(root, 'live', 'app.example.com', ...path);
const archive = (...path: string[]) => join(root, 'archive', 'app.example.com', ...path);

test('a saved certificate is loaded, and has certbot’s layout', async () => {
  const store = storeIn();
  assert.equal(await store.load(['app.example.com']), undefined);
  await store.save(['app.example.com'], bundleOf(first));
  const loaded = await store.load(['app.example.com']);
  assert.equal(loaded?.facts.fingerprint256, bundleOf(first).facts.fingerprint256);
  assert.equal(loaded?.keyPem.reveal(), first.keyPem);
  assert.equal(readlinkSync(live('privkey.pem')), '../../archive/app.example.com/privkey1.pem');
  assert.deepEqual(readdirSync(live()).sort(), ['cert.pem', 'chain.pem', 'fullchain.pem', 'privkey.pem']);
});

test('keys are 0600 and certificates 0644, whatever the umask', async () => {
  const before = process.umask(0o077);
  try {
    await storeIn().save(['app.example.com'], bundleOf(first));
  } finally {
    process.umask(before);
  }
  const mode = (part: string) => (statSync(archive(`${part}1.pem`)).mode & 0o777).toString(8);
  assert.deepEqual(['privkey', 'cert', 'chain', 'fullchain'].map(mode), ['600', '644', '644', '644']);
});

test('a new version is stored beside the old one, and the links lead to it', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  await store.save(['app.example.com'], bundleOf(second));
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(second).facts.serial);
  assert.equal(readFileSync(archive('privkey1.pem'), 'utf8'), first.keyPem);
  assert.equal(readlinkSync(live('cert.pem')), '../../archive/app.example.com/cert2.pem');
});

test('after a crash between two links, the newest matching pair is loaded and linked', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  await store.save(['app.example.com'], bundleOf(second));
  rmSync(live('fullchain.pem'));
  symlinkSync('../../archive/app.example.com/fullchain1.pem', live('fullchain.pem'));
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(second).facts.serial);
  assert.equal(readlinkSync(live('fullchain.pem')), '../../archive/app.example.com/fullchain2.pem');
});

test('a peek returns what would be loaded, and repairs nothing', async () => {
  const store = storeIn();
  assert.equal(await store.peek(['app.example.com']), undefined);
  assert.deepEqual(readdirSync(root), []);
  await store.save(['app.example.com'], bundleOf(first));
  await store.save(['app.example.com'], bundleOf(second));
  rmSync(live('fullchain.pem'));
  symlinkSync('../../archive/app.example.com/fullchain1.pem', live('fullchain.pem'));
  assert.equal((await store.peek(['app.example.com']))?.facts.serial, bundleOf(second).facts.serial);
  assert.equal(readlinkSync(live('fullchain.pem')), '../../archive/app.example.com/fullchain1.pem');
});

test('a truncated version is skipped', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  writeFileSync(archive('privkey2.pem'), second.keyPem);
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(first).facts.serial);
  await store.save(['app.example.com'], bundleOf(second));
  assert.equal(readlinkSync(live('privkey.pem')), '../../archive/app.example.com/privkey3.pem');
});

test('without links the newest complete version is loaded', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  await store.save(['app.example.com'], bundleOf(second));
  writeFileSync(archive('privkey3.pem'), first.keyPem);
  rmSync(live(), { recursive: true });
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(second).facts.serial);
});

test('a key that matches no chain is an error', async () => {
  mkdirSync(live(), { recursive: true });
  writeFileSync(live('fullchain.pem'), first.chainPem);
  writeFileSync(live('privkey.pem'), second.keyPem);
  await assert.rejects(storeIn().load(['app.example.com']), (thrown) =>
    isIngressError(thrown, 'CERTIFICATE_UNUSABLE'),
  );
});

test('a wildcard is stored under its base name', async () => {
  const store = storeIn();
  await store.save(['*.example.com'], bundleOf(wildcard));
  assert.ok(statSync(join(root, 'live', 'example.com', 'privkey.pem')).isFile());
  assert.ok(await store.load(['*.example.com']));
});

test('a volume that cannot be written is STORE_FAILED, and the stored certificate stays', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  rmSync(join(root, 'archive', 'app.example.com'), { recursive: true });
  writeFileSync(join(root, 'archive', 'app.example.com'), 'a file where the folder should be');
  chmodSync(root, 0o700);
  await assert.rejects(store.save(['app.example.com'], bundleOf(second)), (thrown) =>
    isIngressError(thrown, 'STORE_FAILED'),
  );
});

test('readBundle accepts a chain and a key only if they match', () => {
  const refused = (chainPem: string, keyPem: string) =>
    assert.throws(
      () => readBundle(chainPem, new Secret(keyPem), new Date()),
      (thrown) => isIngressError(thrown, 'CERTIFICATE_UNUSABLE'),
    );
  refused(first.chainPem, second.keyPem);
  refused('', first.keyPem);
  refused('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', first.keyPem);
  refused(first.chainPem, 'no key');
  const { chainPem, dropped } = readBundle(
    second.chainPem + first.chainPem,
    new Secret(first.keyPem),
    new Date(),
  );
  assert.equal(chainPem, bundleOf(first).chainPem);
  assert.deepEqual(
    dropped.map(({ reason }) => reason),
    ['unrelated'],
  );
});

const { facts } = bundleOf(first);
const usable: [title: string, domain: string, now: Date, expected: Unusable['reason'] | undefined][] = [
  ['for its own name', 'app.example.com', facts.notBefore, undefined],
  ['for another name', 'www.example.com', facts.notBefore, 'names'],
  ['for a wildcard', '*.example.com', facts.notBefore, 'names'],
  ['at its end', 'app.example.com', facts.notAfter, 'expired'],
  ['one millisecond before its end', 'app.example.com', new Date(facts.notAfter.getTime() - 1), undefined],
];
for (const [title, domain, now, expected] of usable) {
  test(`a certificate ${title} is ${expected ? 'not ' : ''}served`, () => {
    const why = whyUnusable(facts, { names: [domain], noStaging: false }, now);
    assert.equal(why?.reason, expected);
  });
}

test('a wildcard certificate covers one label and itself', () => {
  const { facts: star } = bundleOf(wildcard);
  const covered = (domain: string) =>
    whyUnusable(star, { names: [domain], noStaging: false }, star.notBefore);
  assert.equal(covered('*.example.com'), undefined);
  assert.equal(covered('a.example.com'), undefined);
  assert.ok(covered('a.b.example.com'));
  assert.ok(covered('example.com'));
});

test('a staging certificate is served only if staging is configured', () => {
  const staged = { ...facts, issuer: "C=US\nO=Let's Encrypt\nCN=(STAGING) Counterfeit Cashew R10" };
  const why = (noStaging: boolean) =>
    whyUnusable(staged, { names: ['app.example.com'], noStaging }, facts.notBefore);
  assert.equal(why(false), undefined);
  assert.equal(why(true)?.reason, 'staging');
  assert.equal(
    whyUnusable(facts, { names: ['app.example.com'], noStaging: true }, facts.notBefore),
    undefined,
  );
});

test('a newer version is loaded although the links lead to the old one', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  const later = await makeCertificate({
    names: ['app.example.com'],
    notBefore: new Date(Date.now() - 60_000),
  });
  writeFileSync(archive('privkey2.pem'), later.keyPem);
  writeFileSync(archive('fullchain2.pem'), later.chainPem);
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(later).facts.serial);
  assert.equal(readlinkSync(live('privkey.pem')), '../../archive/app.example.com/privkey2.pem');
});

test('links to an older version stay if the files of the newer one do not match', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  writeFileSync(archive('privkey2.pem'), second.keyPem);
  writeFileSync(archive('fullchain2.pem'), first.chainPem);
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(first).facts.serial);
  assert.equal(readlinkSync(live('privkey.pem')), '../../archive/app.example.com/privkey1.pem');
});

test('versions are compared as numbers: 10 comes after 9', async () => {
  const store = storeIn();
  mkdirSync(archive(), { recursive: true });
  for (let version = 1; version <= 9; version += 1) {
    writeFileSync(archive(`fullchain${version}.pem`), first.chainPem);
    writeFileSync(archive(`privkey${version}.pem`), first.keyPem);
  }
  await store.save(['app.example.com'], bundleOf(second));
  assert.equal(readlinkSync(live('cert.pem')), '../../archive/app.example.com/cert10.pem');
  await store.save(['app.example.com'], bundleOf(first));
  assert.equal(readlinkSync(live('cert.pem')), '../../archive/app.example.com/cert11.pem');
});

/** Copies the volume after each rename, as a crash at that moment would leave it. */
function crashAfterEachRename(t: TestContext): readonly string[] {
  const copies: string[] = [];
  const { rename } = fs;
  fs.rename = async (...paths) => {
    await rename(...paths);
    const copy = temporaryDirectory(t);
    cpSync(root, copy, { recursive: true, verbatimSymlinks: true });
    copies.push(copy);
  };
  syncBuiltinESMExports();
  afterTest(t, () => {
    fs.rename = rename;
    syncBuiltinESMExports();
  });
  return copies;
}

test('after a crash between any two renames of a save, one complete version is loaded and linked', async (t) => {
  await storeIn().save(['app.example.com'], bundleOf(first));
  const names = ['app.example.com'];
  const later = await makeCertificate({ names, notBefore: new Date(Date.now() - 60_000) });
  const copies = crashAfterEachRename(t);
  await storeIn().save(['app.example.com'], bundleOf(later));
  assert.ok(copies.length >= 8);
  const loaded: unknown[] = [];
  for (const copy of copies) {
    const store = createCertificateStore(copy, { noStaging: false, clock: createFakeClock(new Date()) });
    const bundle = await store.load(['app.example.com']);
    assert.ok(bundle);
    loaded.push(bundle.facts.serial === bundleOf(first).facts.serial ? 1 : 2);
    const linked = (part: string) =>
      readFileSync(join(copy, 'live', 'app.example.com', `${part}.pem`), 'utf8');
    assert.equal(linked('fullchain'), bundle.chainPem);
    assert.equal(linked('privkey'), bundle.keyPem.reveal());
    assert.equal(`${linked('cert')}${linked('chain')}`, bundle.chainPem);
  }
  assert.deepEqual(
    loaded,
    loaded.toSorted(),
    'once the new version is loaded, the old one is not loaded again',
  );
  assert.deepEqual([loaded[0], loaded.at(-1)], [1, 2]);
});

test('a save that fails halfway removes the files of its version', async () => {
  const store = storeIn();
  await store.save(['app.example.com'], bundleOf(first));
  let reads = 0;
  const breaking = {
    ...bundleOf(second),
    // The second read gives no text, so writing the last file fails.
    get chainPem(): string {
      reads += 1;
      return reads === 1 ? second.chainPem : (undefined as never);
    },
  };
  await assert.rejects(store.save(['app.example.com'], breaking), { code: 'STORE_FAILED' });
  assert.deepEqual(readdirSync(archive()).sort(), [
    'cert1.pem',
    'chain1.pem',
    'fullchain1.pem',
    'privkey1.pem',
  ]);
  assert.equal((await store.load(['app.example.com']))?.facts.serial, bundleOf(first).facts.serial);
});
