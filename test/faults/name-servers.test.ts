import { test } from 'node:test';
import { eventually, worldFor } from '../e2e/support.ts';
import type { DnsFault, DnsFaults, SeenQuestion } from '../world/dns-faults.ts';
import type { World } from '../world/world.ts';
import { minutesLater } from './later.ts';
import { type Scene, surviveEach, type Trial } from './survive.ts';

const lies: readonly (readonly [how: string, fault: DnsFault])[] = [
  ['SERVFAIL', { kind: 'servfail' }],
  ['REFUSED', { kind: 'refused' }],
  ['NXDOMAIN', { kind: 'nxdomain' }],
  ['no such record', { kind: 'empty' }],
  ['other values', { kind: 'lie', data: ['of somebody else', 'of nobody'] }],
];
const silences: readonly (readonly [how: string, fault: DnsFault])[] = [
  ['no answer', { kind: 'silent' }],
  ['answers that come too late', { kind: 'slow', ms: 6000 }],
];

type Chosen = (world: World) => readonly { readonly faults: DnsFaults }[];

const one: Chosen = ({ nameServers: { ns2 } }) => [ns2];
const both: Chosen = ({ nameServers: { ns1, ns2 } }) => [ns1, ns2];
const own: Chosen = ({ resolver }) => [resolver.forIngress];
const theirs: Chosen = ({ resolver }) => [resolver.forCa];

const isChallenge = ({ name }: SeenQuestion) => name.startsWith('_acme-challenge.');

/** Some answer so, from the start on, until the ingress has said what it waits for or that it failed. */
function lying(
  who: string,
  chosen: Chosen,
  how: string,
  fault: DnsFault,
  asked = (_: SeenQuestion) => true,
): Trial {
  let told = 0;
  const isLiedTo = (question: SeenQuestion) => {
    const isIt = asked(question) && (fault.kind !== 'lie' || question.type === 'TXT');
    told += isIt ? 1 : 0;
    return isIt;
  };
  return {
    title: `${who}: ${how}`,
    begin(world) {
      for (const { faults } of chosen(world)) faults.when(isLiedTo, fault);
    },
    async met(scene) {
      await hindered(scene);
      await eventually('somebody was lied to', () => told > 0 || undefined);
    },
  };
}

/** In a round without faults nothing is waited for, and nothing fails. */
function hindered({ ingress }: Scene): Promise<unknown> {
  const events = ['waiting', 'pass-failed'];
  return Promise.race(events.map((event) => ingress.seen(event, { timeoutMs: 60_000 })));
}

function misbehave(
  chosen: ReturnType<Chosen>,
  how: Partial<Pick<DnsFaults, 'slowMs' | 'truncateUdp'>>,
): void {
  for (const { faults } of chosen) Object.assign(faults, how);
}

const seen = ({ ingress }: Scene) => ingress.seen('challenge-seen', { timeoutMs: 60_000 });

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
    title: 'one name server: down for longer than is waited, so that the round fails',
    environment: { DNS_PROPAGATION_TIMEOUT: '2' },
    begin: ({ nameServers }) => nameServers.stop('ns2'),
    met: ({ ingress }) => ingress.seen('pass-failed', { timeoutMs: 30_000 }),
    end: ({ world }) => world.nameServers.start('ns2'),
  },
  {
    title: 'both name servers: each answer over a second late',
    begin: (world) => misbehave(both(world), { slowMs: 1200 }),
    met: seen,
  },
  {
    title: 'both name servers: everything truncated over UDP',
    begin: (world) => misbehave(both(world), { truncateUdp: true }),
    met: seen,
  },
  {
    title: 'the resolver of the ingress: each answer a second late, and truncated over UDP',
    begin: (world) => misbehave(own(world), { slowMs: 1000, truncateUdp: true }),
    met: seen,
  },
  {
    title: 'the resolver of the CA: each answer a second late, and truncated over UDP',
    begin: (world) => misbehave(theirs(world), { slowMs: 1000, truncateUdp: true }),
    met: ({ ingress }) => ingress.seen('certificate-issued', { timeoutMs: 60_000 }),
  },
];

test('name servers are down, slow or behind', { timeout: 290_000 }, async (t) => {
  await surviveEach(t, await worldFor(t), gone);
});

test('name servers lie or say nothing', { timeout: 290_000 }, async (t) => {
  const faults = [...lies, ...silences];
  const trials = faults.flatMap(([how, fault]) => [
    lying('one name server', one, how, fault),
    lying('both name servers', both, how, fault),
    lying('both name servers, of the challenge alone', both, how, fault, isChallenge),
  ]);
  await surviveEach(t, await worldFor(t), trials);
});

test('resolvers lie or say nothing', { timeout: 290_000 }, async (t) => {
  const ours = [...lies, ...silences].filter(([, { kind }]) => kind !== 'lie');
  const trials = [
    ...ours.map(([how, fault]) => lying('the resolver of the ingress', own, how, fault)),
    // What the CA has been told it has refused, and another order is forced.
    ...lies.map(([how, fault]) => ({
      ...minutesLater(lying('the resolver of the CA', theirs, how, fault, isChallenge)),
      orders: 2,
    })),
  ];
  await surviveEach(t, await worldFor(t), trials);
});
