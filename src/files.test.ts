import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { beforeEach, type TestContext, test } from 'node:test';
import { afterTest } from '../test/harness/after-test.ts';
import { temporaryDirectory } from '../test/harness/temporary-directory.ts';
import {
  isMissing,
  linkAtomically,
  makeDirectory,
  readIfThere,
  removeTemporaries,
  writeAtomically,
} from './files.ts';

let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a file is written with its mode, whatever the umask, and no temporary file is left', async () => {
  const before = process.umask(0o077);
  try {
    await writeAtomically(join(root, 'open'), 'text', 0o644);
  } finally {
    process.umask(before);
  }
  await writeAtomically(join(root, 'key'), 'secret', 0o600);
  assert.deepEqual([mode(join(root, 'open')), mode(join(root, 'key'))], ['644', '600']);
  assert.equal(readFileSync(join(root, 'key'), 'utf8'), 'secret');
  assert.deepEqual(readdirSync(root).sort(), ['key', 'open']);
});

/**
 * Records in order what makes a write durable: each sync, of a file with its length, and each
 * rename.
 */
async function recordDurability(t: TestContext): Promise<readonly string[]> {
  const steps: string[] = [];
  const handle = await fs.open(root);
  const methods = Object.getPrototypeOf(handle);
  await handle.close();
  const { sync } = methods;
  t.mock.method(methods, 'sync', async function (this: typeof handle) {
    const stats = await this.stat();
    await sync.call(this);
    steps.push(stats.isDirectory() ? 'sync directory' : `sync ${stats.size} bytes`);
  });
  const { rename } = fs;
  fs.rename = async (...paths) => {
    await rename(...paths);
    steps.push('rename');
  };
  syncBuiltinESMExports();
  afterTest(t, () => {
    fs.rename = rename;
    syncBuiltinESMExports();
  });
  return steps;
}

test('the content is durable before the rename, and the rename before the write resolves', async (t) => {
  const steps = await recordDurability(t);
  await writeAtomically(join(root, 'file'), 'text', 0o600);
  assert.deepEqual(steps, ['sync 4 bytes', 'rename', 'sync directory']);
});

test('a new version is another inode, so readers of the old one are not affected', async () => {
  const path = join(root, 'file');
  writeFileSync(path, 'a long old text', { mode: 0o644 });
  const before = statSync(path).ino;
  await writeAtomically(path, 'new', 0o600);
  assert.notEqual(statSync(path).ino, before);
  assert.deepEqual([readFileSync(path, 'utf8'), mode(path)], ['new', '600']);
});

test('a link in place of the file is replaced, not followed', async () => {
  writeFileSync(join(root, 'target'), 'old');
  await linkAtomically('target', join(root, 'link'));
  await writeAtomically(join(root, 'link'), 'new', 0o600);
  assert.equal(readFileSync(join(root, 'target'), 'utf8'), 'old');
  assert.ok(lstatSync(join(root, 'link')).isFile());
});

test('a write that fails leaves the old content, and no temporary file', async () => {
  mkdirSync(join(root, 'folder', 'full'), { recursive: true });
  await assert.rejects(writeAtomically(join(root, 'folder'), 'text', 0o600), {
    code: /EISDIR|ENOTEMPTY|EEXIST/,
  });
  assert.deepEqual(readdirSync(root), ['folder']);
  assert.deepEqual(readdirSync(join(root, 'folder')), ['full']);
});

test('a missing folder is an error', async () => {
  await assert.rejects(writeAtomically(join(root, 'no', 'file'), 'text', 0o600), { code: 'ENOENT' });
});

test('a link is created and moved atomically', async () => {
  const path = join(root, 'link');
  await linkAtomically('one', path);
  await linkAtomically('two', path);
  assert.equal(readlinkSync(path), 'two');
  assert.deepEqual(readdirSync(root), ['link']);
});

test('a link that cannot be created leaves no temporary link', async () => {
  mkdirSync(join(root, 'folder'));
  await assert.rejects(linkAtomically('target', join(root, 'folder')));
  assert.deepEqual(readdirSync(root), ['folder']);
});

test('a missing file is undefined; an unreadable one is an error', async () => {
  writeFileSync(join(root, 'file'), '');
  assert.equal(await readIfThere(join(root, 'file')), '');
  assert.equal(await readIfThere(join(root, 'none')), undefined);
  assert.equal(await readIfThere(join(root, 'file', 'below')), undefined);
  await assert.rejects(readIfThere(root), { code: 'EISDIR' });
});

test('only ENOENT and ENOTDIR mean missing', () => {
  const coded = (code: string) => Object.assign(new Error(code), { code });
  assert.deepEqual([coded('ENOENT'), coded('ENOTDIR'), coded('EACCES'), 'ENOENT', undefined].map(isMissing), [
    ...[true, true, false, false, false],
  ]);
});

test('makeDirectory creates parents too, with the mode, and accepts an existing folder', async () => {
  await makeDirectory(join(root, 'a', 'b'), 0o700);
  await makeDirectory(join(root, 'a', 'b'), 0o700);
  assert.deepEqual([mode(join(root, 'a')), mode(join(root, 'a', 'b'))], ['700', '700']);
});

test('a folder that cannot be created in an existing one is an error', { timeout: 10_000 }, async () => {
  // /proc returns ENOENT, like a directory that was deleted while mounted.
  for (const path of ['/proc/folder', '/proc/folder/a/b']) {
    await assert.rejects(makeDirectory(path), { code: 'ENOENT', path: '/proc/folder' });
  }
});

test('a file in place of a folder is an error with its path', async () => {
  writeFileSync(join(root, 'file'), '');
  await assert.rejects(makeDirectory(join(root, 'file')), { code: 'EEXIST', path: join(root, 'file') });
  const below = join(root, 'file', 'a', 'b');
  await assert.rejects(makeDirectory(below), { code: 'ENOTDIR', path: below });
});

test('concurrent calls of makeDirectory succeed', async () => {
  const path = join(root, 'a', 'b', 'c', 'd');
  await Promise.all(Array.from({ length: 10 }, () => makeDirectory(path)));
  assert.ok(statSync(path).isDirectory());
});

test('temporary files of a crashed write are removed once they are old, and nothing else', async () => {
  const uuid = '6e5da8a3-e530-47c0-9a43-fa68b13c5adf';
  mkdirSync(join(root, 'live', 'a.test'), { recursive: true });
  symlinkSync('nowhere', join(root, 'live', 'a.test', `cert.pem.${uuid}.tmp`));
  for (const name of [`key.${uuid}.tmp`, 'of-somebody.tmp', uuid, `key.${uuid}.tmp.old`])
    writeFileSync(join(root, name), '');
  assert.deepEqual(await removeTemporaries(root, new Date()), []);
  const later = new Date(Date.now() + 61_000);
  assert.deepEqual((await removeTemporaries(root, later)).sort(), [
    join(root, `key.${uuid}.tmp`),
    join(root, 'live', 'a.test', `cert.pem.${uuid}.tmp`),
  ]);
  assert.deepEqual(readdirSync(root).sort(), [uuid, `key.${uuid}.tmp.old`, 'live', 'of-somebody.tmp'].sort());
  assert.deepEqual(await removeTemporaries(join(root, 'missing'), later), []);
});
