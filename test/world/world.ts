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
  /** The zones on the name servers; the first is `World.zone`. Default `example.test`. */
  readonly zones?: readonly [string, ...string[]];
  /** Milliseconds until each name server answers what is published. Default 0. */
  readonly lags?: Partial<Record<ServerName, number>>;
  readonly pebble?: PebbleBehaviour;
  /** There is another certificate authority, which behaves so. Default: there is none. */
  readonly secondCa?: PebbleBehaviour;
  readonly app?: AppOptions;
  /** Cloudflare's account, which holds every zone of the world and publishes to its name servers. */
  readonly cloudflare?: Pick<CloudflareOptions, 'token' | 'publishDelayMs'>;
  readonly guestAgent?: Omit<GuestAgentOptions, 'directory'>;
  /** Seconds that the gateway remembers a missing record. Default 0; in reality 10. */
  readonly gatewayNegativeTtlS?: number;
}

/** Everything around the ingress, for real, on loopback addresses that this world alone has. */
export interface World extends AsyncDisposable {
  /** A directory for whatever a test keeps; removed at the end. */
  readonly directory: string;
  /** The first of the zones. */
  readonly zone: string;
  /** The resolver as DNS_RESOLVERS wants it, `address:53`: its entrance for the ingress. */
  readonly dnsResolvers: string;
  readonly resolver: Resolver;
  readonly nameServers: NameServers;
  /** Whose API writes the zones. What is published directly on `nameServers` its next write replaces. */
  readonly cloudflare: CloudflareSimulator;
  readonly pebble: Pebble;
  /** A front before Pebble, for what goes wrong between it and the ingress. Only who uses its `directoryUrl` goes through it. */
  readonly acmeFront: AcmeFront;
  /** Another certificate authority, and its front. Throws in a world that was not made with `secondCa`. */
  readonly secondCa: Pebble;
  readonly secondAcmeFront: AcmeFront;
  /** A PEM file with what the APIs of all certificate authorities are verified against: for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
  readonly guestAgent: GuestAgent;
  /** Knows the guest agent's CVM at 127.0.0.1; its `instances` can be replaced. */
  readonly gateway: Gateway;
  /** What GATEWAY_DOMAIN is set to: `_.` and the gateway's domain. */
  readonly gatewayDomain: string;
  readonly app: App;
  /** The processes it has started that are running now. */
  readonly pids: readonly number[];
  /** A TCP port of 127.0.0.1 that nobody listens on. */
  freePort(): Promise<number>;
  /** HTTPS from a user through gateway and ingress, verified against every root that the certificate authorities have had. */
  request(hostname: string, path: string, options?: HttpsOptions): Promise<HttpsAnswer>;
}

const GATEWAY_DOMAIN = 'cluster.test';
/** As an author may write it: the guest agent repeats every letter. */
const COMPOSE = 'services:\n  app: # größer, für 日本語, 😀\n    image: app\n';

/** Starts a world. Rejects when a part does not start; then the others are ended. */
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
  if (!authority) throw new Error('this world has no second certificate authority: make it with `secondCa`');
  return authority;
}

interface Parts
  extends Pick<World, 'resolver' | 'nameServers' | 'cloudflare' | 'guestAgent' | 'gateway' | 'app'> {
  readonly authorities: Authorities;
}

/** Addresses are known before anything runs, so everything starts at the same time. */
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
