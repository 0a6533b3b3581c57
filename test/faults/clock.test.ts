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

const events = [
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

/** The ingress's clock, or every clock, jumps at an event and is corrected later. */
function jump(at: (typeof events)[number], [how, ms]: (typeof jumps)[number], allClocks: boolean): Trial {
  const isFirst = at === 'before the start';
  return {
    title: `${allClocks ? 'all clocks are' : 'the ingress’s clock is'} ${how} ${isFirst ? 'before the start' : `from ${at} on`}`,
    needsSighup: true,
    begin({ acmeFront }, clock) {
      if (isFirst) clock.jump(ms);
      if (isFirst && allClocks) acmeFront.clockSkewMs = ms;
    },
    async triggered({ ingress, clock, world: { acmeFront } }) {
      if (isFirst) return ingress.seen('pass-finished');
      await ingress.seen(at);
      clock.jump(ms);
      if (allClocks) acmeFront.clockSkewMs = ms;
      await anotherRun(ingress);
      assert.ok(ingress.log.some(isByWrongClock), 'the clock never jumped');
      return undefined;
    },
    end({ clock, world: { acmeFront } }) {
      clock.jump(-ms);
      acmeFront.clockSkewMs = 0;
    },
  };
}

/** Requests a run and waits until one has ended. */
async function anotherRun(ingress: Ingress): Promise<void> {
  const ends = () => ingress.log.filter(({ event }) => /^pass-f/.test(event ?? '')).length;
  const before = ends();
  ingress.signal('SIGHUP');
  await eventually('the end of a run', () => ends() > before || undefined, 60_000);
}

function isByWrongClock({ time }: LogLine): boolean {
  return Math.abs(Date.parse(String(time)) - Date.now()) > DAY_MS / 2;
}

test('the ingress’s clock jumps, and is corrected later', async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  let index = 0;
  for (const allClocks of [false, true])
    for (const at of events)
      for (const how of jumps) {
        const trial = jump(at, how, allClocks);
        index += 1;
        await row.tryOne(trial.title, () => survive(world, `clock${index}`, trial));
      }
  row.print();
});

/** No run is requested: after the correction a wait must not become longer. */
function aheadWhileItFails(who: string, stop: Trial['begin'], start: NonNullable<Trial['end']>): Trial {
  return {
    title: `the clock is a day ahead while ${who} is down; after both are corrected the ingress recovers by itself`,
    async begin(world, clock) {
      clock.jump(DAY_MS);
      await stop(world, clock);
    },
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
    async end(scene) {
      scene.clock.jump(-DAY_MS);
      await start(scene);
    },
  };
}

test('the clock is corrected while the ingress waits for its next attempt', async (t) => {
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

test('after SIGKILL the clock is wrong at the next start, and corrected later', async (t) => {
  const world = await worldFor(t);
  const row = createRow(t);
  for (const at of ['order-created', 'challenge-published', 'certificate-issued', 'pass-finished'])
    for (const [how, ms] of jumps)
      await row.tryOne(`killed at ${at}, then ${how}`, async () => {
        const clock = environmentWithClock(await startFor(world, `${at}${ms > 0 ? 1 : 0}`));
        const { environment } = clock;
        await killedAt(at, environment);
        clock.jump(ms);
        await whenFinished(environment, async () => undefined);
        clock.jump(-ms);
        await whenFinished(environment, async () => {
          assert.deepEqual(await aftermath(world, environment), []);
        });
      });
  row.print();
});

async function killedAt(at: string, environment: Environment): Promise<void> {
  await using ingress = start(environment);
  await ingress.seen(at);
  await ingress.end('SIGKILL');
}
