import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  environmentWithFault,
  faulted,
  points,
  recordOf,
  recordPoints,
} from '../world/faults/fault-points.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, worldFor } from './support.ts';

const LIVE = 'live/app.example.test';

/** The points of a first start in a new world until its first run is finished. */
async function recorded(t: TestContext) {
  const environment = recordPoints(await environmentFor(await worldFor(t)));
  const ingress = again(t, environment);
  await ingress.seen('pass-finished');
  await ingress.end('SIGTERM');
  return environment;
}

/** The number of polls at the CA, each with a new nonce, depends on timing. */
const isAskedAgain = (label: string) =>
  /^(?:POST \/(?:authZ|my-order)|HEAD \/nonce-plz)/.test(label) && !label.endsWith(' #1');

test('a first start: the order, the challenge, the finalization and every file of the volume are points', async (t) => {
  const environment = await recorded(t);
  const labels = points(environment);
  const steps = [
    'POST /sign-me-up #1',
    'POST /order-plz #1',
    'rename dstack-ingress/challenges/app.example.test.json #1',
    'POST /client/v4/zones/*/dns_records/batch #1',
    'POST /chalZ/* #1',
    'POST /finalize-order/* #1',
    'POST /certZ/* #1',
    'rename archive/app.example.test/privkey1.pem #1',
    'sync archive/app.example.test #4',
    `rename ${LIVE}/fullchain.pem #1`,
  ];
  assert.deepEqual(
    labels.filter((label) => steps.includes(label)),
    steps,
  );
  const volume = environment['LETSENCRYPT_DIR'] ?? '';
  const targets = new Set(recordOf(environment).map(({ target }) => target));
  const files = readdirSync(volume, { recursive: true, encoding: 'utf8' })
    .map((file) => join(volume, file))
    .filter((file) => !lstatSync(file).isDirectory());
  assert.ok(files.length >= 12, `${files.length} files`);
  assert.deepEqual(
    files.filter((file) => !targets.has(file)),
    [],
  );

  await t.test('another first start, in another world, has the same points', async (t) => {
    const others = points(await recorded(t));
    assert.deepEqual(
      others.filter((label) => !isAskedAgain(label)),
      labels.filter((label) => !isAskedAgain(label)),
    );
  });
});

/**
 * The expected results: how many orders there are in the end, and whether the last link existed
 * after the crash.
 */
for (const [at, act, orders, link] of [
  ['POST /order-plz #1', 'kill-before', 1, false],
  ['POST /order-plz #1', 'kill-after', 2, false],
  [`rename ${LIVE}/fullchain.pem #1`, 'kill-before', 1, false],
  [`rename ${LIVE}/fullchain.pem #1`, 'kill-after', 1, true],
] as const) {
  test(`${act} at ${at} ends the process there, and the next start succeeds`, async (t) => {
    const world = await worldFor(t);
    const environment = await environmentFor(world);
    const faulty = environmentWithFault(environment, { at, act });
    const killed = again(t, faulty);
    const finished = killed.seen('pass-finished').then(
      () => true,
      () => false,
    );
    assert.equal(await finished, false);
    await killed[Symbol.asyncDispose]();
    assert.deepEqual(faulted(faulty), [at]);
    assert.equal(points(faulty).at(-1), at);
    assert.equal(existsSync(join(environment['LETSENCRYPT_DIR'] ?? '', LIVE, 'fullchain.pem')), link);
    await again(t, environment).seen('pass-finished');
    assert.equal(world.pebble.orders(), orders);
  });
}
