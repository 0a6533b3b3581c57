import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import { alreadyReplaced, rateLimited } from '../world/ca/acme-fault.ts';
import { minutesLater, passMinutes } from './later.ts';
import { askForRenewal } from './renew.ts';
import { createRow } from './row.ts';
import { survive, surviveEach, type Trial } from './survive.ts';

const NEW_ORDER = 'POST /order-plz';

const invalid = (order: unknown) => ({
  ...Object(order),
  status: 'invalid',
  error: { type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids it', status: 403 },
});

const trials: readonly Trial[] = [
  minutesLater({
    title: 'a new order is limited, with a short Retry-After',
    begin: ({ acmeFront }) => acmeFront.failNext(NEW_ORDER, rateLimited('2')),
    met: ({ ingress }) => ingress.seen('pass-failed'),
  }),
  minutesLater({
    title: 'a new account is limited, with a short Retry-After',
    begin: ({ acmeFront }) => acmeFront.failNext('POST /sign-me-up', rateLimited('2')),
    met: ({ ingress }) => ingress.seen('pass-failed'),
  }),
  minutesLater({
    title: 'an order turns invalid when it is finalized, and stays so',
    orders: 2,
    begin({ acmeFront }) {
      let id: string | undefined;
      const isOfIt = ({ kind, path }: { readonly kind: string; readonly path: string }) => {
        if (kind === 'POST /finalize-order/') id ??= path.split('/').at(-1);
        return /^POST .(?:finalize|my)-order/.test(kind) && path.endsWith(`/${id}`);
      };
      acmeFront.failWhen(isOfIt, { kind: 'rewrite', body: invalid });
    },
    stays: true,
    met: ({ ingress }) => ingress.seen('pass-failed'),
  }),
  {
    title: 'the certificate that is renewed has been replaced, by the word of the CA',
    orders: 2,
    asked: true,
    begin: () => undefined,
    async met(scene) {
      const { ingress, world } = scene;
      const { acmeFront } = world;
      const { serial } = await ingress.seen('serving');
      await askForRenewal(scene);
      acmeFront.failNext(NEW_ORDER, alreadyReplaced);
      await passMinutes(scene);
      ingress.signal('SIGHUP');
      await ingress.seen('serving', { fits: (line) => line['serial'] !== serial });
      const [first, second] = acmeFront.calls.filter(({ kind }) => kind === NEW_ORDER).slice(-2);
      assert.ok('replaces' in Object(first?.payload) && !('replaces' in Object(second?.payload)));
    },
  },
  {
    title: 'it forgets everything while the challenge stands',
    // The new order is forced: nobody knows the old one.
    orders: 2,
    begin: ({ nameServers }) => nameServers.setLag('ns2', Number.POSITIVE_INFINITY),
    async met({ world, ingress }) {
      await ingress.seen('challenge-published');
      await world.pebble.stop();
      await world.pebble.start();
    },
    end: ({ world }) => world.nameServers.setLag('ns2', 0),
    accounts: 2,
  },
];

test('the CA refuses', async (t) => {
  const world = await worldFor(t);
  await surviveEach(t, world, trials);
});

test('the CA takes half of all nonces for bad', async (t) => {
  const world = await worldFor(t, { pebble: { nonceReject: 50 } });
  await surviveEach(t, world, [
    {
      title: 'half of the nonces are bad',
      begin: () => undefined,
      met: async ({ ingress }) => {
        await ingress.seen('pass-finished');
        const { calls, granted } = world.acmeFront;
        assert.ok(calls.length > granted.length, 'no nonce was refused');
        assert.ok(!ingress.log.some(({ event }) => event === 'pass-failed'), 'it did not ask again');
      },
    },
  ]);
});

const MINUTE_MS = 60_000;

test('the CA takes a minute, and the ingress comes back by itself', { concurrency: 2 }, async (t) => {
  const world = await worldFor(t);
  const refused = Promise.withResolvers<void>();
  const limited: Trial = {
    title: 'a new order is limited: the next one comes a minute later',
    begin: ({ acmeFront }) => acmeFront.failNext(NEW_ORDER, rateLimited('2')),
    met: ({ ingress }) => ingress.seen('pass-failed'),
    end: () => refused.resolve(),
  };
  const held: Trial = {
    title: 'a finalization takes a minute',
    begin: ({ acmeFront }) => acmeFront.holdOrders(),
    async met({ ingress, world: { acmeFront } }) {
      await ingress.seen('challenge-seen');
      const now = () => Date.now() + acmeFront.clockSkewMs;
      const until = now() + MINUTE_MS;
      await eventually('a minute is over', () => now() > until || undefined, 2 * MINUTE_MS);
      assert.ok(!ingress.log.some(({ event }) => event === 'certificate-issued'));
    },
  };
  const row = createRow(t);
  const first = row.tryOne(limited.title, () => survive(world, 'limited', limited));
  await refused.promise;
  await Promise.all([first, row.tryOne(held.title, () => survive(world, 'held', held))]);
  row.print();
});
