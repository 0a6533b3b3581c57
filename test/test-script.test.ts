import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';

const SCRIPT = new URL('../scripts/test.ts', import.meta.url).pathname;

const cases: [what: string, containers: string, skip: string | boolean, exitCode: number, end: RegExp][] = [
  ['nothing skipped', 'required', false, 0, /^2 passed, 0 failed$/],
  ['something skipped', '', 'no engine', 0, /^skipped: second: no engine\n1 passed, 0 failed, 1 skipped$/],
  ['something skipped', 'required', 'no engine', 1, /^CONTAINERS=required: nothing may be skipped\n1 passed/],
];
for (const [what, containers, skip, exitCode, end] of cases) {
  test(`scripts/test with CONTAINERS="${containers}" and ${what} ends with ${exitCode}`, async (t) => {
    const ended = await runTests(t, skip, containers);
    assert.equal(ended.exitCode, exitCode, ended.stdout);
    assert.match(ended.stdout, new RegExp(end, 'm'));
  });
}

/** Runs the script where two tests are all there is. */
async function runTests(t: TestContext, skip: string | boolean, containers: string) {
  const folder = await mkdtemp(join(tmpdir(), 'test-script-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'test'));
  const options = JSON.stringify({ skip });
  await writeFile(
    join(folder, 'test/some.test.ts'),
    `import { test } from 'node:test';\ntest('first', () => undefined);\ntest('second', ${options}, () => undefined);\n`,
  );
  // Otherwise it would report to the runner of this very test.
  const env = { CONTAINERS: containers, NODE_TEST_CONTEXT: undefined };
  return execa(process.execPath, [SCRIPT, 'some'], { cwd: folder, env, reject: false });
}
