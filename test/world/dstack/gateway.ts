import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type OpenServer, openServer } from '../open-server.ts';
import { serverNameOf } from './client-hello.ts';
import { createRoutes, type Route } from './gateway-routes.ts';
import { type ProxyVersion, proxyHeader } from './proxy-header.ts';

/** A CVM of an app, as registered at the gateway. */
export interface Instance {
  /** 40 hex digits. */
  readonly appId: string;
  /** 40 hex digits. */
  readonly instanceId: string;
  /** The host that has its published ports. */
  readonly address: string;
}

export interface GatewayOptions {
  readonly address: string;
  readonly resolver: string;
  /** Its own domain, for example `cluster.test`. */
  readonly domain: string;
  /**
   * Seconds for which a missing record is cached. Default: 0, so that tests need not wait; the real
   * gateway: 10.
   */
  readonly negativeTtlS?: number;
  /** Receives a line for every connection. */
  readonly log?: (line: string) => void;
}

/** A connection that the gateway refused. */
export interface GatewayRefusal {
  readonly sni: string | undefined;
  readonly reason: string;
}

/**
 * The dstack gateway: passes TLS connections through, according to the TXT record of their server
 * name.
 */
export interface Gateway extends AsyncDisposable {
  readonly address: string;
  readonly domain: string;
  /**
   * The known CVMs. An app id selects all CVMs of the app, an instance id one CVM. Can be replaced
   * at any time.
   */
  instances: readonly Instance[];
  /** Sends a PROXY protocol header before the client's bytes. Default: none. */
  proxyProtocol: ProxyVersion | undefined;
  /** The number of connections passed on so far. */
  readonly routed: number;
  readonly refusals: readonly GatewayRefusal[];
}

const PORT = 443;
const HELLO_BYTES = 4096;
const HELLO_MS = 5000;
const RACED_INSTANCES = 3;

/** Starts the gateway on port 443 of the address. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options);
  await gateway.listen();
  return gateway;
}

class RunningGateway implements Gateway {
  readonly address: string;
  readonly domain: string;
  instances: readonly Instance[] = [];
  proxyProtocol: ProxyVersion | undefined;
  routed = 0;
  readonly refusals: GatewayRefusal[] = [];
  readonly #routeOf: (sni: string) => Promise<Route>;
  readonly #log: (line: string) => void;
  readonly #servers = new Set<Socket>();
  #listener: OpenServer | undefined;

  constructor({ address, resolver, domain, negativeTtlS = 0, log = () => {} }: GatewayOptions) {
    this.address = address;
    this.domain = domain;
    this.#log = log;
    this.#routeOf = createRoutes({ resolver, domain, negativeTtlS });
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#listener = await openServer(server, { host: this.address, port: PORT });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
    for (const server of this.#servers) server.destroy();
  }

  async #accept(client: Socket): Promise<void> {
    let sni: string | undefined;
    try {
      const hello = await readHello(client);
      sni = hello.sni;
      const { id, port } = await this.#routeOf(sni);
      const server = await connectFirst(candidates(this.instances, id), port);
      this.#servers.add(server);
      server.on('close', () => this.#servers.delete(server));
      this.routed += 1;
      this.#log(`${sni}: passed on to port ${port} of ${id}`);
      if (this.proxyProtocol) server.write(proxyHeader(this.proxyProtocol, client));
      server.write(hello.bytes);
      join(client, server);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      this.refusals.push({ sni, reason });
      this.#log(`${sni ?? 'a client'}: refused, ${reason}`);
      client.destroy();
    }
  }
}

/**
 * Reads until the server name is known. Rejects after 4096 bytes, after 5 s, or when the client
 * disconnects.
 */
async function readHello(client: Socket): Promise<{ sni: string; bytes: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ sni: string; bytes: Buffer }>();
  let bytes = Buffer.alloc(0);
  const onData = (piece: Buffer) => {
    try {
      bytes = Buffer.concat([bytes, piece]);
      const sni = serverNameOf(bytes.subarray(0, HELLO_BYTES));
      if (sni) resolve({ sni, bytes });
      else if (sni === null) reject(new Error('the ClientHello has no server name'));
      else if (bytes.length >= HELLO_BYTES) reject(new Error(`no server name within ${HELLO_BYTES} bytes`));
    } catch (thrown) {
      reject(thrown);
    }
  };
  const onEnd = () => reject(new Error('the client disconnected before its ClientHello was complete'));
  const timer = setTimeout(() => reject(new Error(`no ClientHello within ${HELLO_MS} ms`)), HELLO_MS);
  client.on('data', onData).once('end', onEnd).once('close', onEnd);
  return promise.finally(() => {
    clearTimeout(timer);
    client.pause();
    client.off('data', onData).off('end', onEnd).off('close', onEnd);
  });
}

function candidates(instances: readonly Instance[], id: string): Instance[] {
  const meant = instances.filter(({ appId, instanceId }) => appId === id || instanceId === id);
  if (meant.length === 0) throw new Error(`no app or instance ${id} is registered here`);
  return meant.slice(-RACED_INSTANCES);
}

/** Connects to all instances concurrently and keeps the first connection that is accepted. */
async function connectFirst(instances: readonly Instance[], port: number): Promise<Socket> {
  const attempts = instances.map(async ({ address }) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return socket;
  });
  const first = await Promise.any(attempts).catch(() => {
    throw new Error(`port ${port} of ${instances.map(({ address }) => address).join(', ')} refuses`);
  });
  for (const attempt of attempts) {
    attempt.then(
      (socket) => socket !== first && socket.destroy(),
      () => undefined,
    );
  }
  return first;
}

/** Passes bytes in both directions; one side's end is passed on as an end, an error closes both. */
function join(client: Socket, server: Socket): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', (hadError) => hadError && to.destroy());
  }
}
