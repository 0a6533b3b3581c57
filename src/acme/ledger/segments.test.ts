import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { appendLines, dayOf, listSegments, readSegments, removeSegments, segmentPath } from './segments.ts';

let folder = '';
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => {
  mock.restoreAll();
});
const path = () => segmentPath(folder, '2026-11-24');
const text = () => readFileSync(path(), 'utf8');

test('days are in UTC', () => {
  assert.equal(dayOf(new Date('2026-11-24T23:59:59.999Z')), '2026-11-24');
  assert.equal(dayOf(new Date('2026-03-01T00:00:00Z'), -1), '2026-02-28');
  assert.equal(dayOf(new Date('2026-12-31T12:00:00Z'), 1), '2027-01-01');
});

test('lines are appended to a file that only its owner can read', async () => {
  assert.deepEqual(await appendLines(path(), ['one', 'two']), { isWhole: true, failure: undefined });
  await appendLines(path(), ['three']);
  assert.equal(text(), 'one\ntwo\nthree\n');
  assert.equal(statSync(path()).mode & 0o777, 0o600);
});

test('a line is not appended to a torn one', async () => {
  writeFileSync(path(), 'one\ntw');
  await appendLines(path(), ['three']);
  assert.equal(text(), 'one\ntw\nthree\n');
});

test('a line that another process appends meanwhile is not overwritten', async () => {
  await appendLines(path(), ['one']);
  appendFileSync(path(), 'of another\n');
  await appendLines(path(), ['two']);
  assert.equal(text(), 'one\nof another\ntwo\n');
});

test('appending syncs the file, and returns the error if that fails', async () => {
  const handle = await open(path(), 'a');
  const { mock: sync } = mock.method(Object.getPrototypeOf(handle), 'sync', () => Promise.resolve());
  await handle.close();
  await appendLines(path(), ['one']);
  assert.equal(sync.callCount(), 1);
  const failure = new Error('EIO');
  sync.mockImplementation(() => Promise.reject(failure));
  assert.deepEqual(await appendLines(path(), ['two']), { isWhole: true, failure });
});

test('a partial write is not a line unless only the line break is missing', async () => {
  const handle = await open(path(), 'a');
  const prototype = Object.getPrototypeOf(handle);
  const original = prototype.write;
  await handle.close();
  const failure = new Error('ENOSPC');
  for (const [room, isWhole] of [
    [0, false],
    [2, false],
    [3, true],
  ] as const) {
    let left: number = room;
    mock.method(prototype, 'write', function (this: unknown, bytes: Buffer, offset: number) {
      if (left === 0) return Promise.reject(failure);
      left -= 1;
      return original.call(this, bytes, offset, 1);
    });
    const fresh = join(folder, `${room}.jsonl`);
    assert.deepEqual(await appendLines(fresh, ['one']), { isWhole, failure }, `${room} bytes`);
    assert.equal(readFileSync(fresh, 'utf8'), 'one'.slice(0, room));
    mock.restoreAll();
  }
});

test('a file that cannot be opened is an error', async () => {
  mkdirSync(path());
  await assert.rejects(appendLines(path(), ['one']), { code: 'EISDIR' });
});

test('segments are listed, read and removed by day; other files are ignored', async () => {
  for (const name of [
    '2026-11-24.jsonl',
    '2026-11-03.jsonl',
    'notes.txt',
    '2026-11-24.jsonl.bak',
    '26-1-1.jsonl',
  ])
    writeFileSync(join(folder, name), name);
  assert.deepEqual(await listSegments(folder), ['2026-11-03', '2026-11-24']);
  mkdirSync(join(folder, '2026-11-05.jsonl'));
  assert.deepEqual(await readSegments(folder, ['2026-11-03', '2026-11-04', '2026-11-05']), {
    segments: [{ day: '2026-11-03', text: '2026-11-03.jsonl' }],
    damaged: ['2026-11-05'],
  });
  rmdirSync(join(folder, '2026-11-05.jsonl'));
  await removeSegments(folder, ['2026-11-03', '2026-11-04']);
  assert.deepEqual(await listSegments(folder), ['2026-11-24']);
  assert.deepEqual(await listSegments(join(folder, 'none')), []);
});
