import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, DOMAIN, reconcileOne, setStage } from '../../test/harness/stage.ts';
import { IngressError } from '../errors.ts';

const MINUTE_MS = 60_000;

test('a volume that takes nothing is said when it begins, when the reason changes, every hour, and not with every retry', async (t) => {
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
  const told = () =>
    stage.emitted.flatMap((event) => (event.type === 'volume-not-writable' ? [event.certificate] : []));
  // The ledger, which is there for all certificates, and the place of this one.
  const both = [undefined, [DOMAIN]];
  const pass = async (minutes: number) => {
    stage.clock.set(new Date(stage.clock.now().getTime() + minutes * MINUTE_MS));
    await reconcileOne(stage);
  };
  await pass(0);
  assert.deepEqual(told(), both);
  for (let retry = 0; retry < 3; retry += 1) await pass(10);
  assert.deepEqual(told(), both);
  await pass(30);
  assert.deepEqual(told(), [...both, ...both]);
  reason = 'EACCES';
  await pass(1);
  assert.equal(told().length, 6);
  reason = undefined;
  await pass(1);
  reason = 'EACCES';
  await pass(1);
  assert.equal(told().length, 8);
  await pass(-60);
  assert.equal(told().length, 10);
});
