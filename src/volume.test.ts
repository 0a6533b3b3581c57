import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tinyDiskFor } from '../test/e2e/support.ts';
import { temporaryDirectory } from '../test/harness/temporary-directory.ts';
import { makeDirectory } from './files.ts';
import { orStoreFailed, storeFailure, whyUnwritable } from './volume.ts';

test('missing permissions, a full disk and a read-only mount are distinguished', async () => {
  const detailsOf = async (code: string) => {
    const thrown = Object.assign(new Error(`${code}: no`), { code, path: '/nowhere/at/all' });
    const { details, retryable } = await storeFailure('cannot write', '/x', thrown);
    // A full disk may get space by itself; permissions and mounts need the operator.
    assert.equal(retryable, code === 'ENOSPC');
    return details;
  };
  assert.deepEqual(await detailsOf('ENOSPC'), { path: '/nowhere/at/all' });
  assert.deepEqual(await detailsOf('EROFS'), { path: '/nowhere/at/all', fault: 'read-only' });
  for (const code of ['EACCES', 'EPERM']) {
    const { path, owner, uid } = await detailsOf(code);
    assert.deepEqual([path, owner, uid], ['/', 0, process.geteuid?.()]);
  }
});

test('a missing directory counts as writable if its parent is', async (t) => {
  const root = temporaryDirectory(t);
  assert.equal(await whyUnwritable([root, join(root, 'live/app.example.com')]), undefined);
});

test('a read-only mount is reported as such, also if a folder cannot be created', async (t) => {
  const root = temporaryDirectory(t);
  const disk = await tinyDiskFor(t, join(root, 'letsencrypt'), 64);
  if (!disk) return;
  await disk.makeReadOnly();
  const folder = join(disk.path, 'dstack-ingress', 'ledger');
  const thrown: unknown = await makeDirectory(folder).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { details } = await storeFailure('cannot write', folder, thrown);
  assert.equal(details['fault'], 'read-only');
});

test('a file in place of a directory, or the reverse, needs the operator', async (t) => {
  const root = temporaryDirectory(t);
  const file = join(root, 'dstack-ingress');
  await writeFile(file, '');
  const folder = join(file, 'challenges', 'x');
  const obstacle = await whyUnwritable([folder]);
  const made = await orStoreFailed('cannot write', folder, () => makeDirectory(folder)).catch(
    (thrown) => thrown,
  );
  const read = await orStoreFailed('cannot read', root, () => readFile(root)).catch((thrown) => thrown);
  assert.deepEqual(
    [obstacle, made, read].map(({ code, retryable, details }) => [code, retryable, details]),
    [
      ['STORE_FAILED', false, { path: file, fault: 'not-a-directory' }],
      ['STORE_FAILED', false, { path: file, fault: 'not-a-directory' }],
      ['STORE_FAILED', false, { path: root, fault: 'not-a-file' }],
    ],
  );
});
