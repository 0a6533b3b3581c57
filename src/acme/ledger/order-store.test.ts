import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { Secret } from '../../config/secret.ts';
import { createOrderStore, type StoredOrder } from './order-store.ts';

const KEY = 'app.example.com';
const DIRECTORY = 'https://ca.example/directory';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const plain: StoredOrder = {
  directoryUrl: 'https://ca.example/directory',
  accountUrl: 'https://ca.example/acct/1',
  names: ['app.example.com', '*.app.example.com'],
  attempt: 'a1',
  url: 'https://ca.example/order/1',
  createdAt: '2026-11-24T00:00:00.000Z',
};
const full: StoredOrder = {
  ...plain,
  profile: 'shortlived',
  values: [{ domain: 'app.example.com', name: '_acme-challenge.app.example.com', value: 'x' }],
  keyPem: new Secret(PEM),
};

let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});
const file = (name = KEY) => join(root, 'dstack-ingress', 'orders', 'ca.example_directory', `${name}.json`);
const mode = (path: string) => statSync(path).mode & 0o777;

test('an order can be loaded by the next process, until it is removed', async () => {
  const orders = createOrderStore(root, DIRECTORY, assert.fail);
  assert.equal(await orders.load(KEY), undefined);
  await orders.save(KEY, plain);
  assert.deepEqual(await createOrderStore(root, DIRECTORY, assert.fail).load(KEY), plain);
  await orders.save(KEY, { ...plain, attempt: 'a2' });
  assert.equal((await orders.load(KEY))?.attempt, 'a2');
  await orders.remove(KEY);
  assert.equal(await orders.load(KEY), undefined);
  await orders.remove(KEY);
});

test('the private key is stored in a file that only the owner can read, and is a Secret in memory', async () => {
  const orders = createOrderStore(root, DIRECTORY, assert.fail);
  await orders.save(KEY, full);
  const loaded = await orders.load(KEY);
  assert.equal(loaded?.keyPem?.reveal(), PEM);
  assert.deepEqual({ ...loaded, keyPem: undefined }, { ...full, keyPem: undefined });
  assert.doesNotMatch(inspect(loaded, { depth: 9 }), /PRIVATE KEY/);
  assert.equal(JSON.parse(readFileSync(file(), 'utf8')).keyPem, PEM);
  assert.deepEqual([mode(file()), mode(dirname(file()))], [0o600, 0o700]);
  assert.deepEqual(readdirSync(dirname(file())), [`${KEY}.json`]);
});

test('each certificate has its own order, and so has a wildcard', async () => {
  const orders = createOrderStore(root, DIRECTORY, assert.fail);
  const keys = ['example.com', '*.example.com', 'app.example.com'];
  for (const key of keys) await orders.save(key, { ...plain, attempt: key });
  for (const key of keys) assert.equal((await orders.load(key))?.attempt, key);
  assert.equal(mode(file('_.example.com')), 0o600);
});

test('each CA has its own orders', async () => {
  const stores = [DIRECTORY, 'https://ca.example/staging'].map((url) =>
    createOrderStore(root, url, assert.fail),
  );
  for (const [index, store] of stores.entries()) await store.save(KEY, { ...plain, attempt: `a${index}` });
  for (const [index, store] of stores.entries()) assert.equal((await store.load(KEY))?.attempt, `a${index}`);
});

const stored = { ...plain, keyPem: PEM };
for (const [title, damaged] of [
  ['nothing', ''],
  ['half of it', JSON.stringify(stored).slice(0, 90)],
  ['something else', '[]'],
  ['no account', JSON.stringify({ ...stored, accountUrl: undefined })],
  ['half of a key', JSON.stringify({ ...stored, keyPem: PEM.slice(0, 90) })],
] as const) {
  test(`an order that holds ${title} counts as none and is moved aside`, async () => {
    mkdirSync(dirname(file()), { recursive: true });
    writeFileSync(file(), damaged);
    const warnings: string[] = [];
    const orders = createOrderStore(root, DIRECTORY, (message) => warnings.push(message));
    assert.equal(await orders.peek(KEY), undefined);
    assert.equal(readFileSync(file(), 'utf8'), damaged, 'a peek writes nothing');
    assert.equal(warnings.length, 0);
    assert.equal(await orders.load(KEY), undefined);
    assert.equal(readFileSync(`${file()}.damaged`, 'utf8'), damaged);
    assert.deepEqual([warnings.length, warnings[0]?.includes(file())], [1, true]);
    await orders.save(KEY, plain);
    assert.deepEqual(await orders.load(KEY), plain);
  });
}

test('a peek returns the stored order, and creates no folder', async () => {
  const orders = createOrderStore(root, DIRECTORY, assert.fail);
  assert.equal(await orders.peek(KEY), undefined);
  assert.deepEqual(readdirSync(root), []);
  await orders.save(KEY, plain);
  assert.deepEqual(await orders.peek(KEY), plain);
});

test('an order that cannot be read is STORE_FAILED, and its file stays', async () => {
  mkdirSync(dirname(file()), { recursive: true });
  symlinkSync('/proc/self/mem', file());
  const orders = createOrderStore(root, DIRECTORY, assert.fail);
  for (const work of [() => orders.load(KEY), () => orders.peek(KEY)])
    await assert.rejects(work, { code: 'STORE_FAILED' });
  assert.ok(lstatSync(file()).isSymbolicLink());
});

test('a directory in place of an order is moved aside by load; save and remove fail until then', async () => {
  mkdirSync(join(file(), 'full'), { recursive: true });
  const warnings: string[] = [];
  const orders = createOrderStore(root, DIRECTORY, (message) => warnings.push(message));
  for (const work of [() => orders.save(KEY, plain), () => orders.remove(KEY)])
    await assert.rejects(work, { code: 'STORE_FAILED' });
  assert.equal(await orders.peek(KEY), undefined);
  assert.equal(await orders.load(KEY), undefined);
  assert.ok(statSync(join(`${file()}.damaged`, 'full')).isDirectory());
  assert.equal(warnings.length, 1);
  await orders.save(KEY, plain);
  assert.deepEqual(await orders.load(KEY), plain);
});
