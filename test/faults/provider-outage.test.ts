import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import type { Fault } from '../world/apis/cloudflare.ts';
import { downFrom, faultyCall, reads, writes } from './provider-steps.ts';
import { createRow } from './row.ts';
import { HASTE } from './start.ts';
import { survive, surviveEach, type Trial } from './survive.ts';

const failed: Trial['triggered'] = ({ ingress }) => ingress.seen('pass-failed');

/** Every call is refused, as for a token that lost its permission. */
function refused(how: string, status: number, code: number, message: string): Trial {
  return {
    title: `the token ${how}, until a run has failed`,
    needsSighup: true,
    begin: ({ cloudflare }) =>
      cloudflare.failWhen(() => true, { ...{ kind: 'refusal', status, code }, message }),
    triggered: failed,
  };
}

const trials: readonly Trial[] = [
  {
    title: 'down before the start; the ingress recovers by itself',
    begin: ({ cloudflare }) => cloudflare.stop(),
    triggered: failed,
    end: ({ world: { cloudflare } }) => cloudflare.start(),
  },
  {
    title: 'every call rate-limited with Retry-After, until a run has failed',
    needsSighup: true,
    begin: ({ cloudflare }) => cloudflare.failWhen(() => true, { kind: 'rate-limit', retryAfter: '2' }),
    triggered: failed,
  },
  {
    title: 'each response two seconds late',
    hasty: true,
    begin: ({ cloudflare }) => cloudflare.failWhen(() => true, { kind: 'slow', ms: 2000 / HASTE }),
    triggered: ({ ingress }) => ingress.seen('challenge-removed'),
  },
  refused('is no longer valid', 403, 9109, 'Invalid access token'),
  {
    title: 'the token loses its write permission before the challenge is removed, and regains it later',
    needsSighup: true,
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
    triggered: failed,
  },
];

test('the provider is down or slow, or refuses', async (t) => {
  const world = await worldFor(t);
  await surviveEach(t, world, [...trials, ...[...reads, ...writes].map(downFrom)]);
});

const endless: readonly (readonly [how: string, fault: Fault])[] = [
  ['not executed, no response', { kind: 'hang' }],
  ['executed, no response', { kind: 'hang', executed: true }],
  ['executed, half of a response', { kind: 'stall', executed: true }],
];

test('a response of the provider never arrives', { concurrency: 6 }, async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  const tried = [...reads, ...writes].flatMap((ask) =>
    endless.map(([how, fault], index) => {
      const token = world.cloudflare.addToken();
      const trial = { ...faultyCall(ask, { how, fault, token }), hasty: true };
      const host = `${ask.what.replaceAll(' ', '-')}-${index}`;
      return row.tryOne(trial.title, () => survive(world, host, trial));
    }),
  );
  await Promise.all(tried);
  row.print();
});
