import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { minutesLater } from './later.ts';
import { type Chosen, isChallenge, lies, lying, misbehave, silences } from './lies.ts';
import { HASTE } from './start.ts';
import { surviveEach, type Trial } from './survive.ts';

const own: Chosen = ({ resolver }) => [resolver.forIngress];
const theirs: Chosen = ({ resolver }) => [resolver.forCa];

const late: readonly Trial[] = [
  {
    title: 'the resolver of the ingress: each answer a second late, and truncated over UDP',
    hasty: true,
    begin: (world) => misbehave(own(world), { slowMs: 1000 / HASTE, truncateUdp: true }),
    met: ({ ingress }) => ingress.seen('challenge-seen'),
  },
  {
    title: 'the resolver of the CA: each answer a second late, and truncated over UDP',
    hasty: true,
    begin: (world) => misbehave(theirs(world), { slowMs: 1000 / HASTE, truncateUdp: true }),
    met: ({ ingress }) => ingress.seen('certificate-issued'),
  },
];

test('resolvers are slow, lie or say nothing', async (t) => {
  const ours = [...lies, ...silences].filter(([, { kind }]) => kind !== 'lie');
  const trials = [
    ...late,
    ...ours.map(([how, fault]) => lying('the resolver of the ingress', own, how, fault)),
    // What the CA has been told it has refused, and another order is forced.
    ...lies.map(([how, fault]) => ({
      ...minutesLater(lying('the resolver of the CA', theirs, how, fault, isChallenge)),
      orders: 2,
    })),
  ];
  await surviveEach(t, await worldFor(t), trials);
});
