import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type HealthOptions, type PrintOptions, runCommandLine } from './command-line.ts';

/** Runs a command line. Returns the calls of subcommands, the exit code and the output. */
async function type(t: TestContext, ...words: string[]) {
  const called: [name: string, options?: PrintOptions | HealthOptions][] = [];
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    t.mock.method(process[stream], 'write', (text: string) => {
      written[stream] += text;
      return true;
    });
  }
  const exitCode = await runCommandLine(['node', 'main.js', ...words], '1.2.3', {
    run: async () => called.push(['run']) - 1,
    plan: async (options) => called.push(['plan', { ...options }]) + 1,
    status: async (options) => called.push(['status', { ...options }]) + 3,
    health: async (options) => called.push(['health', { ...options }]) + 2,
  });
  t.mock.restoreAll();
  return { called, exitCode, ...written };
}

const good: [words: string[], called: [string, (PrintOptions | HealthOptions)?], exitCode: number][] = [
  [[], ['run'], 0],
  [['run'], ['run'], 0],
  [['plan'], ['plan', { json: false }], 2],
  [['plan', '--json'], ['plan', { json: true }], 2],
  [['status'], ['status', { json: false }], 4],
  [['status', '--json'], ['status', { json: true }], 4],
  [['health'], ['health', { json: false, wait: false }], 3],
  [['health', '--json', '--wait'], ['health', { json: true, wait: true }], 3],
];
for (const [words, call, exitCode] of good) {
  test(`"${words.join(' ')}" calls ${call[0]} and ends with its exit code`, async (t) => {
    assert.deepEqual(await type(t, ...words), { called: [call], exitCode, stdout: '', stderr: '' });
  });
}

for (const words of [
  ...[
    ['serve'],
    ['--loud', 'serve'],
    ['evil\n\u001b[31m'],
    ['--loud'],
    ['plan', '--loud'],
    ['health', 'now'],
  ],
]) {
  test(`${JSON.stringify(words.join(' '))} ends with 64 and a line that names the subcommands`, async (t) => {
    const { called, exitCode, stdout, stderr } = await type(t, ...words);
    assert.deepEqual([called, exitCode, stdout], [[], 64, '']);
    assert.match(stderr, /^[\x20-\x7e]+\n$/, 'one line, which cannot control a terminal');
    for (const name of ['run', 'plan', 'status', 'health', '--help'])
      assert.ok(stderr.includes(name), stderr);
  });
}

test('help and version end with 0', async (t) => {
  assert.deepEqual(await type(t, '--version'), { called: [], exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  const { exitCode, stdout } = await type(t, '--help');
  assert.equal(exitCode, 0);
  for (const name of ['run', 'plan', 'status', 'health'])
    assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'));
});

test('the document of the command line has every subcommand and option', () => {
  const text = readFileSync(new URL('../../docs/command-line.md', import.meta.url), 'utf8');
  for (const name of [
    'run',
    'plan',
    'plan --json',
    'status',
    'health',
    'health --json',
    'health --wait',
    '--help',
    '--version',
  ])
    assert.ok(text.includes(`\`${name}\``), name);
});
