import assert from 'node:assert/strict';
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
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import type { JournalEntry } from './challenges.ts';
import { createChallengeJournal, createChallengeJournals } from './journal.ts';

let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});
const file = () => join(root, 'dstack-ingress', 'challenges', 'app.example.com.json');

const entry = (value: string): JournalEntry => ({
  provider: 'alpha',
  zoneId: 'z1',
  zoneName: 'example.com',
  name: '_acme-challenge.app.example.com',
  value,
  ttl: 60,
});

test('entries survive the process until they are removed', async () => {
  const journal = createChallengeJournal(root, 'app.example.com', assert.fail);
  assert.deepEqual(await journal.entries(), []);
  await journal.write([entry('a'), entry('b')]);
  await journal.write([{ ...entry('a'), handle: 'r1' }]);
  const next = createChallengeJournal(root, 'app.example.com', assert.fail);
  assert.deepEqual(await next.entries(), [entry('b'), { ...entry('a'), handle: 'r1' }]);
  await next.remove([entry('a')]);
  assert.deepEqual(await journal.entries(), [entry('b')]);
  assert.equal(statSync(file()).mode & 0o777, 0o600);
});

for (const damaged of ['[{"x":1}]', '[{"provid', '', '{}']) {
  test(`a journal that contains ${damaged || 'nothing'} is moved aside with a warning, and a new one is written`, async () => {
    mkdirSync(dirname(file()), { recursive: true });
    writeFileSync(file(), damaged);
    const warnings: string[] = [];
    const journal = createChallengeJournal(root, 'app.example.com', (sentence) => warnings.push(sentence));
    await journal.write([entry('a')]);
    assert.deepEqual(await journal.entries(), [entry('a')]);
    assert.equal(readFileSync(`${file()}.damaged`, 'utf8'), damaged);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]?.includes(file()));
  });
}

test('a peek returns the entries, and does not move a damaged journal', async () => {
  const journal = createChallengeJournal(root, 'app.example.com', assert.fail);
  assert.deepEqual(await journal.peek(), []);
  assert.deepEqual(readdirSync(root), []);
  await journal.write([entry('a')]);
  assert.deepEqual(await journal.peek(), [entry('a')]);
  writeFileSync(file(), 'damaged');
  assert.deepEqual(await journal.peek(), []);
  assert.equal(readFileSync(file(), 'utf8'), 'damaged');
});

test('a journal that cannot be read throws STORE_FAILED and is not moved', async () => {
  mkdirSync(dirname(file()), { recursive: true });
  symlinkSync('/proc/self/mem', file());
  const journal = createChallengeJournal(root, 'app.example.com', assert.fail);
  for (const work of [
    () => journal.entries(),
    () => journal.peek(),
    () => journal.write([entry('a')]),
    () => journal.remove([entry('a')]),
  ])
    await assert.rejects(work, { code: 'STORE_FAILED' });
  assert.ok(lstatSync(file()).isSymbolicLink());
});

test('a directory at the path of a journal is moved aside with a warning, beside one moved earlier', async () => {
  const warnings: string[] = [];
  const journal = createChallengeJournal(root, 'app.example.com', (message) => warnings.push(message));
  mkdirSync(dirname(file()), { recursive: true });
  writeFileSync(`${file()}.damaged`, 'an earlier one');
  mkdirSync(join(file(), 'full'), { recursive: true });
  assert.deepEqual(await journal.peek(), []);
  await journal.write([entry('a')]);
  assert.deepEqual(await journal.entries(), [entry('a')]);
  assert.ok(statSync(join(`${file()}.damaged-2`, 'full')).isDirectory());
  assert.equal(readFileSync(`${file()}.damaged`, 'utf8'), 'an earlier one');
  assert.equal(warnings.length, 1);
});

test('each name has its own journal, and so has its wildcard', async () => {
  const names = ['app.example.com', 'www.example.com', 'example.com', '*.example.com'];
  for (const name of names)
    await createChallengeJournal(root, name, assert.fail).write([entry(`of ${name}`)]);
  for (const name of names) {
    assert.deepEqual(await createChallengeJournal(root, name, assert.fail).entries(), [entry(`of ${name}`)]);
  }
});

test('a journal that cannot be written throws STORE_FAILED', async () => {
  writeFileSync(join(root, 'dstack-ingress'), 'a file where the folder should be');
  await assert.rejects(createChallengeJournal(root, 'app.example.com', assert.fail).write([entry('a')]), {
    code: 'STORE_FAILED',
  });
});

test('concurrent changes of one journal lose nothing', async () => {
  const journalOf = createChallengeJournals(root, assert.fail);
  const open = () => journalOf('app.example.com');
  await open().write([entry('old')]);
  const added = Array.from({ length: 20 }, (_, index) => entry(`new${index}`));
  await Promise.all([open().remove([entry('old')]), ...added.map((one) => open().write([one]))]);
  assert.deepEqual(await open().entries(), added);
});
