import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, DOMAIN, reconcileOne, setStage } from '../../test/harness/stage.ts';
import { IngressError } from '../errors.ts';

const MINUTE_MS = 60_000;

test('a volume that cannot be written is reported at once, when the reason changes and every hour, but not with every retry', async (t) => {
  const stage = await setStage(t);
  const { store, authorities } = stage.deps;
  let reason: string | undefined = 'EROFS';
  const whyUnwritable = async () =>
    reason === undefined ? undefined : new IngressError('STORE_FAILED', `nothing can be stored: ${reason}`);
  const { primary } = authorities;
  change(stage, {
    store: { ...store, whyUnwritable },
    authorities: { ...authorities, primary: { ...primary, ledger: { ...primary.ledger, whyUnwritable } } },
  });
  const reported = () =>
    stage.emitted.flatMap((event) => (event.type === 'volume-not-writable' ? [event.certificate] : []));
  // The ledger, which all certificates share, and the folders of this one.
  const both = [undefined, [DOMAIN]];
  const run = async (minutes: number) => {
    stage.clock.set(new Date(stage.clock.now().getTime() + minutes * MINUTE_MS));
    await reconcileOne(stage);
  };
  await run(0);
  assert.deepEqual(reported(), both);
  for (let retry = 0; retry < 3; retry += 1) await run(10);
  assert.deepEqual(reported(), both);
  await run(30);
  assert.deepEqual(reported(), [...both, ...both]);
  reason = 'EACCES';
  await run(1);
  assert.equal(reported().length, 6);
  reason = undefined;
  await run(1);
  reason = 'EACCES';
  await run(1);
  assert.equal(reported().length, 8);
  await run(-60);
  assert.equal(reported().length, 10);
});
