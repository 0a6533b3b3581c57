import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import { alreadyReplaced, rateLimited } from '../world/ca/acme-fault.ts';
import { minutesLater, passMinutes } from './later.ts';
import { adviseRenewal } from './renew.ts';
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
    title: 'a new order is rate-limited, with a short Retry-After',
    begin: ({ acmeFront }) => acmeFront.failNext(NEW_ORDER, rateLimited('2')),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
  }),
  minutesLater({
    title: 'a new account is rate-limited, with a short Retry-After',
    begin: ({ acmeFront }) => acmeFront.failNext('POST /sign-me-up', rateLimited('2')),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
  }),
  minutesLater({
    title: 'an order becomes invalid when it is finalized',
    orders: 2,
    begin({ acmeFront }) {
      let id: string | undefined;
      const isThisOrder = ({ kind, path }: { readonly kind: string; readonly path: string }) => {
        if (kind === 'POST /finalize-order/') id ??= path.split('/').at(-1);
        return /^POST .(?:finalize|my)-order/.test(kind) && path.endsWith(`/${id}`);
      };
      acmeFront.failWhen(isThisOrder, { kind: 'rewrite', body: invalid });
    },
    stays: true,
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
  }),
  {
    title: 'the CA says that the certificate to renew has been replaced already',
    orders: 2,
    needsSighup: true,
    begin: () => undefined,
    async triggered(scene) {
      const { ingress, world } = scene;
      const { acmeFront } = world;
      const { serial } = await ingress.seen('serving');
      await adviseRenewal(scene);
      acmeFront.failNext(NEW_ORDER, alreadyReplaced);
      await passMinutes(scene);
      ingress.signal('SIGHUP');
      await ingress.seen('serving', { fits: (line) => line['serial'] !== serial });
      const [first, second] = acmeFront.calls.filter(({ kind }) => kind === NEW_ORDER).slice(-2);
      assert.ok('replaces' in Object(first?.payload) && !('replaces' in Object(second?.payload)));
    },
  },
  {
    title: 'the CA loses all state while the challenge is published',
    // The CA does not know the first order any more.
    orders: 2,
    begin: ({ nameServers }) => nameServers.setLag('ns2', Number.POSITIVE_INFINITY),
    async triggered({ world, ingress }) {
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

test('the CA rejects half of all nonces', async (t) => {
  const world = await worldFor(t, { pebble: { nonceReject: 50 } });
  await surviveEach(t, world, [
    {
      title: 'half of the nonces are rejected',
      begin: () => undefined,
      triggered: async ({ ingress }) => {
        await ingress.seen('pass-finished');
        const { calls, granted } = world.acmeFront;
        assert.ok(calls.length > granted.length, 'no nonce was rejected');
        assert.ok(
          !ingress.log.some(({ event }) => event === 'pass-failed'),
          'a rejected nonce failed the run',
        );
      },
    },
  ]);
});

const MINUTE_MS = 60_000;

test('after a delay of a minute at the CA the ingress recovers by itself', { concurrency: 2 }, async (t) => {
  const world = await worldFor(t);
  const refused = Promise.withResolvers<void>();
  const limited: Trial = {
    title: 'a new order is rate-limited: the next one follows a minute later',
    begin: ({ acmeFront }) => acmeFront.failNext(NEW_ORDER, rateLimited('2')),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
    end: () => refused.resolve(),
  };
  const delayed: Trial = {
    title: 'a finalization takes a minute',
    begin: ({ acmeFront }) => acmeFront.keepOrdersProcessing(),
    async triggered({ ingress, world: { acmeFront } }) {
      await ingress.seen('challenge-seen');
      const now = () => Date.now() + acmeFront.clockSkewMs;
      const until = now() + MINUTE_MS;
      await eventually('the end of the minute', () => now() > until || undefined, 2 * MINUTE_MS);
      assert.ok(!ingress.log.some(({ event }) => event === 'certificate-issued'));
    },
  };
  const row = createRow(t);
  const first = row.tryOne(limited.title, () => survive(world, 'limited', limited));
  await refused.promise;
  await Promise.all([first, row.tryOne(delayed.title, () => survive(world, 'delayed', delayed))]);
  row.print();
});
