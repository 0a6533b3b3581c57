import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import { type Kind, kinds, requestNames } from './asked.ts';
import { createRow } from './row.ts';
import { HASTE } from './start.ts';
import { survive, surviveEach, type Trial } from './survive.ts';

/** The CA responds until this request, and then is down until a run has failed. */
function downFrom(kind: Kind): Trial {
  return {
    title: `down from the request for ${requestNames[kind]} on`,
    needsSighup: true,
    begin({ acmeFront }) {
      const falls = (request: { readonly kind: string }) => {
        if (request.kind !== kind) return false;
        void acmeFront.stop();
        return true;
      };
      acmeFront.failWhen(falls, { kind: 'reset' });
    },
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
    end: ({ world: { acmeFront } }) => acmeFront.start(),
  };
}

const others: readonly Trial[] = [
  {
    title: 'down before the start; the ingress recovers by itself',
    begin: ({ acmeFront }) => acmeFront.stop(),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
    end: ({ world: { acmeFront } }) => acmeFront.start(),
  },
  {
    title: 'each response a second late',
    hasty: true,
    begin: ({ acmeFront }) => acmeFront.failWhen(() => true, { kind: 'slow', ms: 1000 / HASTE }),
    triggered: ({ ingress }) => ingress.seen('certificate-issued'),
  },
  {
    title: '503 with Retry-After to every request',
    begin: ({ acmeFront }) =>
      acmeFront.failWhen(() => true, { kind: 'status', status: 503, retryAfter: '1' }),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
  },
  {
    title: 'a page of an intercepting proxy instead of the directory, until a run has failed',
    begin: ({ acmeFront }) =>
      acmeFront.failWhen(({ kind }) => kind === 'GET /dir', {
        ...{ kind: 'rewrite', body: () => '<html>Sign in</html>' },
        headers: { 'content-type': 'text/html' },
      }),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
  },
];

test('the CA is down or slow', async (t) => {
  const world = await worldFor(t);
  await surviveEach(t, world, [...others, ...kinds.map(downFrom)]);
});

/** One request of a kind gets no response. */
function hangs(kind: Kind, onEnd: () => void): Trial {
  let met = false;
  return {
    title: `${requestNames[kind]}: no response`,
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
    triggered: () => eventually(`${kind} is requested`, () => met || undefined),
    end: onEnd,
  };
}

test('a response of the CA never arrives', { concurrency: 16 }, async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  const tried: Promise<void>[] = [];
  for (const [index, kind] of kinds.entries()) {
    // The next trial starts once this one waits, which takes half a minute.
    const { promise, resolve } = Promise.withResolvers<void>();
    const trial = hangs(kind, resolve);
    tried.push(row.tryOne(trial.title, () => survive(world, `hang${index}`, trial).finally(resolve)));
    await promise;
  }
  await Promise.all(tried);
  row.print();
});
