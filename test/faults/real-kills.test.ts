import assert from 'node:assert/strict';
import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { startIngress } from '../world/ingress.ts';
import { surviveKill } from './kill.ts';
import { createRow } from './row.ts';
import { type StepFault, startFor, stepsOf } from './steps.ts';

/** One kill of each kind, with a real process and a real SIGKILL. */
const chosen: readonly StepFault[] = [
  { act: 'kill-torn', step: 'write dstack-ingress/ledger/127.*.*.8:14000_dir/*.jsonl #1' },
  {
    act: 'kill-after',
    step: 'rename dstack-ingress/orders/127.*.*.8:14000_dir/recorded.example.test.json #1',
  },
  { act: 'kill-after', step: 'POST /client/v4/zones/*/dns_records/batch #1' },
  { act: 'kill-after', step: 'POST /finalize-order/* #1' },
  { act: 'kill-after', step: 'rename live/recorded.example.test/cert.pem #1' },
  { act: 'kill-after', step: 'POST /client/v4/zones/*/dns_records/batch #2' },
];

test('SIGKILL of a real process, which has the same steps', { concurrency: 3 }, async (t) => {
  const world = await worldFor(t);
  const steps = await stepsOf(world, startFor, startIngress);
  const other = await worldFor(t);
  assert.deepEqual(steps.toSorted(), (await stepsOf(other, startFor)).toSorted());
  const row = createRow(t);
  const tried = chosen.map((kill, index) =>
    row.tryOne(`${kill.act} ${kill.step}`, async () =>
      surviveKill(await startFor(world, `sigkill${index}`), { world, steps, kill, run: startIngress }),
    ),
  );
  await Promise.all(tried);
  row.print();
});
