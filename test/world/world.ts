import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CloudflareOptions, type CloudflareSimulator, createCloudflare } from './apis/cloudflare.ts';
import type { AcmeFront } from './ca/acme-front.ts';
import { type Authorities, type Authority, startAuthorities } from './ca/authorities.ts';
import type { Pebble, PebbleBehaviour } from './ca/pebble.ts';
import { type NameServers, type ServerName, startNameServers } from './dns/name-servers.ts';
import { type Resolver, startResolver } from './dns/resolver.ts';
import { delegationsOf } from './dns/zones.ts';
import { type App, type AppOptions, startApp } from './dstack/app.ts';
import { type Gateway, startGateway } from './dstack/gateway.ts';
import { type GuestAgent, type GuestAgentOptions, startGuestAgent } from './dstack/guest-agent.ts';
import { freePort } from './free-port.ts';
import { type HttpsAnswer, type HttpsOptions, requestHttps } from './https-client.ts';
import { claimLoopback } from './loopback.ts';
import { atProcessEnd } from './process-end.ts';
import { startTogether } from './start-together.ts';

export interface WorldOptions {
  /** The zones on the name servers; the first is `World.zone`. Default: `example.test`. */
  readonly zones?: readonly [string, ...string[]];
  /** Milliseconds from a publication until each name server serves it. Default: 0. */
  readonly lags?: Partial<Record<ServerName, number>>;
  readonly pebble?: PebbleBehaviour;
  /** The behaviour of a second CA. Default: there is none. */
  readonly secondCa?: PebbleBehaviour;
  readonly app?: AppOptions;
  /**
   * The Cloudflare account that holds every zone of the world and publishes to its name servers.
   */
  readonly cloudflare?: Pick<CloudflareOptions, 'token' | 'publishDelayMs'>;
  readonly guestAgent?: Omit<GuestAgentOptions, 'directory'>;
  /** Seconds for which the gateway caches a missing record. Default: 0; the real gateway: 10. */
  readonly gatewayNegativeTtlS?: number;
}

/**
 * Everything around the ingress, as real programs where possible, on loopback addresses of this
 * world alone.
 */
export interface World extends AsyncDisposable {
  /** A directory for the test's own files; removed at the end. */
  readonly directory: string;
  /** The first zone. */
  readonly zone: string;
  /** The resolver in the form of DNS_RESOLVERS, `address:53`: the address for the ingress. */
  readonly dnsResolvers: string;
  readonly resolver: Resolver;
  readonly nameServers: NameServers;
  /**
   * The API that writes the zones. Its next write replaces what was published directly on
   * `nameServers`.
   */
  readonly cloudflare: CloudflareSimulator;
  readonly pebble: Pebble;
  /**
   * A front before Pebble, for faults between Pebble and the ingress. Only clients that use its
   * `directoryUrl` go through it.
   */
  readonly acmeFront: AcmeFront;
  /** The second CA, and its front. Throws if the world was created without `secondCa`. */
  readonly secondCa: Pebble;
  readonly secondAcmeFront: AcmeFront;
  /** A PEM file with the trust anchors of all CAs' APIs, for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
  readonly guestAgent: GuestAgent;
  /** Has the guest agent's CVM at 127.0.0.1; its `instances` can be replaced. */
  readonly gateway: Gateway;
  /** The value of GATEWAY_DOMAIN: `_.` and the gateway's domain. */
  readonly gatewayDomain: string;
  readonly app: App;
  /** The running processes that the world started. */
  readonly pids: readonly number[];
  /** A TCP port of 127.0.0.1 that nothing listens on. */
  freePort(): Promise<number>;
  /**
   * HTTPS from a client through gateway and ingress, verified against every root that the CAs have
   * had.
   */
  request(hostname: string, path: string, options?: HttpsOptions): Promise<HttpsAnswer>;
}

const GATEWAY_DOMAIN = 'cluster.test';
/** A compose file with non-ASCII letters, which the guest agent has to return unchanged. */
const COMPOSE = 'services:\n  app: # größer, für 日本語, 😀\n    image: app\n';

/** Starts a world. Rejects if a part does not start, after ending the others. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.adopt(mkdtempSync(join(tmpdir(), 'dstack-ingress-world-')), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  stack.defer(atProcessEnd(() => rmSync(directory, { recursive: true, force: true })));
  const { authorities, ...parts } = await startParts(directory, options, stack);
  const { resolver, nameServers, guestAgent, gateway } = parts;
  const { appId, instanceId } = guestAgent;
  gateway.instances = [{ appId, instanceId, address: '127.0.0.1' }];
  for (const server of ['ns1', 'ns2'] as const) nameServers.setLag(server, options.lags?.[server] ?? 0);
  const [first, second] = [authorityIn(authorities, 0), () => authorityIn(authorities, 1)];
  const pebbles = authorities.all.map(({ pebble }) => pebble);
  const all = stack.move();
  return {
    ...parts,
    directory,
    zone: zonesOf(options)[0],
    dnsResolvers: `${resolver.forIngress.address}:53`,
    gatewayDomain: `_.${GATEWAY_DOMAIN}`,
    ...{ pebble: first.pebble, acmeFront: first.front, apiCaFile: authorities.apiCaFile },
    get secondCa() {
      return second().pebble;
    },
    get secondAcmeFront() {
      return second().front;
    },
    get pids() {
      return [resolver, nameServers, ...pebbles].flatMap((part) => part.pids);
    },
    freePort,
    request: (hostname, path, httpsOptions) => {
      const roots = pebbles.flatMap((pebble) => pebble.roots);
      return requestHttps(resolver.address, roots, hostname, path, httpsOptions);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function authorityIn({ all }: Authorities, at: number): Authority {
  const authority = all[at];
  if (!authority) throw new Error('this world has no second CA: create it with `secondCa`');
  return authority;
}

interface Parts
  extends Pick<World, 'resolver' | 'nameServers' | 'cloudflare' | 'guestAgent' | 'gateway' | 'app'> {
  readonly authorities: Authorities;
}

/** All addresses are known in advance, so everything starts concurrently. */
async function startParts(
  directory: string,
  options: WorldOptions,
  stack: AsyncDisposableStack,
): Promise<Parts> {
  const loopback = stack.use(await claimLoopback());
  const [ns1, ns2, resolverAddress] = [loopback.next(), loopback.next(), loopback.next()];
  const [gatewayAddress, ingressAddress, caAddress] = [loopback.next(), loopback.next(), loopback.next()];
  const authority = (name: string, behaviour: PebbleBehaviour = {}) => {
    return { name, behaviour, address: loopback.next(), frontAddress: loopback.next() };
  };
  const zones = zonesOf(options);
  const [resolver, nameServers, authorities, guestAgent, gateway, app] = await startTogether([
    startResolver({
      ...{ directory, address: resolverAddress, ingressAddress, caAddress },
      delegations: delegationsOf({ ns1, ns2, zones }),
      ...{ gatewayDomain: GATEWAY_DOMAIN, gatewayAddress },
    }),
    startNameServers({ directory, ns1, ns2, resolver: resolverAddress, zones }),
    startAuthorities(directory, `${caAddress}:53`, [
      authority('ca', options.pebble),
      ...(options.secondCa ? [authority('second-ca', options.secondCa)] : []),
    ]),
    startGuestAgent({ directory, compose: COMPOSE, ...options.guestAgent }),
    startGateway({
      ...{ address: gatewayAddress, resolver: resolverAddress, domain: GATEWAY_DOMAIN },
      negativeTtlS: options.gatewayNegativeTtlS ?? 0,
    }),
    startApp(options.app),
  ]);
  const parts = { resolver, nameServers, authorities, guestAgent, gateway, app };
  for (const part of Object.values(parts)) stack.use(part);
  const account = { ...options.cloudflare, zones, address: loopback.next(), publisher: nameServers };
  return { ...parts, cloudflare: stack.use(await createCloudflare(account)) };
}

function zonesOf(options: WorldOptions): readonly [string, ...string[]] {
  return options.zones ?? ['example.test'];
}
