import { globSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { execa } from 'execa';
import { systemClock, until } from '../src/clock.ts';
import { haproxyOfImage } from '../test/world/debian/debian-haproxy.ts';

/** Runs every check and every test, and counts them. The last line is `N passed, N failed[, N skipped]`. */

interface Part {
  readonly files: readonly string[];
  readonly concurrency: number;
  /** Of one test. */
  readonly timeout: number;
  /** Of a file's process. */
  readonly deadlineMs: number;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** For one test, which the runner ends, and for its file with all that it leaves open, which test-deadline.ts ends. */
const TEST_TIMEOUT_MS = 180_000;
const FILE_DEADLINE_MS = Number(process.env['TEST_FILE_DEADLINE_MS'] ?? 600_000);
/** Each of these is a row of many faults. */
const FAULTS_TEST_TIMEOUT_MS = 15 * 60_000;
const FAULTS_FILE_DEADLINE_MS = 20 * 60_000;
/** Images are built in the first of these. */
const IMAGE_TEST_TIMEOUT_MS = 30 * 60_000;
const IMAGE_FILE_DEADLINE_MS = 40 * 60_000;
/** What removing containers and ending their daemon may take after Ctrl-C. */
const CLEAN_UP_MS = 60_000;

const checks: readonly [title: string, command: string, ...args: string[]][] = [
  ['formatting and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['types', 'tsc', '--noEmit'],
  ['shell scripts', 'shellcheck', ...shellScripts()],
  ['generated documents are fresh', 'node', 'scripts/gen-docs.ts', '--check'],
];

const wanted = process.argv.slice(2);
const ofImage = (file: string) => file.startsWith('test/image/');
const ofFaults = (file: string) => file.startsWith('test/faults/');
// What they need is installed only for those who ask for them: see scripts/test.
const ofCompatibility = (file: string) => file.startsWith('test/compatibility/');
const asksForThese = /(?:^|\/)compatibility/;

const files = globSync(['src/**/*.test.ts', 'providers/**/*.test.ts', 'test/**/*.test.ts'])
  .sort()
  .filter((file) => {
    const parts = ofCompatibility(file) ? wanted.filter((part) => asksForThese.test(part)) : wanted;
    return wanted.length === 0 ? !ofCompatibility(file) : parts.some((part) => file.includes(part));
  });

// Each file is a process of its own, which removes what it started; that is waited for.
const stop = new AbortController();
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    stoppedBy ??= signal;
    stop.abort();
  });

// The tests beside src/proxy take it; the whole ingress in test/e2e runs on this host's own HAProxy.
process.env['HAPROXY_BIN'] ??= await haproxyOfImage();

const reasons: string[] = [];
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
if (wanted.length === 0) await runChecks();
await runTests({
  files: files.filter((file) => !ofImage(file) && !ofFaults(file)),
  concurrency: 2,
  timeout: TEST_TIMEOUT_MS,
  deadlineMs: FILE_DEADLINE_MS,
});
// They wait more than they work.
await runTests({
  files: files.filter(ofFaults),
  concurrency: 3,
  timeout: FAULTS_TEST_TIMEOUT_MS,
  deadlineMs: FAULTS_FILE_DEADLINE_MS,
});
await runTests({
  files: files.filter(ofImage),
  concurrency: 1,
  timeout: IMAGE_TEST_TIMEOUT_MS,
  deadlineMs: IMAGE_FILE_DEADLINE_MS,
});
if (stoppedBy) await childrenAreGone();
for (const reason of reasons) process.stdout.write(`skipped: ${reason}\n`);
// Where everything is there, a test that is skipped is a fault of its own.
const skippedWrongly = process.env['CONTAINERS'] === 'required' && counts.skipped > 0;
if (skippedWrongly) process.stdout.write('CONTAINERS=required: nothing may be skipped\n');
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`, () => {
  if (stoppedBy) process.exit(128 + constants.signals[stoppedBy]);
  process.exit(counts.failed > 0 || counts.passed === 0 || skippedWrongly ? 1 : 0);
});

async function runChecks(): Promise<void> {
  for (const [title, command, ...args] of checks) {
    const { failed, all } = await execa(command, args, { all: true, reject: false, preferLocal: true });
    counts[failed ? 'failed' : 'passed'] += 1;
    process.stdout.write(`${failed ? '✖' : '✔'} ${title}\n${failed ? `${all}\n` : ''}`);
  }
}

async function runTests({ deadlineMs, ...what }: Part): Promise<void> {
  if (what.files.length === 0 || stop.signal.aborted) return;
  const stream = run({
    ...what,
    forceExit: false,
    signal: stop.signal,
    execArgv: ['--import', new URL('test-deadline.ts', import.meta.url).href],
    env: { ...process.env, TEST_FILE_DEADLINE_MS: String(deadlineMs) },
  });
  stream.on('test:pass', ({ name, skip, todo, details }) => {
    if (details.type === 'suite') return;
    if (skip !== undefined) reasons.push(`${name}${typeof skip === 'string' ? `: ${skip}` : ''}`);
    counts[skip !== undefined || todo !== undefined ? 'skipped' : 'passed'] += 1;
  });
  stream.on('test:fail', ({ todo, details }) => {
    if (details.type === 'suite') return;
    counts[todo === undefined ? 'failed' : 'skipped'] += 1;
  });
  const report = stream.compose(spec);
  report.pipe(process.stdout, { end: false });
  await new Promise((resolve) => report.once('end', resolve));
}

/** The runner does not wait for what it has aborted. */
async function childrenAreGone(): Promise<void> {
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  const gone = () => (children() === '' ? true : undefined);
  await until(gone, { clock: systemClock, timeoutMs: CLEAN_UP_MS, everyMs: 50 });
}

/** Every file that says in its first line that a shell runs it. */
function shellScripts(): string[] {
  const files = globSync(['*.sh', 'scripts/*', '.ci/*'], { withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return paths.filter((path) => /^#!\/bin\/(?:ba)?sh$/m.test(readFileSync(path, 'utf8').slice(0, 20)));
}
