import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../../test/harness/after-test.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { startChild } from '../../../test/world/child.ts';
import { systemClock } from '../../clock.ts';
import { createLedger } from './ledger.ts';

const DIRECTORY = 'https://ca.example/directory';
const WRITER = join(import.meta.dirname, '../../../test/harness/ca/ledger-writer.ts');

test('after SIGKILL at any time, every acknowledged entry is in the ledger exactly once', async (t) => {
  const root = temporaryDirectory(t);
  const acknowledged: string[] = [];
  for (let run = 0; run < 5; run++) {
    const child = await startChild(process.execPath, { args: [WRITER, root, DIRECTORY, `${run}`] });
    afterTest(t, () => child[Symbol.asyncDispose]());
    await child.seen(new RegExp(`^done ${randomInt(1, 40)}\\.`), 60_000);
    await child.end('SIGKILL', 10_000);
    acknowledged.push(...child.lines.flatMap((line) => /^done (.*)$/.exec(line)?.[1] ?? []));
  }
  const history = await createLedger(root, DIRECTORY, systemClock, () => undefined).history();
  assert.ok(acknowledged.length >= 5);
  for (const name of acknowledged) assert.equal(history.failedAuthorizations(name).length, 1, name);
});

test('on a full disk, refused entries do not count and written ones stay', async (t) => {
  const root = temporaryDirectory(t);
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', root], { reject: false });
  if (mounted.failed) return t.skip(`no tmpfs can be mounted here: ${mounted.shortMessage}`);
  afterTest(t, () => execa('umount', ['--lazy', root]));
  const start = () => createLedger(root, DIRECTORY, systemClock, () => undefined);
  writeFileSync(join(root, 'other'), Buffer.alloc(32 * 1024));
  const ledger = start();
  const written: string[] = [];
  const write = async (name: string) => {
    await ledger.write({ event: 'validate', attempt: name, names: [name] });
    written.push(name);
  };
  const untilFull = async () => {
    for (let count = 0; count < 10_000; count++) await write(`${written.length}.example.com`);
  };
  await assert.rejects(untilFull, { code: 'STORE_FAILED', message: /ENOSPC/ });
  const refused = `${written.length}.example.com`;
  await assert.rejects(() => write(refused), { code: 'STORE_FAILED', message: /ENOSPC/ });
  truncateSync(join(root, 'other'), 0);
  await write('after.example.com');
  assert.ok(written.length > 10);
  for (const history of [await ledger.history(), await start().history()]) {
    for (const name of written) assert.equal(history.failedAuthorizations(name).length, 1, name);
    assert.deepEqual(history.failedAuthorizations(refused), []);
  }
});
