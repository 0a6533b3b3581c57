import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { createFakeClock } from '../../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import type { NewEntry } from './entries.ts';
import { createLedger } from './ledger.ts';

const DIRECTORY = 'https://ca.example/directory';
const NAMES = ['app.example.com'];
const NAME = 'app.example.com';
const DAY = 24 * 60 * 60 * 1000;
const START = new Date('2026-11-24T00:00:00Z');
const later = (ms: number) => new Date(START.getTime() + ms);

let root = '';
let clock = createFakeClock();
let warnings: string[] = [];
beforeEach(() => {
  root = temporaryDirectory();
  clock = createFakeClock(START);
  warnings = [];
});
afterEach(() => {
  mock.restoreAll();
});

/** A ledger as after a restart: it knows only what is on the disk. */
const start = (directoryUrl = DIRECTORY) =>
  createLedger(root, directoryUrl, clock, (sentence) => warnings.push(sentence));
const folder = () => join(root, 'dstack-ingress', 'ledger', 'ca.example_directory');
const file = (day = '2026-11-24') => join(folder(), `${day}.jsonl`);
const text = (day?: string) => readFileSync(file(day), 'utf8');
function plant(day: string, content: string): void {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(file(day), content);
}

const validate = (attempt: string): NewEntry => ({ event: 'validate', attempt, names: NAMES });
const issued = (attempt: string, serial = '01'): NewEntry => ({
  ...{ event: 'issued', attempt, names: NAMES, serial },
  notAfter: '2027-02-22T00:00:00.000Z',
});
const failures = async (ledger = start()) => (await ledger.history()).failedAuthorizations(NAME);

test('an entry is in the history at once, and after a restart', async () => {
  const ledger = start();
  const history = await ledger.history();
  await ledger.write(validate('a'));
  clock.set(later(1000));
  await ledger.write(validate('b'));
  const times = [START, later(1000)];
  assert.deepEqual(history.failedAuthorizations(NAME), times);
  assert.deepEqual(await failures(), times);
  assert.deepEqual(warnings, []);
});

test('each entry is a line in the segment of its day, readable by the owner only', async () => {
  const ledger = start();
  await ledger.write(validate('a'));
  await ledger.write({ event: 'validated', attempt: 'a' });
  clock.set(later(DAY));
  await ledger.write({ event: 'pause', until: '2026-11-25T01:00:00.000Z' });
  assert.equal(
    text(),
    '{"at":"2026-11-24T00:00:00.000Z","event":"validate","attempt":"a","names":["app.example.com"]}\n' +
      '{"at":"2026-11-24T00:00:00.000Z","event":"validated","attempt":"a"}\n',
  );
  assert.match(text('2026-11-25'), /^\{"at":"2026-11-25T00:00:00.000Z","event":"pause",.*\}\n$/);
  assert.equal(statSync(file()).mode & 0o777, 0o600);
  assert.equal(statSync(folder()).mode & 0o777, 0o700);
});

test('each CA has its own ledger', async () => {
  await start().write(validate('a'));
  assert.deepEqual(await failures(start('https://ca.example/other')), []);
  assert.deepEqual(await failures(), [START]);
});

test('concurrent entries are written one after the other, and segments are read once', async () => {
  const ledger = start();
  const attempts = Array.from({ length: 20 }, (_, index) => `a${index}`);
  await Promise.all(attempts.map((attempt) => ledger.write(validate(attempt))));
  const read = text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).attempt);
  assert.deepEqual(read, attempts);
  assert.equal((await failures(ledger)).length, 20);
  writeFileSync(file(), '');
  assert.equal((await failures(ledger)).length, 20);
});

test('a peek writes nothing', async () => {
  assert.deepEqual((await start().peek()).failedAuthorizations(NAME), []);
  assert.deepEqual(readdirSync(root), []);
  plant('2030-01-01', `${JSON.stringify({ at: '2030-01-01T00:00:00.000Z', ...validate('a') })}\n`);
  assert.deepEqual((await start().peek()).failedAuthorizations(NAME), [START]);
  assert.deepEqual(readdirSync(folder()), ['2030-01-01.jsonl']);
});

test('a line torn at any byte affects neither the line before nor the line after it', async () => {
  const first = `${JSON.stringify({ at: START.toISOString(), ...validate('a') })}\n`;
  const torn = `${JSON.stringify({ at: START.toISOString(), ...validate('b') })}\n`;
  for (let length = 0; length <= torn.length; length++) {
    plant('2026-11-24', `${first}${torn.slice(0, length)}`);
    warnings = [];
    const ledger = start();
    await ledger.write(validate('c'));
    // A line is complete even if its line break is missing.
    const isWhole = length >= torn.length - 1;
    const count = isWhole ? 3 : 2;
    assert.equal((await failures(ledger)).length, count, `${length} bytes, known`);
    assert.equal(warnings.length, isWhole || length === 0 ? 0 : 1, `${length} bytes, warnings`);
    assert.equal((await failures()).length, count, `${length} bytes, read again`);
  }
});

test('damaged lines cause one warning, with the path of the segment', async () => {
  plant('2026-11-22', 'x\ny\n');
  plant('2026-11-23', `\0\0\0\n${JSON.stringify({ at: '2026-11-23T00:00:00.000Z', ...validate('a') })}\n`);
  const ledger = start();
  assert.equal((await failures(ledger)).length, 1);
  clock.set(later(2000));
  await ledger.write(validate('b'));
  clock.set(later(1000));
  assert.equal((await failures(ledger)).length, 2, 'it was read again');
  assert.deepEqual([warnings.length, warnings[0]?.startsWith(file('2026-11-22'))], [1, true]);
});

test('a segment of 150,000 lines is read', async () => {
  const line = `${JSON.stringify({ at: START.toISOString(), event: 'validated', attempt: 'a' })}\n`;
  plant('2026-11-24', line.repeat(150_000) + JSON.stringify({ at: START.toISOString(), ...validate('b') }));
  assert.deepEqual(await failures(), [START]);
});

test('segments older than 30 days are removed when the segment of a new day is started, and not before', async () => {
  const old = (day: string) => `${JSON.stringify({ at: `${day}T00:00:00.000Z`, ...validate(day) })}\n`;
  for (const day of ['2026-01-01', '2026-10-24', '2026-10-25', '2026-11-23']) plant(day, old(day));
  const ledger = start();
  assert.equal((await failures(ledger)).length, 4);
  assert.equal(readdirSync(folder()).length, 4);
  await ledger.write(validate('a'));
  assert.deepEqual(readdirSync(folder()).sort(), [
    '2026-10-25.jsonl',
    '2026-11-23.jsonl',
    '2026-11-24.jsonl',
  ]);
  clock.set(later(DAY));
  await ledger.write(validate('b'));
  assert.deepEqual(readdirSync(folder()).sort(), [
    '2026-11-23.jsonl',
    '2026-11-24.jsonl',
    '2026-11-25.jsonl',
  ]);
});

test('the last certificate in a removed segment is still known, with its original time', async () => {
  const ledger = start();
  await ledger.write(issued('a', '01'));
  clock.set(later(20 * DAY));
  await ledger.write(issued('b', '02'));
  clock.set(later(60 * DAY));
  await ledger.write(validate('c'));
  assert.deepEqual(readdirSync(folder()), ['2027-01-23.jsonl']);
  const history = await start().history();
  assert.deepEqual(history.lastIssued(NAMES)?.at, later(20 * DAY));
  assert.deepEqual(history.issuances(NAMES), [later(20 * DAY)]);
});

test('an entry carried over from a removed segment keeps its place before later entries', async () => {
  const failed: NewEntry = { event: 'failed', names: NAMES, code: 'X', refused: true };
  plant('2026-11-23', `${JSON.stringify({ at: '2026-11-23T00:00:00.000Z', ...issued('b') })}\n`);
  plant('2026-11-24', `${JSON.stringify({ at: '2026-10-01T00:00:00.000Z', ...failed })}\n`);
  assert.equal((await start().history()).failingSince(NAMES), undefined);
});

test('after the clock jumps back, entries count as made now', async () => {
  clock.set(later(3 * DAY));
  const ledger = start();
  await ledger.write(validate('a'));
  const history = await ledger.history();
  assert.deepEqual(history.failedAuthorizations(NAME), [later(3 * DAY)]);
  clock.set(START);
  assert.deepEqual(await failures(ledger), [START]);
  clock.set(later(1000));
  assert.deepEqual(await failures(ledger), [START], 'also once the clock runs on');
  await ledger.write(validate('b'));
  assert.deepEqual(await failures(ledger), [START, later(1000)]);
});

test('entries from the future are rewritten, so that a restart does not count them as new again', async () => {
  const entry = (at: string, draft: NewEntry) => `${JSON.stringify({ at, ...draft })}\n`;
  const pause: NewEntry = { event: 'pause', until: '2036-01-01T01:00:00.000Z' };
  plant(
    '2036-01-01',
    entry('2036-01-01T00:00:00.000Z', validate('a')) + entry('2036-01-01T00:00:00.000Z', pause),
  );
  plant('2026-11-23', entry('2026-11-23T00:00:00.000Z', validate('b')));
  assert.equal((await failures()).length, 2);
  assert.deepEqual(readdirSync(folder()).sort(), ['2026-11-23.jsonl', '2026-11-24.jsonl']);
  assert.equal(warnings.length, 1);
  clock.set(later(DAY));
  const history = await start().history();
  assert.deepEqual(history.failedAuthorizations(NAME), [later(-DAY), START]);
  assert.deepEqual(history.pausedUntil(), later(60 * 60 * 1000));
});

test('a crash while entries from the future are rewritten makes nothing count twice', async () => {
  plant('2036-01-01', `${JSON.stringify({ at: '2036-01-01T00:00:00.000Z', ...validate('a') })}\n`);
  const before = readFileSync(file('2036-01-01'), 'utf8');
  await failures();
  plant('2036-01-01', before);
  clock.set(later(1000));
  assert.deepEqual(await failures(), [later(1000)]);
  assert.deepEqual(await failures(), [later(1000)]);
});

test('entries from the future that cannot be rewritten still count as made now', async () => {
  plant('2036-01-01', `${JSON.stringify({ at: '2036-01-01T00:00:00.000Z', ...validate('a') })}\n`);
  const handle = await open(file('2036-01-01'));
  const sync = mock.method(Object.getPrototypeOf(handle), 'sync', () => Promise.reject(new Error('EIO')));
  await handle.close();
  assert.deepEqual(await failures(), [START]);
  assert.ok(readdirSync(folder()).includes('2036-01-01.jsonl'));
  sync.mock.restore();
  assert.deepEqual(await failures(), [START]);
  assert.deepEqual(readdirSync(folder()), ['2026-11-24.jsonl']);
});

test('an entry that was written whole counts, even if it could not be synced', async () => {
  const ledger = start();
  await ledger.write(validate('a'));
  const handle = await open(file());
  const sync = mock.method(Object.getPrototypeOf(handle), 'sync', () => Promise.reject(new Error('EIO')));
  await handle.close();
  await assert.rejects(ledger.write(validate('b')), { code: 'STORE_FAILED' });
  sync.mock.restore();
  assert.equal((await failures(ledger)).length, 2);
  assert.equal((await failures()).length, 2);
});

test('an entry that could not be written does not count, and the next one is written', async () => {
  const ledger = start();
  await ledger.history();
  mkdirSync(file(), { recursive: true });
  await assert.rejects(ledger.write(validate('a')), { code: 'STORE_FAILED' });
  assert.equal((await failures(ledger)).length, 0);
  rmSync(file(), { recursive: true });
  await ledger.write(validate('b'));
  assert.equal((await failures(ledger)).length, 1);
});

test('the first entry of a day syncs its folders; later entries sync only the segment', async () => {
  const ledger = start();
  const handle = await open(root);
  const sync = mock.method(Object.getPrototypeOf(handle), 'sync');
  await handle.close();
  await ledger.write(validate('a'));
  assert.equal(sync.mock.callCount(), 5, 'the file, its folder, and the three above');
  await ledger.write(validate('b'));
  assert.equal(sync.mock.callCount(), 6);
  await start().write(validate('c'));
  assert.equal(sync.mock.callCount(), 11, 'a start cannot know what the last one has synced');
});

test('an unreadable segment is STORE_FAILED for every read and write, until it is readable', async () => {
  mkdirSync(folder(), { recursive: true });
  symlinkSync('/proc/self/mem', file());
  const ledger = start();
  for (const work of [() => ledger.history(), () => ledger.peek(), () => ledger.write(validate('a'))])
    await assert.rejects(work, {
      code: 'STORE_FAILED',
      message: new RegExp(`cannot (read|write) the ledger in .*EIO.*${file()}`),
    });
  rmSync(file());
  assert.deepEqual(await failures(ledger), [], 'it is read again');
});

test('a directory in place of a segment is moved aside with a warning, and the ledger goes on', async () => {
  plant('2026-11-23', `${JSON.stringify({ at: '2026-11-23T12:00:00.000Z', ...validate('a') })}\n`);
  for (const day of ['2026-11-22', '2026-11-24']) mkdirSync(join(file(day), 'inside'), { recursive: true });
  assert.equal((await start().peek()).failedAuthorizations(NAME).length, 1);
  assert.deepEqual([readdirSync(folder()).length, warnings], [3, []], 'a peek writes nothing');
  const ledger = start();
  await ledger.write(validate('b'));
  assert.equal((await failures()).length, 2);
  for (const day of ['2026-11-22', '2026-11-24']) {
    assert.ok(statSync(join(`${file(day)}.damaged`, 'inside')).isDirectory());
    assert.equal(warnings.filter((warning) => warning.includes(file(day))).length, 1);
  }
});

test('a folder that cannot be created is STORE_FAILED', async () => {
  writeFileSync(join(root, 'dstack-ingress'), 'a file where the folder should be');
  await assert.rejects(start().write(validate('a')), { code: 'STORE_FAILED' });
  assert.equal(
    await createLedger(join(root, 'no'), DIRECTORY, clock, assert.fail).whyUnwritable(),
    undefined,
  );
});

test('a segment that another process has begun in place of a directory is not moved aside', async () => {
  mkdirSync(join(folder(), `${START.toISOString().slice(0, 10)}.jsonl`), { recursive: true });
  const [first, second] = [start(), start()];
  await Promise.all([first.peek(), second.peek()]);
  await first.write({ event: 'order', attempt: 'a1', names: ['a.example'] });
  await second.write({ event: 'order', attempt: 'b1', names: ['b.example'] });
  const history = await start().history();
  for (const name of ['a.example', 'b.example']) assert.equal(history.fruitlessOrders([name]).length, 1);
});
