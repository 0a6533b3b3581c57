import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryFiles } from '../../test/harness/dns/provider-context.ts';
import { KEPT, keepBackup } from './backups.ts';

const START = Date.parse('2026-01-02T03:04:05.678Z');

function begin() {
  let now = START;
  const files = createMemoryFiles();
  const clock = { now: () => new Date(now), wait: async () => undefined };
  const keep = (text: string) => keepBackup({ files, clock }, 'example.com', text);
  const pass = (ms: number) => {
    now += ms;
  };
  return { files, keep, pass };
}

test('a backup has a dated name, and its path is returned', async () => {
  const { keep, files } = begin();
  assert.equal(await keep('one'), '/memory/example.com/2026-01-02T03-04-05.678Z.txt');
  assert.deepEqual([...files.texts.values()], ['one']);
});

test('two backups of the same millisecond do not overwrite each other', async () => {
  const { keep, files } = begin();
  await keep('one');
  assert.equal(await keep('two'), '/memory/example.com/2026-01-02T03-04-05.679Z.txt');
  assert.equal(files.texts.size, 2);
});

test('of backups with the same text the newest stays', async () => {
  const { keep, files, pass } = begin();
  for (const text of ['one', 'two', 'one']) {
    await keep(text);
    pass(1000);
  }
  assert.deepEqual(
    [...files.texts].sort().map(([name, text]) => [name.slice(-9, -5), text]),
    [
      ['.678', 'two'],
      ['.678', 'one'],
    ],
  );
});

test(`the newest ${KEPT} backups stay`, async () => {
  const { keep, files, pass } = begin();
  for (let n = 0; n < KEPT + 5; n += 1) {
    await keep(`text ${n}`);
    pass(1);
  }
  assert.equal(files.texts.size, KEPT);
  assert.ok(files.texts.has('example.com/2026-01-02T03-04-05.702Z.txt'));
  assert.ok(!files.texts.has('example.com/2026-01-02T03-04-05.678Z.txt'));
});

test('an old backup that cannot be removed is left', async () => {
  const { files } = begin();
  const stuck = { ...files, remove: () => Promise.reject(new Error('EROFS')) };
  const clock = { now: () => new Date(START), wait: async () => undefined };
  await keepBackup({ files: stuck, clock }, 'example.com', 'one');
  await keepBackup({ files: stuck, clock }, 'example.com', 'one');
  assert.equal(files.texts.size, 2);
});

test('a backup that cannot be read does not prevent the removal of others', async () => {
  const { files, keep, pass } = begin();
  await keep('unreadable');
  const [lost = ''] = files.texts.keys();
  const read = async (name: string) => {
    if (name === lost) throw new Error('EISDIR');
    return files.read(name);
  };
  for (let n = 0; n < KEPT + 5; n += 1) {
    pass(1);
    const clock = { now: () => new Date(START + 1 + n), wait: async () => undefined };
    await keepBackup({ files: { ...files, read }, clock }, 'example.com', `text ${n}`);
  }
  assert.equal(files.texts.size, KEPT + 1);
});
