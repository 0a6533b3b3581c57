import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { type Chosen, hindered, isChallenge, lies, lying, misbehave, silences } from './lies.ts';
import { HASTE } from './start.ts';
import { type Scene, surviveEach, type Trial } from './survive.ts';

const one: Chosen = ({ nameServers: { ns2 } }) => [ns2];
const both: Chosen = ({ nameServers: { ns1, ns2 } }) => [ns1, ns2];
const seen = ({ ingress }: Scene) => ingress.seen('challenge-seen');

const gone: readonly Trial[] = [
  {
    title: 'one name server: down',
    begin: ({ nameServers }) => nameServers.stop('ns2'),
    met: hindered,
    end: ({ world }) => world.nameServers.start('ns2'),
  },
  {
    title: 'both name servers: down',
    begin: async ({ nameServers }) =>
      void (await Promise.all([nameServers.stop('ns1'), nameServers.stop('ns2')])),
    met: hindered,
    end: async ({ world: { nameServers } }) =>
      void (await Promise.all([nameServers.start('ns1'), nameServers.start('ns2')])),
  },
  {
    title: 'one name server: behind the other',
    begin: ({ nameServers }) => nameServers.setLag('ns2', Number.POSITIVE_INFINITY),
    met: hindered,
    end: ({ world }) => world.nameServers.setLag('ns2', 0),
  },
  {
    title: 'one name server: down for longer than is waited, so that the round goes on without it',
    environment: { DNS_PROPAGATION_TIMEOUT: '2' },
    begin: ({ nameServers }) => nameServers.stop('ns2'),
    met: ({ ingress }) => ingress.seen('pass-finished'),
    end: ({ world }) => world.nameServers.start('ns2'),
  },
  {
    title: 'one name server: behind the other for longer than is waited, so that the round fails',
    environment: { DNS_PROPAGATION_TIMEOUT: '2' },
    begin: ({ nameServers }) => nameServers.setLag('ns2', Number.POSITIVE_INFINITY),
    met: ({ ingress }) => ingress.seen('pass-failed'),
    end: ({ world }) => world.nameServers.setLag('ns2', 0),
  },
  {
    title: 'both name servers: each answer half a second late',
    hasty: true,
    begin: (world) => misbehave(both(world), { slowMs: 500 / HASTE }),
    met: seen,
  },
  {
    title: 'both name servers: everything truncated over UDP',
    begin: (world) => misbehave(both(world), { truncateUdp: true }),
    met: seen,
  },
];

test('name servers are down, slow or behind', async (t) => {
  await surviveEach(t, await worldFor(t), gone);
});

test('name servers lie or say nothing', async (t) => {
  const faults = [...lies, ...silences];
  const trials = faults.flatMap(([how, fault]) => [
    lying('one name server', one, how, fault),
    lying('both name servers', both, how, fault),
    lying('both name servers, of the challenge alone', both, how, fault, isChallenge),
  ]);
  await surviveEach(t, await worldFor(t), trials);
});
