import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeCertificate } from '../../test/harness/ca/certificates.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { Secret } from '../config/secret.ts';
import { readBundle } from './certificate.ts';
import { readRenewalConf } from './renewal-conf.ts';
import { createCertificateStore } from './store.ts';
import { keepRenewalConf } from './write-renewal-conf.ts';

const NAME = 'app.example.com';
const terms = {
  account: '70f53d083c84b999a15fa4738d148cde',
  directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
  authenticator: 'dns-cloudflare',
};

/** A volume with one lineage of ours. */
async function volumeWith(
  t: TestContext,
  { key = 'ecdsa', name = 'volume' }: { key?: 'rsa' | 'ecdsa'; name?: string } = {},
) {
  const home = temporaryDirectory(t);
  const root = join(home, name);
  mkdirSync(root);
  const made = await makeCertificate(key === 'rsa' ? { names: [NAME], key } : { names: [NAME] });
  const clock = createFakeClock(new Date());
  const store = createCertificateStore(root, { noStaging: true, clock });
  await store.save([NAME], readBundle(made.chainPem, new Secret(made.keyPem), clock.now()));
  return { root, conf: join(root, 'renewal', `${NAME}.conf`) };
}

test('a lineage without a renewal configuration gets one that certbot can read', async (t) => {
  const { root, conf } = await volumeWith(t);
  assert.deepEqual(await keepRenewalConf(root, NAME, [NAME], terms), { path: conf, wasEmpty: false });
  assert.equal(
    readFileSync(conf, 'utf8'),
    `# Written by dstack-ingress, so that certbot knows this certificate. It is yours to change.
archive_dir = ${root}/archive/app.example.com
cert = ${root}/live/app.example.com/cert.pem
privkey = ${root}/live/app.example.com/privkey.pem
chain = ${root}/live/app.example.com/chain.pem
fullchain = ${root}/live/app.example.com/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = 70f53d083c84b999a15fa4738d148cde
authenticator = dns-cloudflare
server = https://acme-v02.api.letsencrypt.org/directory
key_type = ecdsa
`,
  );
  assert.equal(statSync(conf).mode & 0o777, 0o644);
  assert.equal(statSync(join(root, 'renewal')).mode & 0o777, 0o755);
  assert.equal(readRenewalConf(readFileSync(conf, 'utf8'))?.account, terms.account);
  assert.equal(await keepRenewalConf(root, NAME, [NAME], terms), undefined);
});

test('an RSA key has key_type = rsa', async (t) => {
  const { root, conf } = await volumeWith(t, { key: 'rsa' });
  await keepRenewalConf(root, NAME, [NAME], terms);
  assert.match(readFileSync(conf, 'utf8'), /^key_type = rsa$/m);
});

test('a path that certbot would parse as a list is quoted', async (t) => {
  const { root, conf } = await volumeWith(t, { name: 'a, b # c' });
  await keepRenewalConf(root, NAME, [NAME], terms);
  assert.ok(readFileSync(conf, 'utf8').includes(`\nprivkey = "${root}/live/app.example.com/privkey.pem"\n`));
});

for (const text of ['', '\n']) {
  test(`an empty file (${JSON.stringify(text)}), as certbot leaves it, is filled in`, async (t) => {
    const { root, conf } = await volumeWith(t);
    mkdirSync(join(root, 'renewal'));
    writeFileSync(conf, text);
    assert.deepEqual(await keepRenewalConf(root, NAME, [NAME], terms), { path: conf, wasEmpty: true });
    assert.match(readFileSync(conf, 'utf8'), /^authenticator = dns-cloudflare$/m);
  });
}

test('our own file is updated when the account, the CA or the provider changes', async (t) => {
  const { root, conf } = await volumeWith(t);
  await keepRenewalConf(root, NAME, [NAME], terms);
  const changed = { account: 'b', directoryUrl: 'https://ca.example/dir', authenticator: 'dns-linode' };
  assert.deepEqual(await keepRenewalConf(root, NAME, [NAME], changed), { path: conf, wasEmpty: false });
  const text = readFileSync(conf, 'utf8');
  assert.match(text, /^account = b\nauthenticator = dns-linode\nserver = https:\/\/ca\.example\/dir$/m);
});

const theirs: [what: string, change: (ours: string) => string][] = [
  ['an added line', (ours) => `${ours}deploy_hook = /reload\n`],
  ['a comment', (ours) => `# mine\n${ours}`],
  ['another path', (ours) => ours.replaceAll('archive/', 'elsewhere/')],
  [
    'the file that certbot writes',
    () => 'version = 2.1.0\n[renewalparams]\naccount = a\nauthenticator = manual\n',
  ],
  ['a malformed file', () => '[renewalparams'],
];
for (const [what, change] of theirs) {
  test(`a file that is not ours is not changed: ${what}`, async (t) => {
    const { root, conf } = await volumeWith(t);
    await keepRenewalConf(root, NAME, [NAME], terms);
    const text = change(readFileSync(conf, 'utf8'));
    writeFileSync(conf, text);
    chmodSync(conf, 0o600);
    assert.equal(await keepRenewalConf(root, NAME, [NAME], { ...terms, account: 'b' }), undefined);
    assert.equal(readFileSync(conf, 'utf8'), text);
    assert.equal(statSync(conf).mode & 0o777, 0o600);
  });
}

test('a link in place of the file is not changed', async (t) => {
  const { root, conf } = await volumeWith(t);
  mkdirSync(join(root, 'renewal'));
  symlinkSync('/nowhere', conf);
  assert.equal(await keepRenewalConf(root, NAME, [NAME], terms), undefined);
});

const broken: [what: string, change: (root: string) => void][] = [
  ['a copy in the place of a link', (root) => copyLink(join(root, 'live', NAME, 'cert.pem'))],
  ['a link that leads nowhere', (root) => rmSync(join(root, 'archive', NAME, 'chain1.pem'))],
  ['a link that is missing', (root) => rmSync(join(root, 'live', NAME, 'privkey.pem'))],
];
for (const [what, change] of broken) {
  test(`a lineage that certbot considers broken gets no file: ${what}`, async (t) => {
    const { root, conf } = await volumeWith(t);
    change(root);
    assert.equal(await keepRenewalConf(root, NAME, [NAME], terms), undefined);
    assert.equal(existsSync(conf), false);
  });
}

test('a lineage for other names gets no file', async (t) => {
  const { root, conf } = await volumeWith(t);
  assert.equal(await keepRenewalConf(root, NAME, ['www.example.com'], terms), undefined);
  assert.equal(existsSync(conf), false);
});

function copyLink(path: string): void {
  const text = readFileSync(path);
  rmSync(path);
  writeFileSync(path, text);
}
