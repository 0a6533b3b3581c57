import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tinyDiskFor, worldFor } from '../e2e/support.ts';
import type { TinyDisk } from '../world/faults/tiny-disk.ts';
import { startIngress } from '../world/ingress.ts';
import { aftermath } from './aftermath.ts';
import { reconcileNow, startFor } from './steps.ts';

/** Space for the files of an ingress, and little more. */
const KILOBYTES = 1024;

/** Faults of a real file system; disk.test.ts simulates them at each step. */
const faults: readonly (readonly [
  title: string,
  what: RegExp,
  begin: (disk: TinyDisk) => Promise<void> | void,
  end: (disk: TinyDisk) => Promise<void> | void,
])[] = [
  ['full before the start', /ENOSPC/, (disk) => disk.fill(), (disk) => disk.free()],
  ['without room for more than the account', /ENOSPC/, (disk) => disk.fill(24_576), (disk) => disk.free()],
  ['mounted read-only', /EROFS/, (disk) => disk.makeReadOnly(), (disk) => disk.makeWritable()],
];

for (const [title, what, begin, end] of faults) {
  test(`a volume that is ${title}, until it is repaired`, async (t) => {
    const world = await worldFor(t);
    const environment = await startFor(world, 'disk');
    const disk = await tinyDiskFor(t, environment['LETSENCRYPT_DIR'] ?? '', KILOBYTES);
    if (!disk) return;
    await begin(disk);
    await using ingress = startIngress(environment);
    const failed = await ingress.seen('pass-failed');
    assert.match(JSON.stringify(failed['err']), new RegExp(`STORE_FAILED.*${what.source}`));
    await end(disk);
    await reconcileNow(ingress);
    assert.deepEqual(await aftermath(world, environment), []);
    await ingress.end('SIGTERM');
  });
}
