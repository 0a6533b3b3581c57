import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tinyDiskFor } from '../test/e2e/support.ts';
import { afterTest } from '../test/harness/after-test.ts';
import { makeDirectory } from './files.ts';
import { describeFix, orStoreFailed, storeFailure, whyUnwritable } from './volume.ts';

const folder = { path: '/etc/letsencrypt', owner: 1000, mode: 0o755 };

test('the fix names whose it is, who we are, and what to do', () => {
  assert.equal(
    describeFix({ ...folder, uid: 0 }),
    '/etc/letsencrypt belongs to user 1000 (mode 755), and we are user 0 without the right to pass over that: give the whole volume to us (chown -R 0:0), or the container the capability (cap_add: [DAC_OVERRIDE]).',
  );
  assert.equal(
    describeFix({ ...folder, uid: 10_001 }),
    '/etc/letsencrypt belongs to user 1000 (mode 755), and we are user 10001: give the whole volume to us (chown -R 10001).',
  );
  assert.equal(
    describeFix({ ...folder, owner: 0, mode: 0o555, uid: 0 }),
    '/etc/letsencrypt belongs to us (user 0), but its mode 555 keeps us out: chmod -R u+rwX it.',
  );
});

test('rights that are missing are told from a full disk and from a mount that is read-only', async () => {
  const hintOf = async (code: string) => {
    const thrown = Object.assign(new Error(`${code}: no`), { code, path: '/nowhere/at/all' });
    const { message, hint, details, retryable } = await storeFailure('cannot write', '/x', thrown);
    assert.equal(message, `cannot write: ${code}: no`);
    // A disk may have room again by itself; rights and mounts are for a person.
    assert.equal(retryable, code === 'ENOSPC');
    return { hint, path: details['path'] };
  };
  assert.match((await hintOf('ENOSPC')).hint, /^Check that the volume is mounted, writable and not full/);
  assert.match((await hintOf('EROFS')).hint, /mounted read-only/);
  for (const code of ['EACCES', 'EPERM']) {
    const { hint, path } = await hintOf(code);
    assert.match(hint, /^\/ belongs to/);
    assert.equal(path, '/');
  }
});

test('a directory that is not there yet can be made where the one above it can be written', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'volume-'));
  afterTest(t, () => rm(root, { recursive: true, force: true }));
  assert.equal(await whyUnwritable([root, join(root, 'live/app.example.com')]), undefined);
});

test('a volume that is mounted read-only is said to be, also where a folder cannot be made', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'volume-'));
  afterTest(t, () => rm(root, { recursive: true, force: true }));
  const disk = await tinyDiskFor(t, join(root, 'letsencrypt'), 64);
  if (!disk) return;
  await disk.makeReadOnly();
  const folder = join(disk.path, 'dstack-ingress', 'ledger');
  const thrown: unknown = await makeDirectory(folder).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { message, hint } = await storeFailure('cannot write', folder, thrown);
  assert.match(message, /^cannot write: EROFS/);
  assert.match(hint, /mounted read-only/);
});

test('a file in the place of a directory, and the reverse, are for a person to move', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'volume-'));
  afterTest(t, () => rm(root, { recursive: true, force: true }));
  const file = join(root, 'dstack-ingress');
  await writeFile(file, '');
  const folder = join(file, 'challenges', 'x');
  const obstacle = await whyUnwritable([folder]);
  const made = await orStoreFailed('cannot write', folder, () => makeDirectory(folder)).catch(
    (thrown) => thrown,
  );
  const read = await orStoreFailed('cannot read', root, () => readFile(root)).catch((thrown) => thrown);
  assert.deepEqual(
    [obstacle, made, read].map(({ code, retryable, hint }) => [code, retryable, hint]),
    [
      ['STORE_FAILED', false, `Move ${file} away: it is a file in the place of a directory.`],
      ['STORE_FAILED', false, `Move ${file} away: it is a file in the place of a directory.`],
      ['STORE_FAILED', false, `Move ${root} away: it is a directory in the place of a file.`],
    ],
  );
});
