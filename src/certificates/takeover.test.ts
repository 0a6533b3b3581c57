import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import {
  type CertificateParams,
  type MadeCertificate,
  makeCertificate,
} from '../../test/harness/ca/certificates.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { fileFaults } from '../../test/harness/file-faults.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { Secret } from '../config/secret.ts';
import { readBundle } from './certificate.ts';
import { createCertificateStore } from './store.ts';

/** Volumes as left by certbot, operators and backups. */

const DAY_MS = 86_400_000;
const now = new Date();
const [BASE, ONE] = ['example.com', 'example.com-0001'] as const;

const days = (count: number) => new Date(now.getTime() + count * DAY_MS);
async function make(params: Partial<CertificateParams> = {}): Promise<MadeCertificate> {
  const made = await makeCertificate({ names: [BASE], notBefore: days(-30), notAfter: days(60), ...params });
  return { ...made, chainPem: `${made.chainPem}\n` };
}
const ours = await make();
const longer = await make({ notAfter: days(70) });
const fresh = await make({ notBefore: days(-1), notAfter: days(89) });
const expired = await make({ notBefore: days(-91), notAfter: days(-1) });
const wildcard = await make({ names: ['*.example.com'] });
const staging = await make({
  notBefore: days(-2),
  notAfter: days(88),
  distinguishedName: 'CN=(STAGING) test',
});

let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});

const at = (...path: string[]) => join(root, ...path);
const read = (...path: string[]) => readFileSync(at(...path), 'utf8');
const store = () => createCertificateStore(root, { noStaging: true, clock: createFakeClock(now) });
const bundleOf = ({ chainPem, keyPem }: MadeCertificate) => readBundle(chainPem, new Secret(keyPem), now);
const served = async (domain: string = BASE) => (await store().load([domain]))?.chainPem;
const textsOf = ({ chainPem, keyPem }: MadeCertificate) => ({
  cert: chainPem,
  chain: '',
  fullchain: chainPem,
  privkey: keyPem,
});

/** Adds a version to a lineage as certbot does, and points the links to it. */
function plant(lineage: string, version: number, made: MadeCertificate, prefix = '../..'): void {
  for (const folder of ['live', 'archive']) mkdirSync(at(folder, lineage), { recursive: true, mode: 0o700 });
  for (const [part, text] of Object.entries(textsOf(made))) {
    writeFileSync(at('archive', lineage, `${part}${version}.pem`), text);
    rmSync(at('live', lineage, `${part}.pem`), { force: true });
    symlinkSync(`${prefix}/archive/${lineage}/${part}${version}.pem`, at('live', lineage, `${part}.pem`));
  }
}

/** Restores copies in place of links, as a backup that follows links does. */
function plantCopies(lineage: string, made: MadeCertificate): void {
  mkdirSync(at('live', lineage), { recursive: true });
  for (const [part, text] of Object.entries(textsOf(made)))
    writeFileSync(at('live', lineage, `${part}.pem`), text);
}

test('a numbered lineage is served when the plain one is missing', async () => {
  plant(ONE, 1, ours);
  assert.equal(await served(), ours.chainPem);
});

const worse: [title: string, plain: MadeCertificate][] = [
  ['is expired', expired],
  ['is for other names', wildcard],
  ['ends sooner', ours],
  ['is from the staging environment', staging],
  ['has the key of another certificate', { ...fresh, keyPem: ours.keyPem }],
];
for (const [title, plain] of worse) {
  test(`a numbered lineage is served when the plain one ${title}`, async () => {
    plant(BASE, 1, plain);
    plant(ONE, 1, longer);
    assert.equal(await served(), longer.chainPem);
    assert.deepEqual(await store().lineages([BASE]), [ONE, BASE]);
  });
}

test('a name and its wildcard are each served with their own certificate', async () => {
  plant(BASE, 1, wildcard);
  plant(ONE, 1, ours);
  assert.equal(await served(), ours.chainPem);
  assert.equal(await served('*.example.com'), wildcard.chainPem);
});

test('an RSA key and a certificate with several names are served', async () => {
  const many = await make({ names: ['www.example.com', BASE, '*.example.net'], key: 'rsa' });
  plant(BASE, 1, many);
  assert.equal(await served(), many.chainPem);
});

test('a new certificate is stored in the numbered lineage that was served, and in the plain one', async () => {
  plant(BASE, 1, expired);
  plant(ONE, 1, ours);
  await store().save([BASE], bundleOf(fresh));
  for (const lineage of [BASE, ONE]) {
    assert.equal(readlinkSync(at('live', lineage, 'cert.pem')), `../../archive/${lineage}/cert2.pem`);
    assert.equal(read('live', lineage, 'privkey.pem'), fresh.keyPem);
  }
  assert.equal(read('archive', BASE, 'privkey1.pem'), expired.keyPem);
  assert.equal(read('archive', ONE, 'privkey1.pem'), ours.keyPem);
});

test('a lineage for other names is not changed', async () => {
  plant(BASE, 1, wildcard);
  await store().save([BASE], bundleOf(ours));
  assert.equal(read('live', BASE, 'cert.pem'), wildcard.chainPem);
  assert.deepEqual(readdirSync(at('archive', BASE)).length, 4);
  assert.equal(await served(), ours.chainPem);
  await store().save([BASE], bundleOf(fresh));
  assert.equal(readlinkSync(at('live', ONE, 'cert.pem')), `../../archive/${ONE}/cert2.pem`);
  assert.equal(await served('*.example.com'), wildcard.chainPem);
});

for (const [broken, other] of [
  [BASE, ONE],
  [ONE, BASE],
] as const) {
  test(`while ${broken} cannot be written, ${other} is written once; ${broken} is written once it can be`, async () => {
    plant(BASE, 1, ours);
    plant(ONE, 1, ours);
    rmSync(at('archive', broken), { recursive: true });
    writeFileSync(at('archive', broken), 'a file in the place of the folder');
    rmSync(at('live', broken), { recursive: true });
    plantCopies(broken, ours);
    for (let attempt = 1; attempt <= 2; attempt += 1)
      await assert.rejects(store().save([BASE], bundleOf(fresh)), { code: 'STORE_FAILED' });
    assert.equal(readlinkSync(at('live', other, 'cert.pem')), `../../archive/${other}/cert2.pem`);
    assert.equal(readdirSync(at('archive', other)).length, 8);
    rmSync(at('archive', broken));
    await store().save([BASE], bundleOf(fresh));
    assert.equal(read('live', broken, 'privkey.pem'), fresh.keyPem);
  });
}

test('a plain name that is a link to a numbered lineage is the same lineage', async () => {
  plant(ONE, 1, ours);
  symlinkSync(ONE, at('live', BASE));
  assert.equal(await served(), ours.chainPem);
  await store().save([BASE], bundleOf(fresh));
  assert.equal(readlinkSync(at('live', ONE, 'cert.pem')), `../../archive/${ONE}/cert2.pem`);
  assert.equal(read('live', BASE, 'cert.pem'), fresh.chainPem);
  assert.equal(existsSync(at('archive', BASE)), false);
});

test('copies in place of links are served, and moved to the archive when links are created', async () => {
  plantCopies(BASE, ours);
  assert.equal(await served(), ours.chainPem);
  await store().save([BASE], bundleOf(fresh));
  assert.equal(readlinkSync(at('live', BASE, 'privkey.pem')), '../../archive/example.com/privkey2.pem');
  assert.equal(read('archive', BASE, 'fullchain1.pem'), ours.chainPem);
  assert.equal(read('archive', BASE, 'privkey1.pem'), ours.keyPem);
  assert.equal(statSync(at('archive', BASE, 'privkey1.pem')).mode & 0o777, 0o600);
});

test('copies that the archive already has are not archived again', async () => {
  plant(BASE, 1, expired);
  plant(BASE, 2, ours);
  rmSync(at('live', BASE), { recursive: true });
  plantCopies(BASE, ours);
  await store().save([BASE], bundleOf(fresh));
  assert.equal(readlinkSync(at('live', BASE, 'cert.pem')), '../../archive/example.com/cert3.pem');
  assert.equal(readdirSync(at('archive', BASE)).length, 12);
});

test('copies of a version that the archive lacks stay although it has a newer one', async () => {
  plant(BASE, 1, fresh);
  rmSync(at('live', BASE), { recursive: true });
  plantCopies(BASE, ours);
  assert.equal(await served(), fresh.chainPem);
  assert.equal(read('live', BASE, 'privkey.pem'), ours.keyPem);
});

test('absolute links of a volume that was mounted elsewhere become relative', async () => {
  plant(BASE, 1, ours, '/elsewhere');
  assert.equal(await served(), ours.chainPem);
  assert.equal(readlinkSync(at('live', BASE, 'cert.pem')), '../../archive/example.com/cert1.pem');
});

test('links without an archive count as no certificate', async () => {
  plant(BASE, 1, ours);
  rmSync(at('archive'), { recursive: true });
  assert.equal(await served(), undefined);
  await store().save([BASE], bundleOf(fresh));
  assert.equal(await served(), fresh.chainPem);
});

test('missing links are created from the archive', async () => {
  plant(ONE, 1, ours);
  rmSync(at('live'), { recursive: true });
  assert.equal(await served(), ours.chainPem);
  assert.equal(read('live', ONE, 'privkey.pem'), ours.keyPem);
});

test('a production certificate older than a linked staging one is served, and the links stay', async () => {
  plant(BASE, 1, ours);
  plant(BASE, 2, staging);
  assert.equal(await served(), ours.chainPem);
  assert.equal(readlinkSync(at('live', BASE, 'cert.pem')), '../../archive/example.com/cert2.pem');
});

test('a key that certbot reused, which is a link in the archive, is loaded', async () => {
  plant(BASE, 1, ours);
  plant(BASE, 2, ours);
  rmSync(at('archive', BASE, 'privkey2.pem'));
  symlinkSync('privkey1.pem', at('archive', BASE, 'privkey2.pem'));
  assert.equal(await served(), ours.chainPem);
  await store().save([BASE], bundleOf(fresh));
  assert.equal(read('archive', BASE, 'privkey1.pem'), ours.keyPem);
});

test('an unreadable lineage does not prevent another from being served, and never causes an order', async () => {
  plant(BASE, 1, ours);
  mkdirSync(at('live', ONE, 'fullchain.pem'), { recursive: true });
  assert.equal(await served(), ours.chainPem);
  plant(BASE, 2, expired);
  rmSync(at('archive', BASE, 'privkey1.pem'));
  await assert.rejects(served(), { code: 'STORE_FAILED' });
});

test('file modes that certbot set stay', async () => {
  plant(BASE, 1, ours);
  chmodSync(at('archive', BASE), 0o777);
  chmodSync(at('archive', BASE, 'cert1.pem'), 0o666);
  await store().save([BASE], bundleOf(fresh));
  const mode = (...path: string[]) => (statSync(at(...path)).mode & 0o777).toString(8);
  assert.equal(mode('archive', BASE), '777');
  assert.equal(mode('archive', BASE, 'cert1.pem'), '666');
  assert.equal(mode('archive', BASE, 'privkey2.pem'), '600');
});

const unread = fileFaults.filter(({ title, kind }) => kind === 'unreadable' || title === 'a directory');
for (const { title, plant: spoil } of unread) {
  test(`if an archived version is ${title}, the linked one is served, and the next one gets its own version`, async (t) => {
    plant(BASE, 1, ours);
    for (const part of ['fullchain', 'privkey']) spoil(t, at('archive', BASE, `${part}2.pem`));
    assert.equal(await served(), ours.chainPem);
    await store().save([BASE], bundleOf(fresh));
    assert.equal(await served(), fresh.chainPem);
    assert.equal(readlinkSync(at('live', BASE, 'fullchain.pem')), `../../archive/${BASE}/fullchain3.pem`);
  });

  test(`if the linked version is ${title}, an older valid one is served, and the links stay`, async (t) => {
    plant(BASE, 1, ours);
    plant(BASE, 2, fresh);
    const path = at('archive', BASE, 'privkey2.pem');
    spoil(t, path);
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const own = createCertificateStore(root, { noStaging: true, clock: createFakeClock(now), warn });
    assert.equal((await own.peek([BASE]))?.chainPem, ours.chainPem);
    assert.equal(warnings.length, 0);
    for (let count = 0; count < 2; count += 1)
      assert.equal((await own.load([BASE]))?.chainPem, ours.chainPem);
    assert.deepEqual([warnings.length, warnings[0]?.includes(at('live', BASE))], [1, true]);
    assert.equal(readlinkSync(at('live', BASE, 'privkey.pem')), `../../archive/${BASE}/privkey2.pem`);
  });

  test(`if the linked version is ${title} and the older one has expired, loading is STORE_FAILED, so none is ordered`, async (t) => {
    plant(BASE, 1, expired);
    plant(BASE, 2, fresh);
    spoil(t, at('archive', BASE, 'privkey2.pem'));
    await assert.rejects(store().load([BASE]), { code: 'STORE_FAILED' });
  });
}
