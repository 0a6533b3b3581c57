import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { minutesLater } from './later.ts';
import { type Chosen, faultyAnswers, isChallenge, lies, misbehave, silences } from './lies.ts';
import { HASTE } from './start.ts';
import { surviveEach, type Trial } from './survive.ts';

const own: Chosen = ({ resolver }) => [resolver.forIngress];
const theirs: Chosen = ({ resolver }) => [resolver.forCa];

const late: readonly Trial[] = [
  {
    title: 'the ingress’s resolver: each answer a second late, and truncated over UDP',
    hasty: true,
    begin: (world) => misbehave(own(world), { slowMs: 1000 / HASTE, truncateUdp: true }),
    triggered: ({ ingress }) => ingress.seen('challenge-seen'),
  },
  {
    title: 'the CA’s resolver: each answer a second late, and truncated over UDP',
    hasty: true,
    begin: (world) => misbehave(theirs(world), { slowMs: 1000 / HASTE, truncateUdp: true }),
    triggered: ({ ingress }) => ingress.seen('certificate-issued'),
  },
];

test('resolvers are slow, or give wrong answers or none', async (t) => {
  const ours = [...lies, ...silences].filter(([, { kind }]) => kind !== 'lie');
  const trials = [
    ...late,
    ...ours.map(([how, fault]) => faultyAnswers('the ingress’s resolver', own, how, fault)),
    // The CA refuses the order because of the wrong answer, so another order is needed.
    ...lies.map(([how, fault]) => ({
      ...minutesLater(faultyAnswers('the CA’s resolver', theirs, how, fault, isChallenge)),
      orders: 2,
    })),
  ];
  await surviveEach(t, await worldFor(t), trials);
});
