import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { fileFaults } from '../../test/harness/file-faults.ts';
import { readStatusFile } from './file.ts';

const texts = [
  '[]',
  'null',
  '{}',
  '{"pid":1}',
  '{"pid":1,"names":[{}],"warnings":[]}',
  '{"pid":1,"names":[],"warn',
];

for (const { title, plant } of fileFaults.filter(({ plant }) => plant.name !== 'denyReading')) {
  test(`a status file that is ${title} counts as missing`, (t) => {
    const root = mkdtempSync(join(tmpdir(), 'status-'));
    afterTest(t, () => rmSync(root, { recursive: true, force: true }));
    plant(t, join(root, 'status.json'));
    assert.equal(readStatusFile(root), undefined);
  });
}

test('a status file with another schema counts as missing', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'status-'));
  afterTest(t, () => rmSync(root, { recursive: true, force: true }));
  assert.equal(readStatusFile(join(root, 'missing')), undefined);
  mkdirSync(join(root, 'run'));
  for (const text of texts) {
    writeFileSync(join(root, 'run', 'status.json'), text);
    assert.equal(readStatusFile(join(root, 'run')), undefined, text);
  }
  writeFileSync(join(root, 'run', 'status.json'), '{"pid":1,"names":[{"domain":"a"}],"warnings":[]}');
  assert.equal(readStatusFile(join(root, 'run'))?.pid, 1);
});
