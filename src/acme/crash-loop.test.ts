import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CountingCa, mostWithin, refusals, runCrashLoop } from '../../test/harness/ca/crash-loop.ts';
import type { FakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import type { LedgerEntry, NewEntry } from './ledger/entries.ts';
import { historyOf } from './ledger/history.ts';
import { createLedger } from './ledger/ledger.ts';

const HOUR = 60 * 60 * 1000;
const DAYS_7 = 7 * 24 * HOUR;
const DIRECTORY = 'https://ca.example/directory';
const RESTARTS = 200;

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A ledger that keeps its lines in memory. */
function inMemory() {
  const disk: LedgerEntry[] = [];
  return (clock: FakeClock) => {
    const history = historyOf(disk);
    const write = async (draft: NewEntry) => {
      const entry = { at: clock.now().toISOString(), ...draft };
      disk.push(entry);
      history.add(entry);
    };
    return { history: async () => history, write };
  };
}

function assertWithinLimits({ failed, issued }: CountingCa): void {
  const [failures, certificates] = [mostWithin(failed, HOUR), mostWithin(issued, DAYS_7)];
  assert.ok(failures <= 4, `${failures} failed authorizations of a name in an hour`);
  assert.ok(certificates <= 4, `${certificates} certificates for a set in 7 days`);
  assert.equal(refusedByLetsEncrypt({ failed, issued }), 0);
}

/** Let's Encrypt's buckets: 5 and one more every 12 minutes, 5 and one more every 34 hours. */
function refusedByLetsEncrypt({ failed, issued }: CountingCa): number {
  return refusals(failed, 5, HOUR / 5) + refusals(issued, 5, 34 * HOUR);
}

const seeds = fc.integer();

test('a program that crashes anywhere, any number of times, stays within the limits', async () => {
  const seen = { failed: 0, issued: 0 };
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const random = randomFrom(seed);
      const authority = await runCrashLoop({
        open: inMemory(),
        restarts: RESTARTS,
        random,
        respectsLimits: true,
      });
      assertWithinLimits(authority);
      seen.failed = Math.max(seen.failed, mostWithin(authority.failed, HOUR));
      seen.issued = Math.max(seen.issued, mostWithin(authority.issued, DAYS_7));
    }),
    // A smaller seed is not a simpler case.
    { numRuns: 12, endOnFailure: true },
  );
  assert.deepEqual(seen, { failed: 4, issued: 4 }, 'the limits are fully used');
});

test('the same on disk, with a torn line after each crash', async (t) => {
  const root = temporaryDirectory(t);
  const folder = join(root, 'dstack-ingress', 'ledger', 'ca.example_directory');
  const open = (clock: FakeClock) => {
    const last = existsSync(folder) ? readdirSync(folder).sort().at(-1) : undefined;
    if (last) appendFileSync(join(folder, last), '{"at":"2026-11-2');
    return createLedger(root, DIRECTORY, clock, () => undefined);
  };
  const seed = Math.trunc(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  const authority = await runCrashLoop({ open, restarts: RESTARTS, random, respectsLimits: true });
  assertWithinLimits(authority);
  assert.ok(authority.failed.length > 0 && authority.issued.length > 0);
});

test('a program that ignores the limits exceeds them by far', async () => {
  const random = randomFrom(1);
  const authority = await runCrashLoop({
    open: inMemory(),
    restarts: RESTARTS,
    random,
    respectsLimits: false,
  });
  assert.ok(mostWithin(authority.failed, HOUR) > 8);
  assert.ok(mostWithin(authority.issued, DAYS_7) > 8);
  assert.ok(refusedByLetsEncrypt(authority) > 20);
});
