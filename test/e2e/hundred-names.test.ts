import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingressIn, worldFor, writes } from './support.ts';

const COUNT = 100;
const AT_ONCE = 20;

test(`${COUNT} names start, ${AT_ONCE} at once, with one write for each batch`, {
  timeout: 300_000,
}, async (t) => {
  const world = await worldFor(t);
  const names = Array.from({ length: COUNT }, (_, index) => `app${index}.example.test`);
  const ingress = await ingressIn(t, world, { DOMAIN: '', DOMAINS: names.join('\n') });
  await ingress.seen('progress', { fits: ({ done }) => done === COUNT, timeoutMs: 240_000 });
  const issued = ingress.log.filter(({ event }) => event === 'certificate-issued');
  assert.equal(issued.length, COUNT);
  assert.equal(world.pebble.orders(), COUNT);
  // Each batch is published and removed; the first write also has the records of all names, which
  // takes more than one API call.
  assert.equal(writes(world).length, 2 * (COUNT / AT_ONCE) + 1);
  assert.deepEqual(
    ingress.log.filter(({ event }) => event === 'progress').map(({ done }) => done),
    [20, 40, 60, 80, 100],
  );
  for (const name of [names[0], names[57], names.at(-1)])
    assert.equal((await world.request(name ?? '', '/')).status, 200);
});
