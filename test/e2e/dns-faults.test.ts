import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingressIn, worldFor } from './support.ts';

const isText = ({ type }: { readonly type: string }) => type === 'TXT';

test('only the CA is lied to: it is told to validate, and refuses', async (t) => {
  const world = await worldFor(t);
  world.resolver.forCa.faults.when(isText, { kind: 'lie', data: ['of somebody else'] });
  const ingress = await ingressIn(t, world);
  await ingress.seen('challenge-seen');
  const { err } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /ACME_ORDER_FAILED.*urn:ietf:params:acme:error:unauthorized/);
});

test('only the ingress is lied to: it waits until it is told the truth, and the CA is not asked meanwhile', async (t) => {
  const world = await worldFor(t);
  const { ns1, ns2 } = world.nameServers;
  for (const { faults } of [ns1, ns2])
    faults.when((question) => isText(question) && question.client !== world.resolver.address, {
      kind: 'lie',
      data: ['of somebody else'],
    });
  const ingress = await ingressIn(t, world);
  const { waitingFor } = await ingress.seen('waiting');
  assert.match(JSON.stringify(waitingFor), /lacks/);
  assert.equal(world.pebble.validations(), 0);
  for (const { faults } of [ns1, ns2]) faults.clear();
  await ingress.seen('pass-finished');
});

test('only the ingress’ resolver fails: the pass does, and the world goes on resolving', async (t) => {
  const world = await worldFor(t);
  world.resolver.forIngress.faults.servfail = true;
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-failed');
  assert.equal(world.pebble.validations(), 0);
  world.resolver.forIngress.faults.clear();
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});
