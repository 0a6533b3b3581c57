import { join } from 'node:path';
import { type Bind, startBind, updateZone } from './bind.ts';
import type { PrimaryZone } from './bind-config.ts';
import { exchangeTcp, exchangeUdp } from './dns-client.ts';
import { listenDns } from './dns-listener.ts';

export interface Delegation {
  readonly zone: string;
  readonly servers: PrimaryZone['servers'];
}

export interface ResolverOptions {
  readonly directory: string;
  readonly address: string;
  /** The zones that have a public delegation, none of them inside another. */
  readonly delegations: readonly Delegation[];
  /** The gateway's domain; every name directly below it has the gateway's address. */
  readonly gatewayDomain: string;
  readonly gatewayAddress: string;
}

/** The world's recursive resolver, which is at the same time its root, its top-level domains and the gateway's zone. */
export interface Resolver extends AsyncDisposable {
  readonly address: string;
  readonly pids: readonly number[];
  /** Gives the names below the gateway's domain another address, as when a gateway moves. */
  moveGateway(address: string): Promise<void>;
  /** Closes its port, which then refuses. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Forgets all answers, by starting BIND anew. */
  flush(): Promise<void>;
}

const CACHE_SECONDS = 1;

/**
 * Starts a BIND that follows the delegations to the world's name servers and remembers answers for at most 1 s. Nothing
 * outside the world can be resolved: its own root zone knows only the world's top-level domains.
 */
export async function startResolver(options: ResolverOptions): Promise<Resolver> {
  const { address, gatewayDomain } = options;
  await using stack = new AsyncDisposableStack();
  let bind = await startRecursive(options);
  stack.defer(() => bind[Symbol.asyncDispose]());
  const listener = stack.use(
    await listenDns(address, (message, transport) =>
      transport === 'udp' ? exchangeUdp(bind.endpoint, message) : exchangeTcp(bind.endpoint, message),
    ),
  );
  let gatewayAddress = options.gatewayAddress;
  const all = stack.move();
  return {
    address,
    get pids() {
      return [bind.pid];
    },
    async moveGateway(target) {
      const name = `*.${gatewayDomain}.`;
      await updateZone(bind.endpoint, gatewayDomain, [`delete ${name} A`, `add ${name} 1 IN A ${target}`]);
      gatewayAddress = target;
    },
    stop: listener.close,
    start: listener.open,
    async flush() {
      await bind[Symbol.asyncDispose]();
      bind = await startRecursive({ ...options, gatewayAddress });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function startRecursive(options: ResolverOptions): Promise<Bind> {
  return startBind({
    directory: join(options.directory, 'resolver'),
    zones: zonesOf(options),
    options: [
      'recursion yes',
      'allow-recursion { any; }',
      `max-cache-ttl ${CACHE_SECONDS}`,
      `max-ncache-ttl ${CACHE_SECONDS}`,
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
