import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import {
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { fileFaults } from '../../test/harness/file-faults.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { isIngressError } from '../errors.ts';
import { createAccountStore } from './account-store.ts';

const DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';
let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});

const store = (directoryUrl = DIRECTORY, lineages: readonly string[] = []) =>
  createAccountStore(root, directoryUrl, createFakeClock(), async () => lineages);
const folder = () => join(root, 'accounts', 'acme-v02.api.letsencrypt.org', 'directory');

test('the key is stored before the registration, the URL after it', async () => {
  const created = await store().create();
  assert.equal((await store().load())?.url, undefined);
  await store().register(created, 'https://ca.example/acct/7', { status: 'valid' });
  const loaded = await store().load();
  assert.equal(loaded?.url, 'https://ca.example/acct/7');
  assert.equal(loaded?.keyPem.reveal(), created.keyPem.reveal());
  assert.equal(createPrivateKey(created.keyPem.reveal()).asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('the files have certbot’s layout, and only the owner can read the key', async () => {
  const created = await store().create();
  await store().register(created, 'https://ca.example/acct/7', {});
  const [id = ''] = readdirSync(folder());
  assert.deepEqual(readdirSync(join(folder(), id)).sort(), ['meta.json', 'private_key.json', 'regr.json']);
  assert.equal(statSync(join(folder(), id, 'private_key.json')).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(join(folder(), id, 'regr.json'), 'utf8')), {
    body: {},
    uri: 'https://ca.example/acct/7',
  });
});

test('each directory URL has its own accounts', async () => {
  await store().create();
  assert.equal(await store('https://acme-staging-v02.api.letsencrypt.org/directory').load(), undefined);
  await store('https://127.0.0.1:14000/dir').create();
  assert.equal(readdirSync(join(root, 'accounts', '127.0.0.1:14000', 'dir')).length, 1);
});

test('a registered account takes precedence over one whose registration was interrupted', async () => {
  await store().create();
  const second = await store().create();
  await store().register(second, 'https://ca.example/acct/8', {});
  await store().create();
  assert.equal((await store().load())?.url, 'https://ca.example/acct/8');
});

for (const text of ['', '{', '{"kty":"EC"}', 'null'])
  test(`an account key that is ${JSON.stringify(text)} is STORE_FAILED`, async () => {
    const path = join(folder(), 'x');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'private_key.json'), text);
    await assert.rejects(store().load(), (thrown) => {
      assert.ok(isIngressError(thrown, 'STORE_FAILED'));
      assert.deepEqual(thrown.details, { path: `${path}/private_key.json` });
      return true;
    });
  });

const KEYS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ec: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
};

/** An account as certbot writes it, with a read-only key. */
function plant(
  id: string,
  uri: string,
  { host = 'acme-v02.api.letsencrypt.org', key = KEYS.rsa } = {},
): string {
  const path = join(root, 'accounts', host, 'directory', id);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'private_key.json'), JSON.stringify(key.export({ format: 'jwk' })), {
    mode: 0o400,
  });
  writeFileSync(join(path, 'regr.json'), JSON.stringify({ body: {}, uri }));
  return path;
}

function writeRenewalConf(lineage: string, account: string, server = DIRECTORY): void {
  mkdirSync(join(root, 'renewal'), { recursive: true });
  const text = `version = 2.1.0\n[renewalparams]\naccount = ${account}\nserver = ${server}\n`;
  writeFileSync(join(root, 'renewal', `${lineage}.conf`), text);
}

for (const kind of ['rsa', 'ec'] as const) {
  test(`certbot's ${kind} key is loaded`, async () => {
    plant('a', 'https://ca.example/acct/1', { key: KEYS[kind] });
    const loaded = await store().load();
    assert.equal(loaded?.keyPem.reveal(), KEYS[kind].export({ type: 'pkcs8', format: 'pem' }));
  });
}

test('the URL is loaded verbatim', async () => {
  const url = 'https://acme-v01.api.letsencrypt.org/acme/reg/12345';
  plant('a', url);
  assert.equal((await store().load())?.url, url);
});

test('the account in the certificate’s renewal configuration takes precedence', async () => {
  for (const id of ['a', 'b', 'c']) plant(id, `https://ca.example/acct/${id}`);
  writeRenewalConf('app.example.com-0001', 'c');
  writeRenewalConf('app.example.com', 'b');
  assert.match((await store().load())?.url ?? '', /a$/);
  const lineages = ['app.example.com-0001', 'app.example.com'];
  assert.match((await store(DIRECTORY, lineages).load())?.url ?? '', /c$/);
  assert.match((await store(DIRECTORY, lineages.toReversed()).load())?.url ?? '', /b$/);
});

test('a renewal configuration that is unreadable, or names another CA or a missing account, is ignored', async () => {
  for (const id of ['a', 'b']) plant(id, `https://ca.example/acct/${id}`);
  writeRenewalConf('one', 'b', 'https://acme-staging-v02.api.letsencrypt.org/directory');
  mkdirSync(join(root, 'renewal', 'two.conf'));
  writeRenewalConf('three', 'gone');
  assert.match((await store(DIRECTORY, ['one', 'two', 'three', 'four']).load())?.url ?? '', /a$/);
});

test('a damaged account is skipped, even if the renewal configuration names it', async () => {
  const damaged = plant('a', 'https://ca.example/acct/a');
  rmSync(join(damaged, 'private_key.json'));
  writeFileSync(join(damaged, 'private_key.json'), '{"kty":"RSA"}');
  plant('b', 'https://ca.example/acct/b');
  writeRenewalConf('one', 'a');
  assert.match((await store(DIRECTORY, ['one']).load())?.url ?? '', /b$/);
});

test('a registered account takes precedence, whatever the order of the folders', async () => {
  rmSync(join(plant('a', ''), 'regr.json'));
  plant('b', 'https://ca.example/acct/b');
  rmSync(join(plant('c', ''), 'regr.json'));
  assert.match((await store().load())?.url ?? '', /b$/);
});

test('an account whose registration cannot be parsed is loaded without its URL', async () => {
  writeFileSync(join(plant('a', ''), 'regr.json'), '{"body": {}, "ur');
  const loaded = await store().load();
  assert.equal(loaded?.url, undefined);
  assert.ok(loaded?.keyPem);
});

const V1 = 'acme-v01.api.letsencrypt.org';
test('a folder that is a link to the ACMEv1 folder is followed', async () => {
  plant('a', 'https://ca.example/acct/a', { host: V1 });
  mkdirSync(join(root, 'accounts', 'acme-v02.api.letsencrypt.org'));
  symlinkSync(join(root, 'accounts', V1, 'directory'), folder());
  assert.match((await store().load())?.url ?? '', /a$/);
});

test('the ACMEv1 folder is found without that link, or if it is dangling', async () => {
  plant('a', 'https://ca.example/acct/a', { host: V1 });
  assert.match((await store().load())?.url ?? '', /a$/);
  mkdirSync(join(root, 'accounts', 'acme-v02.api.letsencrypt.org'));
  symlinkSync('/elsewhere/accounts/acme-v01.api.letsencrypt.org/directory', folder());
  assert.match((await store().load())?.url ?? '', /a$/);
  assert.equal(await store('https://acme-staging-v02.api.letsencrypt.org/directory').load(), undefined);
});

test('an ended account is ignored, keeps its files, and is loaded again if the record is damaged', async () => {
  const accounts = store();
  const made = await accounts.register(await accounts.create(), 'https://ca.example/acct/1', {});
  assert.equal(await accounts.lastEndedAt(), undefined);
  await accounts.markEnded(made, 'deactivated');
  assert.equal(await accounts.load(), undefined);
  assert.ok(await accounts.lastEndedAt());
  const next = await accounts.register(await accounts.create(), 'https://ca.example/acct/2', {});
  assert.equal((await accounts.load())?.url, next.url);
  await accounts.markEnded(next, 'deactivated');
  assert.equal(await accounts.load(), undefined, 'both are recorded');
  const [record = ''] = globSync('dstack-ingress/accounts/*.json', { cwd: root });
  writeFileSync(join(root, record), 'damaged');
  assert.ok(await accounts.load());
  assert.equal(await accounts.lastEndedAt(), undefined);
});

for (const { title, kind, plant } of fileFaults) {
  for (const [file, isDamaging] of [
    ['private_key.json', () => true],
    ['regr.json', (text: string | undefined) => text === undefined],
  ] as const) {
    test(`${file} is ${title}: another account is used, and without one the error names the path`, async (t) => {
      const damaged = await store().create();
      const path = join(damaged.path, file);
      plant(t, path);
      const text = lstatSync(path).isFile() && title !== 'unreadable for lack of rights' ? 'text' : undefined;
      if (isDamaging(text)) {
        await assert.rejects(store().load(), (thrown) => {
          assert.ok(isIngressError(thrown, 'STORE_FAILED'));
          assert.equal(thrown.details['path'], path);
          return true;
        });
      } else assert.equal((await store().load())?.path, damaged.path);
      // Registered, it comes first.
      const other = await store().register(await store().create(), 'https://ca.example/acct/2', {});
      assert.equal((await store().load())?.path, other.path);
      assert.ok(lstatSync(path), 'it stays');
    });
  }

  test(`the list of ended accounts is ${title}: ${kind === 'unreadable' ? 'no account is used' : 'it counts as empty'}`, async (t) => {
    const account = await store().create();
    const path = join(root, 'dstack-ingress', 'accounts', `acme-v02.api.letsencrypt.org_directory.json`);
    plant(t, path);
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const own = createAccountStore(root, DIRECTORY, createFakeClock(), async () => [], warn);
    if (kind === 'unreadable') {
      for (const work of [() => own.load(), () => own.lastEndedAt(), () => own.markEnded(account, 'why')])
        await assert.rejects(work, (thrown) => {
          assert.ok(isIngressError(thrown, 'STORE_FAILED'));
          assert.equal(thrown.details['path'], path);
          return true;
        });
      return;
    }
    assert.equal((await own.load())?.path, account.path);
    assert.equal(warnings.length, 0, 'reading moves nothing');
    await own.markEnded(account, 'why');
    assert.deepEqual([warnings.length, warnings[0]?.includes(path)], [1, true]);
    assert.equal(await own.load(), undefined);
  });
}

test('an ACMEv1 folder that cannot be listed is ignored', async () => {
  const account = await store().create();
  mkdirSync(join(root, 'accounts', 'acme-v01.api.letsencrypt.org'), { recursive: true });
  symlinkSync('directory', join(root, 'accounts', 'acme-v01.api.letsencrypt.org', 'directory'));
  assert.equal((await store().load())?.path, account.path);
});
