import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentWithClock } from '../world/faults/clock-jump.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, errorIn, plantCertificate, worldFor } from './support.ts';

const DAY_MS = 86_400_000;

test('a running ingress follows a jump of its clock: it renews two days later', async (t) => {
  const world = await worldFor(t);
  const plain = await environmentFor(world, { ACME_DIRECTORY_URL: world.acmeFront.directoryUrl });
  const clock = environmentWithClock(plain);
  // A third of its ninety days is left tomorrow.
  await plantCertificate(clock.environment, 31);
  const ingress = again(t, clock.environment);
  const { serial } = await ingress.seen('serving');
  await ingress.seen('pass-finished');
  assert.equal(world.pebble.orders(), 0);
  clock.jump(2 * DAY_MS);
  await t.test('while only the ingress’s clock jumps, nothing is ordered', async () => {
    ingress.signal('SIGHUP');
    const { code, details } = errorIn(await ingress.seen('pass-failed'));
    assert.deepEqual([code, Math.round(Number(details['skewMs']) / DAY_MS)], ['CLOCK_WRONG', -2]);
    assert.equal(world.pebble.orders(), 0);
  });
  world.acmeFront.clockSkewMs = 2 * DAY_MS;
  clock.jump(11 * 60_000);
  ingress.signal('SIGHUP');
  const { time } = await ingress.seen('serving', { fits: (line) => line['serial'] !== serial });
  const ahead = (Date.parse(String(time)) - Date.now()) / DAY_MS;
  assert.ok(Math.abs(ahead - 2) < 0.01, `${ahead} days`);
  await ingress.seen('pass-finished', { fits: (line) => Date.parse(String(line['time'])) > Date.now() });
  assert.equal(world.pebble.orders(), 1);
});
