import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { survive, type Trial } from './survive.ts';

const DAY_MS = 86_400_000;

const moments = [
  'before the start',
  'order-created',
  'challenge-published',
  'challenge-seen',
  'certificate-issued',
  'pass-finished',
] as const;

const jumps = [
  ['a day ahead', DAY_MS],
  ['a day back', -DAY_MS],
] as const;

/** The clock of the ingress jumps at a moment, alone or as all clocks do, and is put right again. */
function jump(
  moment: (typeof moments)[number],
  [how, ms]: (typeof jumps)[number],
  everybody: boolean,
): Trial {
  const isFirst = moment === 'before the start';
  return {
    title: `${everybody ? 'all clocks are' : 'its clock is'} ${how} ${isFirst ? 'before the start' : `from ${moment} on`}`,
    asked: true,
    begin({ acmeFront }, clock) {
      if (isFirst) clock.jump(ms);
      if (isFirst && everybody) acmeFront.clockSkewMs = ms;
    },
    async met({ ingress, clock, world: { acmeFront } }) {
      if (!isFirst) {
        await ingress.seen(moment);
        clock.jump(ms);
        if (everybody) acmeFront.clockSkewMs = ms;
      }
      await roundAfter(ingress);
    },
    end({ clock, world: { acmeFront } }) {
      clock.jump(-ms);
      acmeFront.clockSkewMs = 0;
    },
  };
}

/** Waits for the end of a round that was asked for just now. */
async function roundAfter(ingress: Parameters<Trial['met']>[0]['ingress']): Promise<void> {
  const ends = () => ingress.log.filter(({ event }) => /^pass-f/.test(event ?? '')).length;
  const before = ends();
  ingress.signal('SIGHUP');
  await Promise.race(
    ['pass-finished', 'pass-failed'].map((event) =>
      ingress.seen(event, { timeoutMs: 60_000, fits: () => ends() > before }),
    ),
  );
}

test('the clock of the ingress jumps, and is put right again', { timeout: 290_000 }, async (t) => {
  const world = await worldFor(t);
  let index = 0;
  for (const everybody of [false, true])
    for (const moment of moments)
      for (const how of jumps) {
        const trial = jump(moment, how, everybody);
        index += 1;
        await t.test(trial.title, () => survive(world, `clock${index}`, trial));
      }
});
