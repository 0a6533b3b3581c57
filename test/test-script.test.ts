import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { eventually } from './e2e/support.ts';
import { temporaryDirectory } from './harness/temporary-directory.ts';

const SCRIPT = new URL('../scripts/test.ts', import.meta.url).pathname;

// The cleanup takes longer than a runner that does not wait for it.
const SLOW = `import { test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
process.once('SIGTERM', () => process.exit(1));
process.once('exit', () => {
  execFileSync('sleep', ['0.5']);
  writeFileSync('cleaned', '');
});
test('slow', async () => {
  writeFileSync('running', '');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
`;

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

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`at ${signal} scripts/test ends with ${code} after its tests have cleaned up`, async (t) => {
    const folder = await project(t, SLOW);
    const env = { NODE_TEST_CONTEXT: undefined };
    const options = { cwd: folder, env, reject: false, forceKillAfterDelay: false } as const;
    const child = execa(process.execPath, [SCRIPT, 'some'], options);
    await eventually('the test runs', () => existsSync(join(folder, 'running')) || undefined);
    child.kill(signal);
    assert.equal((await child).exitCode, code);
    assert.ok(existsSync(join(folder, 'cleaned')));
  });
}

test('a file that leaves something open fails at its deadline, and names what is open', async (t) => {
  const left = `import { test } from 'node:test';\nsetInterval(() => undefined, 1000);\ntest('first', () => undefined);\n`;
  const folder = await project(t, left);
  const env = { NODE_TEST_CONTEXT: undefined, TEST_FILE_DEADLINE_MS: '700' };
  const ended = await execa(process.execPath, [SCRIPT, 'some'], { cwd: folder, env, reject: false });
  assert.equal(ended.exitCode, 1, ended.stdout);
  assert.match(ended.stdout, /some\.test\.ts: still running after 700 ms; open handles: .*Timeout/);
  assert.match(ended.stdout, /^1 passed, 1 failed$/m);
});

for (const [asked, ran] of [
  [['some'], 'some'],
  [['test/'], 'some'],
  [['compatibility'], 'others'],
  [['test/compatibility/others'], 'others'],
  [['some', 'compatibility/'], 'others some'],
] as const) {
  test(`scripts/test ${asked.join(' ')} runs ${ran}`, async (t) => {
    const folder = await project(t, testNamed('some'));
    await mkdir(join(folder, 'test/compatibility'));
    await writeFile(join(folder, 'test/compatibility/others-and-some.test.ts'), testNamed('others'));
    const env = { NODE_TEST_CONTEXT: undefined };
    const { stdout } = await execa(process.execPath, [SCRIPT, ...asked], { cwd: folder, env, reject: false });
    assert.deepEqual([...stdout.matchAll(/^✔ (\w+)/gm)].map(([, name]) => name).join(' '), ran, stdout);
  });
}

const testNamed = (name: string) => `import { test } from 'node:test';\ntest('${name}', () => undefined);\n`;

/** A folder with one file of tests. */
async function project(t: TestContext, file: string): Promise<string> {
  const folder = temporaryDirectory(t);
  await mkdir(join(folder, 'test'));
  await writeFile(join(folder, 'test/some.test.ts'), file);
  return folder;
}

/** Runs the script in a project with two tests. */
async function runTests(t: TestContext, skip: string | boolean, containers: string) {
  const options = JSON.stringify({ skip });
  const folder = await project(
    t,
    `import { test } from 'node:test';\ntest('first', () => undefined);\ntest('second', ${options}, () => undefined);\n`,
  );
  // Otherwise the script would report to the runner of this test.
  const env = { CONTAINERS: containers, NODE_TEST_CONTEXT: undefined };
  return execa(process.execPath, [SCRIPT, 'some'], { cwd: folder, env, reject: false });
}
