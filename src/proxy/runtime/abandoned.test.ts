import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Tracked, trackAbandoned, updateProgress } from './abandoned.ts';
import type { Peer } from './tcp-table.ts';

const CLIENT = '192.0.2.1:1000';
const MAX_POLLS = 3;
const request = { id: '0x1', client: CLIENT, backend: 'http:app:80.h1' };
const closed: Peer = { closed: true, unacked: 0 };

/**
 * Polls with what the kernel and HAProxy report each time. Returns the polls at which the request
 * is ended.
 */
function endedAt(
  reports: readonly { peer?: Peer | undefined; progress?: string | undefined; session?: typeof request }[],
): number[] {
  let tracked: Tracked = new Map();
  const ended: number[] = [];
  for (const [index, { peer, progress, session = request }] of reports.entries()) {
    const next = trackAbandoned(tracked, [session], new Map(peer ? [[CLIENT, peer]] : []), MAX_POLLS);
    for (const { key, request: found } of next.due) {
      const updated = updateProgress(found, progress);
      if (updated) next.tracked.set(key, updated);
      else ended.push(index);
      if (!updated) next.tracked.delete(key);
    }
    tracked = next.tracked;
  }
  return ended;
}

const silent = { peer: closed, progress: 'total=48 total=0' };
const several = <T>(count: number, report: T): T[] => Array.from({ length: count }, () => report);

test('a request is ended when nothing was transferred for the maximum of polls since HAProxy was first queried', () => {
  assert.deepEqual(endedAt(several(5, silent)), [4]);
});

test('so is a request of a client that has reset its connection', () => {
  assert.deepEqual(endedAt(several(5, { progress: 'total=48 total=0' })), [4]);
});

test('the count of polls starts again when something was transferred', () => {
  assert.deepEqual(endedAt([...several(4, silent), ...several(4, { ...silent, progress: 'more' })]), [7]);
  const unacked = { ...silent, peer: { closed: true, unacked: 1 } };
  assert.deepEqual(endedAt([...several(4, silent), ...several(5, unacked)]), [8]);
});

const kept: Readonly<Record<string, Parameters<typeof endedAt>[0][number]>> = {
  'whose client has not closed its side': { ...silent, peer: { closed: false, unacked: 0 } },
  'of an HTTP/2 client': { ...silent, session: { ...request, backend: 'http:app:80.h2' } },
  'of a TCP target': { ...silent, session: { ...request, backend: 'tcp:app:80' } },
  'whose progress cannot be parsed': { ...silent, progress: undefined },
};
for (const [which, report] of Object.entries(kept))
  test(`a request ${which} is not ended`, () => assert.deepEqual(endedAt(several(50, report)), []));

test('a request that makes progress between all polls is not ended', () => {
  assert.deepEqual(
    endedAt(Array.from({ length: 50 }, (_, index) => ({ ...silent, progress: `${index}` }))),
    [],
  );
});

test('a later request with the same session address is tracked from the start', () => {
  const later = { ...silent, session: { ...request, backend: 'http:app:80.h1.once' } };
  assert.deepEqual(endedAt([...several(4, silent), ...several(4, later)]), []);
});

test('HAProxy is queried twice about a request, the first time at the second poll that finds it', () => {
  let queries = 0;
  let tracked: Tracked = new Map();
  for (let index = 0; index < MAX_POLLS + 2; index += 1) {
    const next = trackAbandoned(tracked, [request], new Map([[CLIENT, closed]]), MAX_POLLS);
    queries += next.due.length;
    if (index === 0) assert.equal(queries, 0);
    for (const { key, request: found } of next.due)
      next.tracked.set(key, updateProgress(found, 'x') ?? found);
    tracked = next.tracked;
  }
  assert.equal(queries, 2);
});
