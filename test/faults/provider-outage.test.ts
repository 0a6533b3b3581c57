import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import type { Fault } from '../world/apis/cloudflare.ts';
import { answered, downFrom, reads, writes } from './provider-steps.ts';
import { createRow } from './row.ts';
import { HASTE } from './start.ts';
import { survive, surviveEach, type Trial } from './survive.ts';

const failed: Trial['met'] = ({ ingress }) => ingress.seen('pass-failed');

/** Everything that is asked for is refused, as to a token that lost its right. */
function refused(how: string, status: number, code: number, message: string): Trial {
  return {
    title: `the token ${how}, until a round has failed`,
    asked: true,
    begin: ({ cloudflare }) =>
      cloudflare.failWhen(() => true, { ...{ kind: 'refusal', status, code }, message }),
    met: failed,
  };
}

const trials: readonly Trial[] = [
  {
    title: 'down before the start; the ingress comes back by itself',
    begin: ({ cloudflare }) => cloudflare.stop(),
    met: failed,
    end: ({ world: { cloudflare } }) => cloudflare.start(),
  },
  {
    title: 'limited with Retry-After, whatever is asked for, until a round has failed',
    asked: true,
    begin: ({ cloudflare }) => cloudflare.failWhen(() => true, { kind: 'rate-limit', retryAfter: '2' }),
    met: failed,
  },
  {
    title: 'each answer two seconds late',
    hasty: true,
    begin: ({ cloudflare }) => cloudflare.failWhen(() => true, { kind: 'slow', ms: 2000 / HASTE }),
    met: ({ ingress }) => ingress.seen('challenge-removed'),
  },
  refused('is not known any more', 403, 9109, 'Invalid access token'),
  {
    title: 'the token may not write any more when the challenge is to be removed; it may again later',
    asked: true,
    begin: ({ cloudflare }) => {
      let written = 0;
      const forbidden = { status: 403, code: 10_000, message: 'Authentication error' };
      cloudflare.failWhen(
        ({ kind }) => {
          written += kind === 'write' ? 1 : 0;
          return kind === 'write' && written > 1;
        },
        { kind: 'refusal', ...forbidden },
      );
    },
    met: failed,
  },
];

test('the provider is down or slow, or refuses', async (t) => {
  const world = await worldFor(t);
  await surviveEach(t, world, [...trials, ...[...reads, ...writes].map(downFrom)]);
});

const endless: readonly (readonly [how: string, fault: Fault])[] = [
  ['not done, and never answered', { kind: 'hang' }],
  ['done, and never answered', { kind: 'hang', executed: true }],
  ['done, and half of an answer', { kind: 'stall', executed: true }],
];

test('an answer of the provider never comes', { concurrency: 6 }, async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  const tried = [...reads, ...writes].flatMap((ask) =>
    endless.map(([how, fault], index) => {
      const token = world.cloudflare.addToken();
      const trial = { ...answered(ask, { how, fault, token }), hasty: true };
      const host = `${ask.what.replaceAll(' ', '-')}-${index}`;
      return row.tryOne(trial.title, () => survive(world, host, trial));
    }),
  );
  await Promise.all(tried);
  row.print();
});
