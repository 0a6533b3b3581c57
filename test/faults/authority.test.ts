import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import type { AcmeFault } from '../world/ca/acme-fault.ts';
import { type Kind, kinds, requestNames } from './asked.ts';
import { surviveEach, type Trial } from './survive.ts';

/** One request of a kind gets this faulty response. */
function once(kind: Kind, how: string, fault: AcmeFault, orders = 1): Trial {
  let met = 0;
  return {
    title: `${requestNames[kind]}: ${how}`,
    orders,
    begin({ acmeFront }) {
      const isMet = (request: { readonly kind: string }) => {
        if (request.kind !== kind) return false;
        met += 1;
        return met === 1;
      };
      acmeFront.failWhen(isMet, fault);
    },
    triggered: () => eventually(`${kind} is requested`, () => (met > 0 ? true : undefined)),
  };
}

/** Two orders if the response to a new order is lost, because only the CA knows that order. */
const ordersNeeded = (kind: Kind) => (kind === 'POST /order-plz' ? 2 : 1);

test('one response of the CA is lost or wrong', async (t) => {
  const world = await worldFor(t);
  await surviveEach(
    t,
    world,
    kinds.flatMap((kind) => [
      once(kind, 'executed, connection reset', { kind: 'reset', executed: true }, ordersNeeded(kind)),
      once(kind, 'executed, status 500', { kind: 'status', status: 500, executed: true }, ordersNeeded(kind)),
      once(
        kind,
        'a response that is not JSON',
        { kind: 'rewrite', body: () => '<html>' },
        ordersNeeded(kind),
      ),
    ]),
  );
});
