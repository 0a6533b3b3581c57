import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../harness/after-test.ts';
import { temporaryDirectory } from '../../harness/temporary-directory.ts';
import { environmentWithClock } from './clock-jump.ts';
import { environmentWithFault } from './fault-points.ts';

const DAY_MS = 86_400_000;

/** A program that evaluates each expression that it receives, by its own clock. */
function program(t: TestContext) {
  const home = temporaryDirectory(t);
  const volume = join(home, 'letsencrypt');
  const clock = environmentWithClock({ PATH: process.env['PATH'] ?? '', LETSENCRYPT_DIR: volume });
  const script = `
    import { createInterface } from 'node:readline';
    import fs from 'node:fs';
    for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await eval(line)));`;
  const child = execa(process.execPath, ['--input-type=module', '--eval', script], {
    env: clock.environment,
    extendEnv: false,
    buffer: false,
    reject: false,
  });
  afterTest(t, async () => {
    child.stdin.end();
    await child;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (expression: string): Promise<unknown> => {
    child.stdin.write(`${expression}\n`);
    const { value, done } = await lines.next();
    assert.ok(!done, 'it ended');
    return JSON.parse(value);
  };
  /** The days by which it is ahead. */
  const ahead = async (expression: string) => {
    const shown = await ask(expression);
    const at = typeof shown === 'string' ? Date.parse(shown) : Number(shown);
    return Math.round(((at - Date.now()) / DAY_MS) * 100) / 100 + 0; // Avoids -0.
  };
  return { clock, ask, ahead };
}

const WAYS = ['Date.now()', 'new Date()', 'Date()', 'new (class extends Date {})()'];

test('every way to read the time of day follows a jump at once, forward and back', async (t) => {
  const { clock, ahead } = program(t);
  for (const [jump, days] of [
    [0, 0],
    [1, 1],
    [0.5, 1.5],
    [-3, -1.5],
  ] as const) {
    clock.jump(jump * DAY_MS);
    assert.equal(clock.offsetMs, days * DAY_MS);
    for (const way of WAYS) assert.equal(await ahead(way), days, way);
  }
});

test('dates otherwise work as before', async (t) => {
  const { clock, ask, ahead } = program(t);
  clock.jump(5 * DAY_MS);
  assert.equal(await ask('new Date(0)'), '1970-01-01T00:00:00.000Z');
  assert.equal(await ask("Date.parse('1970-01-02') + Date.UTC(1970, 0, 2)"), 2 * DAY_MS);
  assert.equal(await ask('new Date() instanceof Date && new Date().constructor === Date'), true);
  assert.equal(await ask("fs.statSync('/').mtime instanceof Date"), true);
  assert.equal(
    await ahead(
      "(fs.writeFileSync(process.env.CLOCK_OFFSET_FILE + 'x', ''), fs.statSync(process.env.CLOCK_OFFSET_FILE + 'x').mtime)",
    ),
    0,
  );
});

test('timers and the monotonic clock are unaffected', async (t) => {
  const { clock, ask } = program(t);
  const started = Number(await ask('globalThis.started = performance.now()'));
  const timer = 'new Promise((done) => setTimeout(() => done(performance.now()), 300))';
  await ask(`(globalThis.rung = ${timer}, 0)`);
  clock.jump(DAY_MS);
  const lasted = Number(await ask('rung')) - started;
  assert.ok(lasted >= 300 && lasted < 60_000, `${lasted} ms`);
});

test('works together with fault points', (t) => {
  const { clock } = program(t);
  const { NODE_OPTIONS } = environmentWithFault(clock.environment, { at: 1, act: 'kill-before' });
  assert.match(NODE_OPTIONS ?? '', /clock\.ts --import=\S+fault-points\.ts$/);
});
