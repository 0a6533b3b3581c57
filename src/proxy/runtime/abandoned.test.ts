import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateProgress, trackAbandoned, type Tracked } from './abandoned.ts';
import type { Peer } from './tcp-table.ts';

const CLIENT = '192.0.2.1:1000';
const PATIENCE = 3;
const request = { id: '0x1', client: CLIENT, backend: 'http:app:80.h1' };
const closed: Peer = { closed: true, unacked: 0 };

/** One look after the other, with what the kernel and HAProxy say at each; the looks at which the request was let go. */
function letGoAt(
  sights: readonly { peer?: Peer | undefined; progress?: string | undefined; session?: typeof request }[],
): number[] {
  let watch: Tracked = new Map();
  const ended: number[] = [];
  for (const [look, { peer, progress, session = request }] of sights.entries()) {
    const next = trackAbandoned(watch, [session], new Map(peer ? [[CLIENT, peer]] : []), PATIENCE);
    for (const { key, known } of next.due) {
      const judged = updateProgress(known, progress);
      if (judged) next.tracked.set(key, judged);
      else ended.push(look);
      if (!judged) next.tracked.delete(key);
    }
    watch = next.tracked;
  }
  return ended;
}

const silent = { peer: closed, progress: 'total=48 total=0' };
const several = <T>(count: number, sight: T): T[] => Array.from({ length: count }, () => sight);

test('a request is let go when nothing has moved for so many looks since HAProxy was first asked', () => {
  assert.deepEqual(letGoAt(several(5, silent)), [4]);
});

test('one of a client that has reset its connection, too', () => {
  assert.deepEqual(letGoAt(several(5, { progress: 'total=48 total=0' })), [4]);
});

test('looks count anew once something has moved', () => {
  assert.deepEqual(letGoAt([...several(4, silent), ...several(4, { ...silent, progress: 'more' })]), [7]);
  const queued = { ...silent, peer: { closed: true, queued: 1 } };
  assert.deepEqual(letGoAt([...several(4, silent), ...several(5, queued)]), [8]);
});

const kept: Readonly<Record<string, Parameters<typeof letGoAt>[0][number]>> = {
  'whose client is there': { ...silent, peer: { closed: false, unacked: 0 } },
  'of a client of HTTP/2': { ...silent, session: { ...request, backend: 'http:app:80.h2' } },
  'that is bytes': { ...silent, session: { ...request, backend: 'tcp:app:80' } },
  'of which HAProxy says nothing that can be read': { ...silent, progress: undefined },
};
for (const [which, sight] of Object.entries(kept))
  test(`a request ${which} is not let go`, () => assert.deepEqual(letGoAt(several(50, sight)), []));

test('one that moves between all looks at it is not', () => {
  assert.deepEqual(
    letGoAt(Array.from({ length: 50 }, (_, look) => ({ ...silent, progress: `${look}` }))),
    [],
  );
});

test('a later request at the same place begins anew', () => {
  const later = { ...silent, session: { ...request, backend: 'http:app:80.h1.once' } };
  assert.deepEqual(letGoAt([...several(4, silent), ...several(4, later)]), []);
});

test('HAProxy is asked twice about a request, and not before its client was seen like this twice', () => {
  let asked = 0;
  let watch: Tracked = new Map();
  for (let look = 0; look < PATIENCE + 2; look += 1) {
    const next = trackAbandoned(watch, [request], new Map([[CLIENT, closed]]), PATIENCE);
    asked += next.due.length;
    if (look === 0) assert.equal(asked, 0);
    for (const { key, known } of next.due) next.tracked.set(key, updateProgress(known, 'x') ?? known);
    watch = next.tracked;
  }
  assert.equal(asked, 2);
});
