import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import { environmentWithClock } from '../world/faults/clock-jump.ts';
import type { Environment, Ingress, LogLine } from '../world/ingress.ts';
import { aftermath } from './aftermath.ts';
import { createRow } from './row.ts';
import { start } from './start.ts';
import { startFor, whenFinished } from './steps.ts';
import { survive, surviveEach, type Trial } from './survive.ts';

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
      if (isFirst) return ingress.seen('pass-finished');
      await ingress.seen(moment);
      clock.jump(ms);
      if (everybody) acmeFront.clockSkewMs = ms;
      await roundAfter(ingress);
      assert.ok(ingress.log.some(isByWrongClock), 'its clock was right all the time');
      return undefined;
    },
    end({ clock, world: { acmeFront } }) {
      clock.jump(-ms);
      acmeFront.clockSkewMs = 0;
    },
  };
}

/** Asks for a round and waits for the end of one. */
async function roundAfter(ingress: Ingress): Promise<void> {
  const ends = () => ingress.log.filter(({ event }) => /^pass-f/.test(event ?? '')).length;
  const before = ends();
  ingress.signal('SIGHUP');
  await eventually('a round has ended', () => ends() > before || undefined, 60_000);
}

function isByWrongClock({ time }: LogLine): boolean {
  return Math.abs(Date.parse(String(time)) - Date.now()) > DAY_MS / 2;
}

test('the clock of the ingress jumps, and is put right again', async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  let index = 0;
  for (const everybody of [false, true])
    for (const moment of moments)
      for (const how of jumps) {
        const trial = jump(moment, how, everybody);
        index += 1;
        await row.tryOne(trial.title, () => survive(world, `clock${index}`, trial));
      }
  row.print();
});

/** Nobody asks: what it waits for may be no further away than it was. */
function aheadWhileItFails(who: string, stop: Trial['begin'], start: NonNullable<Trial['end']>): Trial {
  return {
    title: `its clock is a day ahead while ${who} is down; both are put right, and it comes back by itself`,
    async begin(world, clock) {
      clock.jump(DAY_MS);
      await stop(world, clock);
    },
    met: ({ ingress }) => ingress.seen('pass-failed'),
    async end(scene) {
      scene.clock.jump(-DAY_MS);
      await start(scene);
    },
  };
}

test('the clock is put right while the ingress waits for its next attempt', async (t) => {
  const world = await worldFor(t);
  await surviveEach(t, world, [
    aheadWhileItFails(
      'the provider',
      ({ cloudflare }) => cloudflare.stop(),
      () => world.cloudflare.start(),
    ),
    aheadWhileItFails(
      'the CA',
      ({ acmeFront }) => acmeFront.stop(),
      () => world.acmeFront.start(),
    ),
  ]);
});

test('it is killed, the clock is wrong when it starts again, and put right later', async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  for (const moment of ['order-created', 'challenge-published', 'certificate-issued', 'pass-finished'])
    for (const [how, ms] of jumps)
      await row.tryOne(`killed at ${moment}, then ${how}`, async () => {
        const clock = environmentWithClock(await startFor(world, `${moment}${ms > 0 ? 1 : 0}`));
        const { environment } = clock;
        await killedAt(moment, environment);
        clock.jump(ms);
        await whenFinished(environment, async () => undefined);
        clock.jump(-ms);
        await whenFinished(environment, async () => {
          assert.deepEqual(await aftermath(world, environment), []);
        });
      });
  row.print();
});

async function killedAt(moment: string, environment: Environment): Promise<void> {
  await using ingress = start(environment);
  await ingress.seen(moment);
  await ingress.end('SIGKILL');
}
