import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import packet from 'dns-packet';
import { type Bind, startBind, updateZone } from './bind.ts';
import type { PrimaryZone } from './bind-config.ts';
import { type Endpoint, exchangeTcp, exchangeUdp } from './dns-client.ts';
import { DnsFaults, type SeenQuestion, seenQuestion } from './dns-faults.ts';
import { type DnsListener, listenDns } from './dns-listener.ts';

export interface Delegation {
  readonly zone: string;
  readonly servers: PrimaryZone['servers'];
}

export interface ResolverOptions {
  readonly directory: string;
  readonly address: string;
  /**
   * Additional addresses, for clients whose queries have to fail independently. Default: `address`.
   */
  readonly ingressAddress?: string;
  readonly caAddress?: string;
  /** The zones with a public delegation; none is inside another. */
  readonly delegations: readonly Delegation[];
  /** The gateway's domain; every name directly below it resolves to the gateway's address. */
  readonly gatewayDomain: string;
  readonly gatewayAddress: string;
}

/** One address of the resolver, with faults of its own. */
export interface Entrance {
  readonly address: string;
  readonly faults: DnsFaults;
  /** Every query since the start, oldest first. */
  readonly questions: readonly SeenQuestion[];
}

/**
 * The world's recursive resolver; it is also the world's root, top-level domains and gateway zone.
 * It queries name servers from its own `address`, so that they can tell it from other clients.
 */
export interface Resolver extends Entrance, AsyncDisposable {
  /** For the ingress only. */
  readonly forIngress: Entrance;
  /** For the CAs only. */
  readonly forCa: Entrance;
  readonly pids: readonly number[];
  /** Changes the address of all names below the gateway's domain. */
  moveGateway(address: string): Promise<void>;
  /** Closes its port at every address, which then refuses. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Drops all cached answers by restarting BIND. */
  flush(): Promise<void>;
  /** Resolves once every answer given so far has expired; queries and restarts nothing. */
  forgets(): Promise<void>;
}

const CACHE_SECONDS = 1;
/** BIND counts TTLs in whole seconds. */
const MARGIN_MS = 500;

/**
 * Starts a BIND that follows the delegations to the world's name servers and caches answers for at
 * most 1 s, and negative answers not at all. Nothing outside the world can be resolved: its own
 * root zone has only the world's top-level domains.
 */
export async function startResolver(options: ResolverOptions): Promise<Resolver> {
  const { address, gatewayDomain, ingressAddress, caAddress } = options;
  await using stack = new AsyncDisposableStack();
  let bind = await startRecursive(options);
  stack.defer(() => bind[Symbol.asyncDispose]());
  const open = async (at: string) => stack.use(await openEntrance(at, () => bind.endpoint));
  const forAll = await open(address);
  const forIngress = ingressAddress === undefined ? forAll : await open(ingressAddress);
  const forCa = caAddress === undefined ? forAll : await open(caAddress);
  const entrances = new Set([forAll, forIngress, forCa]);
  let gatewayAddress = options.gatewayAddress;
  const all = stack.move();
  return {
    ...{ address, faults: forAll.faults, questions: forAll.questions, forIngress, forCa },
    get pids() {
      return [bind.pid];
    },
    async moveGateway(target) {
      const name = `*.${gatewayDomain}.`;
      await updateZone(bind.endpoint, gatewayDomain, [`delete ${name} A`, `add ${name} 1 IN A ${target}`]);
      gatewayAddress = target;
    },
    async stop() {
      for (const entrance of entrances) await entrance.close();
    },
    async start() {
      for (const entrance of entrances) await entrance.open();
    },
    async flush() {
      await bind[Symbol.asyncDispose]();
      bind = await startRecursive({ ...options, gatewayAddress });
    },
    forgets: () => sleep(CACHE_SECONDS * 1000 + MARGIN_MS),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Forwards every query to BIND byte for byte, unless a fault applies. */
async function openEntrance(address: string, behind: () => Endpoint): Promise<Entrance & DnsListener> {
  const faults = new DnsFaults({ recursive: true });
  const questions: SeenQuestion[] = [];
  const listener = await listenDns(address, async (message, transport, client) => {
    const query = packet.decode(message);
    const question = seenQuestion(query, transport, client);
    if (!question) return undefined;
    questions.push(question);
    const forced = await faults.reply(query, question);
    if (forced !== undefined) return forced === 'silence' ? undefined : forced;
    return transport === 'udp' ? exchangeUdp(behind(), message) : exchangeTcp(behind(), message);
  });
  return { ...listener, address, faults, questions };
}

function startRecursive(options: ResolverOptions): Promise<Bind> {
  return startBind({
    directory: join(options.directory, 'resolver'),
    zones: zonesOf(options),
    options: [
      `query-source address ${options.address}`,
      'recursion yes',
      'allow-recursion { any; }',
      `max-cache-ttl ${CACHE_SECONDS}`,
      // In production, the ingress and a CA have separate resolvers: a negative answer to one is
      // not cached for the other.
      'max-ncache-ttl 0',
      'servfail-ttl 0',
      'lame-ttl 0',
      'qname-minimization off',
    ],
  });
}

function zonesOf({ address, delegations, gatewayDomain, gatewayAddress }: ResolverOptions): PrimaryZone[] {
  const servers = [{ label: 'ns', address }];
  const gatewayZone: PrimaryZone = { name: gatewayDomain, servers, lines: [`* IN A ${gatewayAddress}`] };
  const all = [...delegations, { zone: gatewayDomain, servers }];
  const topLevel = Map.groupBy(all, ({ zone }) => zone.split('.').at(-1) ?? '');
  const domains = Array.from(topLevel, ([name, below]): PrimaryZone => {
    return { name, servers, lines: below.flatMap(delegationLines) };
  });
  const root: PrimaryZone = {
    name: '',
    servers,
    lines: domains.flatMap((domain) => delegationLines({ zone: domain.name, servers })),
  };
  return [root, ...domains, gatewayZone];
}

function delegationLines({ zone, servers }: Delegation): string[] {
  return servers.flatMap(({ label, address }) => [
    `${zone}. IN NS ${label}.${zone}.`,
    `${label}.${zone}. IN A ${address}`,
  ]);
}
