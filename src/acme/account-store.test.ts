import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createFakeClock } from '../../test/doubles/fake-clock.ts';
import { isIngressError } from '../errors.ts';
import { createAccountStore } from './account-store.ts';

const DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'accounts-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const store = (directoryUrl = DIRECTORY) => createAccountStore(root, directoryUrl, createFakeClock());
const folder = () => join(root, 'accounts', 'acme-v02.api.letsencrypt.org', 'directory');

test('a key is on the disk before the CA hears of it, and the URL after', async () => {
  const created = await store().create();
  assert.equal((await store().load())?.url, undefined);
  await store().register(created, 'https://ca.example/acct/7', { status: 'valid' });
  const loaded = await store().load();
  assert.equal(loaded?.url, 'https://ca.example/acct/7');
  assert.equal(loaded?.keyPem.reveal(), created.keyPem.reveal());
  assert.equal(createPrivateKey(created.keyPem.reveal()).asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('the files are those of certbot, the key readable by its owner only', async () => {
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

test('each directory has accounts of its own', async () => {
  await store().create();
  assert.equal(await store('https://acme-staging-v02.api.letsencrypt.org/directory').load(), undefined);
  await store('https://127.0.0.1:14000/dir').create();
  assert.equal(readdirSync(join(root, 'accounts', '127.0.0.1:14000', 'dir')).length, 1);
});

test('a registered account goes before one whose registration was cut short', async () => {
  await store().create();
  const second = await store().create();
  await store().register(second, 'https://ca.example/acct/8', {});
  await store().create();
  assert.equal((await store().load())?.url, 'https://ca.example/acct/8');
});

test('an account that cannot be read is STORE_FAILED', async () => {
  mkdirSync(join(folder(), 'x'), { recursive: true });
  writeFileSync(join(folder(), 'x', 'private_key.json'), '{');
  await assert.rejects(store().load(), (thrown) => isIngressError(thrown, 'STORE_FAILED'));
});
