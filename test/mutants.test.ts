import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mutants } from './mutants/all.ts';
import { classes, type Mutant } from './mutants/mutant.ts';
import { hasTest } from './mutants/titles.ts';
import { occurrences } from './mutants/tree.ts';

test('every mutant applies: its text occurs exactly once in its file', () => {
  const counted = mutants.map((mutant): [Mutant, number] => {
    const text = existsSync(mutant.file) ? readFileSync(mutant.file, 'utf8') : '';
    return [mutant, occurrences(text, mutant)];
  });
  const broken = counted.filter(([, count]) => count !== 1);
  assert.deepEqual(
    broken.map(([{ id, file }, count]) => `${id}: ${count} times in ${file}`),
    [],
    'Adapt `search` and `replace` to the new code so that the fault stays the same (test/mutants).',
  );
});

test('every mutant changes something, and has a unique ID that begins with its class', () => {
  for (const { id, search, replace } of mutants) assert.notEqual(search, replace, id);
  const names = mutants.map(({ id }) => id);
  assert.deepEqual(
    names.filter((id, index) => names.indexOf(id) !== index),
    [],
  );
  const misnamed = mutants.filter((mutant) => !mutant.id.startsWith(`${mutant.class}-`));
  assert.deepEqual(misnamed, []);
});

test('each class has mutants, at least 70 in all, each with a test file that exists', () => {
  assert.ok(mutants.length >= 70, `${mutants.length}`);
  for (const wanted of classes)
    assert.ok(
      mutants.some((mutant) => mutant.class === wanted),
      wanted,
    );
  for (const { id, killedBy } of mutants) {
    assert.ok(killedBy.length > 0, id);
    for (const { file } of killedBy) assert.ok(existsSync(file), `${id}: ${file}`);
  }
});

test('each test that a mutant names exists', () => {
  const missing = mutants.flatMap(({ id, killedBy }) =>
    killedBy.filter((killer) => !hasTest(killer)).map(({ file, test: title }) => `${id}: ${file}: ${title}`),
  );
  assert.deepEqual(missing, [], 'Give the mutant the new title of the test (test/mutants).');
});

test('the title of a killer matches a string, or a template together with a row', () => {
  const has = (title: string) => hasTest({ file: 'test/e2e/takeover.test.ts', test: title });
  const taken = 'certbot’s volume is taken over: ';
  assert.ok(has(`${taken}a name`));
  assert.ok(!has(`${taken}an unknown row`));
  assert.ok(!has('a name'));
  assert.ok(!has('an unknown title'));
});
