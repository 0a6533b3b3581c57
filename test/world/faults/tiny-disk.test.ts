import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { systemErrorCode } from '../../../src/errors.ts';
import { tinyDiskFor } from '../../e2e/support.ts';
import { temporaryDirectory } from '../../harness/temporary-directory.ts';

/** A folder to mount a disk in. */
function homeFor(t: TestContext): string {
  const home = temporaryDirectory(t);
  return home;
}

const isMounted = (path: string) => readFileSync('/proc/mounts', 'utf8').includes(` ${path} tmpfs `);
const refusal = (code: string) => (thrown: unknown) => systemErrorCode(thrown) === code;

test('a full disk refuses writes until there is space', async (t) => {
  const disk = await tinyDiskFor(t, join(homeFor(t), 'volume'), 64);
  if (!disk) return;
  assert.ok(isMounted(disk.path));
  const write = (octets: number) => writeFileSync(join(disk.path, 'file'), 'x'.repeat(octets));
  assert.throws(() => write(70_000), refusal('ENOSPC'), 'the disk is larger than 64 KiB');
  rmSync(join(disk.path, 'file'));
  disk.fill(8192);
  assert.equal(disk.freeBytes, 8192);
  write(8000);
  disk.fill();
  assert.equal(disk.freeBytes, 0);
  assert.throws(() => write(9000), refusal('ENOSPC'));
  disk.free();
  write(9000);
});

test('a read-only disk refuses writes and keeps its content', async (t) => {
  const disk = await tinyDiskFor(t, join(homeFor(t), 'volume'), 64);
  if (!disk) return;
  const write = () => writeFileSync(join(disk.path, 'file'), 'x');
  write();
  await disk.makeReadOnly();
  assert.throws(write, refusal('EROFS'));
  assert.equal(readFileSync(join(disk.path, 'file'), 'utf8'), 'x');
  await disk.makeWritable();
  write();
});

test('makeReadOnly waits until no file is open for writing', async (t) => {
  const disk = await tinyDiskFor(t, join(homeFor(t), 'volume'), 64);
  if (!disk) return;
  const file = openSync(join(disk.path, 'file'), 'w');
  const done = disk.makeReadOnly();
  setTimeout(() => closeSync(file), 100);
  await done;
  assert.throws(() => openSync(join(disk.path, 'file'), 'w'), refusal('EROFS'));
});

test('disposal unmounts it, and its content is gone', async (t) => {
  const path = join(homeFor(t), 'volume');
  await t.test('while it is mounted', async (t) => {
    const disk = await tinyDiskFor(t, path, 64);
    if (!disk) return;
    writeFileSync(join(path, 'file'), 'x');
    assert.ok(isMounted(path));
  });
  assert.ok(!isMounted(path));
  assert.deepEqual(readdirSync(path), []);
});

test('it is unmounted when the process ends', async (t) => {
  const [path, other] = [join(homeFor(t), 'volume'), join(homeFor(t), 'other')];
  if (!(await tinyDiskFor(t, other, 64))) return;
  const script = `
    import { mountTinyDisk } from '${new URL('./tiny-disk.ts', import.meta.url)}';
    await mountTinyDisk('${path}', 64);
    console.log((await import('node:fs')).readFileSync('/proc/mounts', 'utf8').includes('${path}'));
    process.exit(0);`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', script]);
  assert.equal(stdout, 'true');
  assert.ok(!isMounted(path));
});

test('without permission to mount, it rejects with a reason to skip', async (t) => {
  const script = `
    import { MountRefused, mountTinyDisk } from '${new URL('./tiny-disk.ts', import.meta.url)}';
    await mountTinyDisk('${join(homeFor(t), 'volume')}', 64).catch((thrown) => console.log(thrown instanceof MountRefused, thrown.message));`;
  const node = [process.execPath, '--input-type=module', '--eval', script];
  const { stdout } = await execa('setpriv', ['--bounding-set=-sys_admin', ...node]);
  assert.match(stdout, /^true nothing can be mounted here: mount: /);
});
