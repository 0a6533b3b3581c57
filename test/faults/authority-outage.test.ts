import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import { asked, type Kind, kinds } from './asked.ts';
import { createRow } from './row.ts';
import { HASTE } from './start.ts';
import { survive, surviveEach, type Trial } from './survive.ts';

/** It answers everything until it is asked for this, and then nobody is there until a round has failed. */
function downFrom(kind: Kind): Trial {
  return {
    title: `down when ${asked[kind]} is asked for`,
    asked: true,
    begin({ acmeFront }) {
      const falls = (request: { readonly kind: string }) => {
        if (request.kind !== kind) return false;
        void acmeFront.stop();
        return true;
      };
      acmeFront.failWhen(falls, { kind: 'reset' });
    },
    met: ({ ingress }) => ingress.seen('pass-failed'),
    end: ({ world: { acmeFront } }) => acmeFront.start(),
  };
}

const others: readonly Trial[] = [
  {
    title: 'down before the start; the ingress comes back by itself',
    begin: ({ acmeFront }) => acmeFront.stop(),
    met: ({ ingress }) => ingress.seen('pass-failed'),
    end: ({ world: { acmeFront } }) => acmeFront.start(),
  },
  {
    title: 'each answer a second late',
    hasty: true,
    begin: ({ acmeFront }) => acmeFront.failWhen(() => true, { kind: 'slow', ms: 1000 / HASTE }),
    met: ({ ingress }) => ingress.seen('certificate-issued'),
  },
  {
    title: '503 with Retry-After to everything',
    begin: ({ acmeFront }) =>
      acmeFront.failWhen(() => true, { kind: 'status', status: 503, retryAfter: '1' }),
    met: ({ ingress }) => ingress.seen('pass-failed'),
  },
  {
    title: 'a directory that is a page of somebody between, until a round has failed',
    begin: ({ acmeFront }) =>
      acmeFront.failWhen(({ kind }) => kind === 'GET /dir', {
        ...{ kind: 'rewrite', body: () => '<html>Sign in</html>' },
        headers: { 'content-type': 'text/html' },
      }),
    met: ({ ingress }) => ingress.seen('pass-failed'),
  },
];

test('the CA is down or slow', async (t) => {
  const world = await worldFor(t);
  await surviveEach(t, world, [...others, ...kinds.map(downFrom)]);
});

/** One request of a kind is never answered. */
function hangs(kind: Kind, goOn: () => void): Trial {
  let met = false;
  return {
    title: `${asked[kind]}: never answered`,
    hasty: true,
    orders: kind === 'POST /order-plz' ? 2 : 1,
    begin: ({ acmeFront }) => {
      const isMet = (request: { readonly kind: string }) => {
        const first = !met && request.kind === kind;
        met ||= first;
        return first;
      };
      acmeFront.failWhen(isMet, { kind: 'hang', executed: true });
    },
    met: () => eventually(`${kind} is asked`, () => met || undefined),
    end: goOn,
  };
}

test('an answer of the CA never comes', { concurrency: 16 }, async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  const tried: Promise<void>[] = [];
  for (const [index, kind] of kinds.entries()) {
    // The next one starts when this one waits, for half a minute.
    const { promise, resolve } = Promise.withResolvers<void>();
    const trial = hangs(kind, resolve);
    tried.push(row.tryOne(trial.title, () => survive(world, `hang${index}`, trial).finally(resolve)));
    await promise;
  }
  await Promise.all(tried);
  row.print();
});
