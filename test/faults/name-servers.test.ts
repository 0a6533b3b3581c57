import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { type Chosen, delayed, faultyAnswers, isChallenge, lies, misbehave, silences } from './lies.ts';
import { HASTE } from './start.ts';
import { type Scene, surviveEach, type Trial } from './survive.ts';

const one: Chosen = ({ nameServers: { ns2 } }) => [ns2];
const both: Chosen = ({ nameServers: { ns1, ns2 } }) => [ns1, ns2];
const seen = ({ ingress }: Scene) => ingress.seen('challenge-seen');

const outages: readonly Trial[] = [
  {
    title: 'one name server: down',
    begin: ({ nameServers }) => nameServers.stop('ns2'),
    triggered: delayed,
    end: ({ world }) => world.nameServers.start('ns2'),
  },
  {
    title: 'both name servers: down',
    begin: async ({ nameServers }) =>
      void (await Promise.all([nameServers.stop('ns1'), nameServers.stop('ns2')])),
    triggered: delayed,
    end: async ({ world: { nameServers } }) =>
      void (await Promise.all([nameServers.start('ns1'), nameServers.start('ns2')])),
  },
  {
    title: 'one name server: behind the other',
    begin: ({ nameServers }) => nameServers.setLag('ns2', Number.POSITIVE_INFINITY),
    triggered: delayed,
    end: ({ world }) => world.nameServers.setLag('ns2', 0),
  },
  {
    title: 'one name server: down beyond the timeout, so the run goes on without it',
    environment: { DNS_PROPAGATION_TIMEOUT: '2' },
    begin: ({ nameServers }) => nameServers.stop('ns2'),
    triggered: ({ ingress }) => ingress.seen('pass-finished'),
    end: ({ world }) => world.nameServers.start('ns2'),
  },
  {
    title: 'one name server: behind the other beyond the timeout, so the run fails',
    environment: { DNS_PROPAGATION_TIMEOUT: '2' },
    begin: ({ nameServers }) => nameServers.setLag('ns2', Number.POSITIVE_INFINITY),
    triggered: ({ ingress }) => ingress.seen('pass-failed'),
    end: ({ world }) => world.nameServers.setLag('ns2', 0),
  },
  {
    title: 'both name servers: each answer half a second late',
    hasty: true,
    begin: (world) => misbehave(both(world), { slowMs: 500 / HASTE }),
    triggered: seen,
  },
  {
    title: 'both name servers: every UDP response truncated',
    begin: (world) => misbehave(both(world), { truncateUdp: true }),
    triggered: seen,
  },
];

test('name servers are down, slow or behind', async (t) => {
  await surviveEach(t, await worldFor(t), outages);
});

test('name servers give wrong answers or none', async (t) => {
  const faults = [...lies, ...silences];
  const trials = faults.flatMap(([how, fault]) => [
    faultyAnswers('one name server', one, how, fault),
    faultyAnswers('both name servers', both, how, fault),
    faultyAnswers('both name servers, for the challenge only', both, how, fault, isChallenge),
  ]);
  await surviveEach(t, await worldFor(t), trials);
});
