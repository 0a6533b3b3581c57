import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isIngressError } from '../errors.ts';
import { createChallengeJournal, type JournalEntry } from './journal.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const entry = (value: string): JournalEntry => ({
  provider: 'alpha',
  zoneId: 'z1',
  zoneName: 'example.com',
  name: '_acme-challenge.app.example.com',
  value,
  ttl: 60,
});

test('what is written is there for the next process, until it is struck', async () => {
  const journal = createChallengeJournal(root);
  assert.deepEqual(await journal.entries(), []);
  await journal.write([entry('a'), entry('b')]);
  await journal.write([{ ...entry('a'), handle: 'r1' }]);
  const next = createChallengeJournal(root);
  assert.deepEqual(await next.entries(), [entry('b'), { ...entry('a'), handle: 'r1' }]);
  await next.strike([entry('a')]);
  assert.deepEqual(await journal.entries(), [entry('b')]);
  assert.equal(statSync(join(root, 'dstack-ingress', 'challenges.json')).mode & 0o777, 0o600);
});

test('a journal that is no journal is STORE_FAILED and is not overwritten', async () => {
  mkdirSync(join(root, 'dstack-ingress'));
  writeFileSync(join(root, 'dstack-ingress', 'challenges.json'), '[{"x":1}]');
  await assert.rejects(createChallengeJournal(root).write([entry('a')]), (thrown) =>
    isIngressError(thrown, 'STORE_FAILED'),
  );
});
