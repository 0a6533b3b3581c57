import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import type { AcmeFault } from '../world/ca/acme-fault.ts';
import { asked, type Kind, kinds } from './asked.ts';
import { surviveEach, type Trial } from './survive.ts';

/** One request of a kind is answered so. */
function once(kind: Kind, how: string, fault: AcmeFault, orders = 1): Trial {
  let met = 0;
  return {
    title: `${asked[kind]}: ${how}`,
    orders,
    begin({ acmeFront }) {
      const isMet = (request: { readonly kind: string }) => {
        if (request.kind !== kind) return false;
        met += 1;
        return met === 1;
      };
      acmeFront.failWhen(isMet, fault);
    },
    met: () => eventually(`${kind} is asked`, () => (met > 0 ? true : undefined)),
  };
}

/** Nobody but the CA knows of an order whose answer is lost. */
const lost = (kind: Kind) => (kind === 'POST /order-plz' ? 2 : 1);

test('one answer of the CA is lost or wrong', async (t) => {
  const world = await worldFor(t);
  await surviveEach(
    t,
    world,
    kinds.flatMap((kind) => [
      once(kind, 'done, and the connection reset', { kind: 'reset', executed: true }, lost(kind)),
      once(kind, 'done, and answered with 500', { kind: 'status', status: 500, executed: true }, lost(kind)),
      once(kind, 'an answer that is no JSON', { kind: 'rewrite', body: () => '<html>' }, lost(kind)),
    ]),
  );
});
