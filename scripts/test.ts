import { once } from 'node:events';
import { globSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { PassThrough, type Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { execa } from 'execa';
import { systemClock, until } from '../src/clock.ts';
import { haproxyOfImage } from '../test/world/debian/debian-haproxy.ts';

/**
 * Runs every check and every test, and counts them. The last line is `N passed, N failed[, N
 * skipped]`.
 */

interface Part {
  readonly files: readonly string[];
  readonly concurrency: number;
  /** Milliseconds for one test. */
  readonly timeout: number;
  /** Milliseconds for the process of a file. */
  readonly deadlineMs: number;
  /** Changes to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * The runner ends a test that takes longer; test-deadline.ts ends a file together with everything
 * that it left open.
 */
const TEST_TIMEOUT_MS = 180_000;
const FILE_DEADLINE_MS = Number(process.env['TEST_FILE_DEADLINE_MS'] ?? 600_000);
/** With FAULTS, one test covers many more faults, or runs each fault in a process of its own. */
const asksForFaults = process.env['FAULTS'] !== undefined;
const FAULTS_TEST_TIMEOUT_MS = 15 * 60_000;
const FAULTS_FILE_DEADLINE_MS = 20 * 60_000;
/** The first of these tests builds the images. */
const IMAGE_TEST_TIMEOUT_MS = 30 * 60_000;
const IMAGE_FILE_DEADLINE_MS = 40 * 60_000;
/** Concurrent files: of those that compute, and of those that mostly wait. */
const CORES = availableParallelism();
const COMPUTING = Math.ceil(CORES / 2);
const WAITING = 2 * CORES + 1;
/** The free space, in bytes, that a file system in memory needs for the tests' files. */
const MEMORY = 2 ** 30;
const TMPFS = 0x01021994;
const SLOWEST = 10;
/** The time after Ctrl-C for removing containers and ending their daemon. */
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
const ofSimulation = (file: string) => file.startsWith('test/simulation/');
/** Tests with a world of real servers, which mostly wait for each other. */
const waits = (file: string) => /^test\/(?:e2e|contract|faults)\//.test(file);
/** The longest files first, so that none of them runs alone at the end. */
const first = (long: (file: string) => boolean, all: (file: string) => boolean) =>
  files.filter(all).toSorted((a, b) => Number(long(b)) - Number(long(a)));
// scripts/test installs what these need only if they are requested.
const ofCompatibility = (file: string) => file.startsWith('test/compatibility/');
const asksForThese = /(?:^|\/)compatibility/;

const files = globSync(['src/**/*.test.ts', 'providers/**/*.test.ts', 'test/**/*.test.ts'])
  .sort()
  .filter((file) => {
    const parts = ofCompatibility(file) ? wanted.filter((part) => asksForThese.test(part)) : wanted;
    return wanted.length === 0 ? !ofCompatibility(file) : parts.some((part) => file.includes(part));
  });

// Each file is a process that removes what it started; wait for that after a signal.
const stop = new AbortController();
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    stoppedBy ??= signal;
    stop.abort();
  });

// For the tests in src/proxy and test/proxy; the whole ingress in test/e2e uses this host's
// HAProxy.
process.env['HAPROXY_BIN'] ??= await haproxyOfImage();

const reasons: string[] = [];
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
const durations: { readonly file: string; readonly ms: number }[] = [];
// Most of the tests' waiting time is fsync of files that are removed soon afterwards.
const inMemory = process.env['TMPDIR'] === undefined ? memoryFolder() : undefined;
const env = inMemory === undefined ? {} : { TMPDIR: inMemory };
if (wanted.length === 0) await runChecks();
// All parts run concurrently, so that no core is idle while the last file of a part ends.
const usual = { timeout: TEST_TIMEOUT_MS, deadlineMs: FILE_DEADLINE_MS, env };
const reports = [
  runTests({
    ...usual,
    files: first(ofSimulation, (file) => !waits(file) && !ofImage(file)),
    concurrency: COMPUTING,
  }),
  runTests({
    ...usual,
    files: first(ofFaults, waits),
    concurrency: WAITING,
    ...(asksForFaults ? { timeout: FAULTS_TEST_TIMEOUT_MS, deadlineMs: FAULTS_FILE_DEADLINE_MS } : {}),
  }),
  // Without TMPDIR in memory: images are large.
  runTests({
    files: files.filter(ofImage),
    concurrency: 1,
    timeout: IMAGE_TEST_TIMEOUT_MS,
    deadlineMs: IMAGE_FILE_DEADLINE_MS,
  }),
];
for (const report of reports) await print(report);
if (stoppedBy) await childrenAreGone();
printSlowest();
for (const reason of reasons) process.stdout.write(`skipped: ${reason}\n`);
// With CONTAINERS=required, a skipped test is a failure.
const skippedWrongly = process.env['CONTAINERS'] === 'required' && counts.skipped > 0;
if (skippedWrongly) process.stdout.write('CONTAINERS=required: nothing may be skipped\n');
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`, () => {
  if (stoppedBy) process.exit(128 + constants.signals[stoppedBy]);
  process.exit(counts.failed > 0 || counts.passed === 0 || skippedWrongly ? 1 : 0);
});

async function runChecks(): Promise<void> {
  const done = checks.map(([title, command, ...args]) => {
    return { title, ended: execa(command, args, { all: true, reject: false, preferLocal: true }) };
  });
  for (const { title, ended } of done) {
    const { failed, all } = await ended;
    counts[failed ? 'failed' : 'passed'] += 1;
    process.stdout.write(`${failed ? '✖' : '✔'} ${title}\n${failed ? `${all}\n` : ''}`);
  }
}

/** Runs tests and streams their report; undefined if there are no files. */
function runTests({ deadlineMs, env: changes, ...what }: Part): Readable | undefined {
  if (what.files.length === 0 || stop.signal.aborted) return undefined;
  const stream = run({
    ...what,
    forceExit: false,
    signal: stop.signal,
    execArgv: ['--import', new URL('test-deadline.ts', import.meta.url).href],
    env: { ...process.env, ...changes, TEST_FILE_DEADLINE_MS: String(deadlineMs) },
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
  stream.on('test:summary', ({ file, duration_ms: ms }) => {
    if (file !== undefined) durations.push({ file: relative(process.cwd(), file), ms });
  });
  const report = new PassThrough({ highWaterMark: MEMORY });
  stream.compose(spec).pipe(report);
  return report;
}

/** Prints a report as it is written. */
async function print(report: Readable | undefined): Promise<void> {
  if (!report) return;
  report.pipe(process.stdout, { end: false });
  await once(report, 'end');
}

function printSlowest(): void {
  if (wanted.length > 0) return;
  const slowest = durations.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  process.stdout.write('the slowest files:\n');
  for (const { file, ms } of slowest)
    process.stdout.write(`${(ms / 1000).toFixed(1).padStart(7)} s  ${file}\n`);
}

/** A folder in memory with enough space that allows running programs. */
function memoryFolder(): string | undefined {
  const path = '/dev/shm';
  try {
    const { type, bavail, bsize } = statfsSync(path);
    const mount = readFileSync('/proc/self/mounts', 'utf8').match(/^\S+ \/dev\/shm \S+ (\S+)/m);
    const runsPrograms = !mount?.[1]?.split(',').includes('noexec');
    return type === TMPFS && bavail * bsize >= MEMORY && runsPrograms ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Waits for the aborted test processes, which the runner does not wait for. */
async function childrenAreGone(): Promise<void> {
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  const gone = () => (children() === '' ? true : undefined);
  await until(gone, { clock: systemClock, timeoutMs: CLEAN_UP_MS, everyMs: 50 });
}

/** Every file whose first line names a shell. */
function shellScripts(): string[] {
  const files = globSync(['*.sh', 'scripts/*', '.ci/*'], { withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return paths.filter((path) => /^#!\/bin\/(?:ba)?sh$/m.test(readFileSync(path, 'utf8').slice(0, 20)));
}
