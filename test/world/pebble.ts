import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { askManagement, untilListening } from './management.ts';
import { findPebble } from './pebble-binary.ts';
import { makeSelfSigned } from './self-signed.ts';

const DAY_S = 86_400;
const START_MS = 10_000;
const PORTS = { acme: 14_000, management: 15_000 } as const;

/** How the CA behaves; every default is the well-behaved one. */
export interface PebbleBehaviour {
  /** Percentage of good nonces that are refused as bad (RFC 8555 §6.5). Default 0. */
  readonly nonceReject?: number;
  /** Percentage of authorizations that are reused while they are valid. Default 0. */
  readonly authzReuse?: number;
  /** Seconds that a certificate is valid. Default 90 days. */
  readonly validityS?: number;
  /**
   * The profiles, each with its validity in seconds. Default: only `classic` with `validityS`. Pebble picks one at random
   * for an order that names none.
   */
  readonly profiles?: Readonly<Record<string, number>>;
  /** Seconds of the Retry-After of pending authorizations and processing orders. Default 1. */
  readonly retryAfterS?: number;
  /** The port that tls-alpn-01 connects to. Default 443. */
  readonly tlsPort?: number;
}

export interface PebbleOptions extends PebbleBehaviour {
  readonly directory: string;
  readonly address: string;
  /** The resolver of its look-ups, `address:port`. */
  readonly dnsServer: string;
}

/** The world's certificate authority. */
export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string;
  readonly managementUrl: string;
  /** A PEM file with what its own API's certificate is verified against: for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
  readonly pids: readonly number[];
  /** The root of the certificates that it issues, in PEM, one for every start so far: the last issues now. */
  readonly roots: readonly string[];
  /** What its requests were since the first start, for example `POST /order-plz`, with how often. */
  requests(): ReadonlyMap<string, number>;
  /** How many orders it has made since the first start. */
  orders(): number;
  /** Sets the answer of the certificate's renewalInfo (RFC 9773 §4.2). */
  setRenewalWindow(certificatePem: string, start: Date, end: Date): Promise<void>;
  /** Freezes it: it takes connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** Ends it: its ports refuse. Its state is in memory: accounts, orders, certificates and the root are gone. */
  stop(): Promise<void>;
  /** Starts it again, empty, at the same addresses; does nothing while it runs. */
  start(): Promise<void>;
}

/** Starts Pebble; resolves when it answers. Rejects when there is none to be had, or it does not come up. */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const { directory, address } = options;
  const api = { certificate: join(directory, 'pebble.crt'), privateKey: join(directory, 'pebble.key') };
  const config = join(directory, 'pebble.json');
  const [program] = await Promise.all([
    findPebble(),
    makeSelfSigned(`IP:${address}`, api),
    writeFile(config, configuration(options, api)),
  ]);
  const run = () => runPebble(program, config, options);
  const managementUrl = `https://${address}:${PORTS.management}`;
  const ca = () => readFile(api.certificate, 'utf8');
  const logs: Child['lines'][] = [];
  const roots: string[] = [];
  let child: Child | undefined;
  const stop = async () => {
    await child?.[Symbol.asyncDispose]();
    child = undefined;
  };
  const start = async () => {
    if (child) return;
    child = await run();
    logs.push(child.lines);
    try {
      roots.push(await askManagement(`${managementUrl}/roots/0`, await ca()));
    } catch (thrown) {
      await stop();
      throw thrown;
    }
  };
  await start();
  return {
    directoryUrl: `https://${address}:${PORTS.acme}/dir`,
    managementUrl,
    apiCaFile: api.certificate,
    get pids() {
      return child ? [child.pid] : [];
    },
    roots,
    requests: () => countRequests(logs.flat()),
    orders: () => logs.flat().filter((line) => /There are now \d+ orders in the db/.test(line)).length,
    async setRenewalWindow(certificatePem, start, end) {
      const ariResponse = JSON.stringify({ suggestedWindow: { start, end } });
      const body = JSON.stringify({ certificate: certificatePem, ariResponse });
      await askManagement(`${managementUrl}/set-renewal-info/`, await ca(), body);
    },
    pause: () => child?.pause(),
    resume: () => child?.resume(),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function runPebble(program: string, config: string, options: PebbleOptions): Promise<Child> {
  const child = await startChild(program, {
    args: ['-config', config, '-dnsserver', options.dnsServer],
    env: {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(options.nonceReject ?? 0),
      PEBBLE_AUTHZREUSE: String(options.authzReuse ?? 0),
    },
  });
  try {
    // It says so before it listens, so its ports are asked too.
    await child.seen(/ACME directory available at/, START_MS);
    for (const port of Object.values(PORTS)) await untilListening(options.address, port, START_MS);
    return child;
  } catch (thrown) {
    await child[Symbol.asyncDispose]();
    throw thrown;
  }
}

function configuration(options: PebbleOptions, api: { certificate: string; privateKey: string }): string {
  const { address, validityS = 90 * DAY_S, profiles = { classic: validityS }, retryAfterS = 1 } = options;
  const described = Object.entries(profiles).map(([name, validityPeriod]) => [
    name,
    { description: `valid for ${validityPeriod} s`, validityPeriod },
  ]);
  return JSON.stringify({
    pebble: {
      listenAddress: `${address}:${PORTS.acme}`,
      managementListenAddress: `${address}:${PORTS.management}`,
      ...api,
      httpPort: 80,
      tlsPort: options.tlsPort ?? 443,
      externalAccountBindingRequired: false,
      retryAfter: { authz: retryAfterS, order: retryAfterS },
      keyAlgorithm: 'ecdsa',
      profiles: Object.fromEntries(described),
    },
  });
}

/** Pebble logs each request as `POST /order-plz -> calling handler()`. */
function countRequests(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const request = /([A-Z]+ \/\S*) -> calling handler\(\)/.exec(line)?.[1];
    if (request) counts.set(request, (counts.get(request) ?? 0) + 1);
  }
  return counts;
}
