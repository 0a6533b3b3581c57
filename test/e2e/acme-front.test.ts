import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { rateLimited } from '../world/ca/acme-fault.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, eventually, ingressIn, worldFor } from './support.ts';

/** A world, and the environment of an ingress that reaches Pebble through the front. */
async function through(t: TestContext) {
  const world = await worldFor(t);
  const { acmeFront } = world;
  const environment = await environmentFor(world, { ACME_DIRECTORY_URL: acmeFront.directoryUrl });
  return { world, acmeFront, environment };
}

test('all requests go through the front, whose counts equal Pebble’s', async (t) => {
  const { world, acmeFront, environment } = await through(t);
  const ingress = again(t, environment);
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
  assert.equal(acmeFront.requests().get('POST /finalize-order/'), 1);
  await eventually('the log of Pebble has the same counts', () => {
    assert.deepEqual(new Map(acmeFront.requests()), world.pebble.requests());
    return true;
  });
});

test('an order whose response is lost exists at the CA, and the ingress still gets its certificate', async (t) => {
  const { world, acmeFront, environment } = await through(t);
  acmeFront.failNext('POST /order-plz', { kind: 'reset', executed: true });
  const ingress = again(t, environment);
  await ingress.seen('pass-finished');
  assert.equal(acmeFront.requests().get('POST /order-plz'), 2);
  assert.equal(world.pebble.orders(), 2);
});

test('the ingress waits for a slow order', async (t) => {
  const { acmeFront, environment } = await through(t);
  acmeFront.keepOrdersProcessing();
  const ingress = again(t, environment);
  const polls = () => acmeFront.requests().get('POST /my-order/') ?? 0;
  await eventually('three polls of the order', () => (polls() >= 3 ? true : undefined));
  assert.equal(acmeFront.requests().get('POST /certZ/'), undefined);
  acmeFront.completeOrders();
  await ingress.seen('pass-finished');
});

test('a rate limit of the CA is reported with its end', async (t) => {
  const { acmeFront, environment } = await through(t);
  acmeFront.failNext('POST /order-plz', rateLimited('7200'));
  const ingress = again(t, environment);
  const { time, err, nextAttempt } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /urn:ietf:params:acme:error:rateLimited/);
  const waitS = (Date.parse(String(nextAttempt)) - Date.parse(String(time))) / 1000;
  assert.ok(waitS >= 7199, `${waitS} s`);
});

test('a second CA has another root and another issuer, which are trusted, too', async (t) => {
  const world = await worldFor(t, { secondCa: { validityS: 30 * 86_400 } });
  const { pebble, secondCa } = world;
  assert.notEqual(pebble.roots[0], secondCa.roots[0]);
  assert.notEqual(pebble.issuers[0], secondCa.issuers[0]);
  assert.equal(world.pids.length, 5);
  for (const [name, authority] of Object.entries({ first: pebble, second: secondCa })) {
    const DOMAIN = `${name}.example.test`;
    const ingress = await ingressIn(t, world, { DOMAIN, ACME_DIRECTORY_URL: authority.directoryUrl });
    await ingress.seen('pass-finished');
    const { certificate } = await world.request(DOMAIN, '/');
    assert.equal(`CN=${certificate.issuer.CN}`, authority.issuers[0]);
    await ingress.end('SIGTERM');
  }
  assert.equal(readFileSync(world.apiCaFile, 'utf8').match(/BEGIN CERTIFICATE/g)?.length, 4);
});

test('the second CA has a front, too; a world created without it has neither', async (t) => {
  const world = await worldFor(t, { secondCa: {} });
  const ingress = await ingressIn(t, world, { ACME_DIRECTORY_URL: world.secondAcmeFront.directoryUrl });
  await ingress.seen('pass-finished');
  assert.equal(world.secondCa.orders(), 1);
  assert.equal(world.pebble.orders(), 0);
  const other = await worldFor(t);
  assert.throws(() => other.secondCa, /no second CA/);
  assert.throws(() => other.secondAcmeFront, /no second CA/);
});
