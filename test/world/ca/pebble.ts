import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../child.ts';
import { FIXED_PORTS } from '../fixed-ports.ts';
import { askPebble, untilListening } from '../management.ts';
import { findPebble } from './pebble-binary.ts';
import { type KeyPairFiles, makeSelfSigned } from './self-signed.ts';

const DAY_S = 86_400;
const START_MS = 10_000;

/** The CA's behaviour; every default is a well-behaved CA. */
export interface PebbleBehaviour {
  /** Percentage of good nonces that are refused as bad (RFC 8555 §6.5). Default: 0. */
  readonly nonceReject?: number;
  /** Percentage of authorizations that are reused while they are valid. Default: 0. */
  readonly authzReuse?: number;
  /** Validity of a certificate in seconds. Default: 90 days. */
  readonly validityS?: number;
  /**
   * The profiles, each with its validity in seconds. Default: only `classic` with `validityS`. If
   * an order names no profile, Pebble picks a random one.
   */
  readonly profiles?: Readonly<Record<string, number>>;
  /** The Retry-After of pending authorizations and processing orders, in seconds. Default: 1. */
  readonly retryAfterS?: number;
  /** The port that tls-alpn-01 connects to. Default: 443. */
  readonly tlsPort?: number;
  /**
   * MAC keys in base64url by key identifier. If there are any, an account needs one of them as its
   * external account binding (RFC 8555 §7.3.4). Default: none.
   */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** Whether it accepts every challenge without validating it. Default: false. */
  readonly alwaysValid?: boolean;
}

export interface PebbleOptions extends PebbleBehaviour {
  readonly directory: string;
  /** The address that it listens on. */
  readonly address: string;
  /** The host name for requests from this process. Default: the address. */
  readonly host?: string;
  /**
   * The certificate and key of its own API, valid at least for `host`. Default: a new, self-signed
   * one.
   */
  readonly api?: KeyPairFiles;
  /** Receives every line of its output. */
  readonly log?: (line: string) => void;
  /** The resolver that it queries, `address:port`. */
  readonly dnsServer: string;
}

/** The world's CA. */
export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string;
  readonly managementUrl: string;
  /** A PEM file with the trust anchor of its own API, for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
  readonly pids: readonly number[];
  /** The roots of its certificates in PEM, one for each start so far; the last one is in use. */
  readonly roots: readonly string[];
  /**
   * The distinguished names of its intermediates, one for each start so far; each has a number of
   * its own.
   */
  readonly issuers: readonly string[];
  /**
   * The number of requests of each kind since the first start, for example of `POST /order-plz`.
   */
  requests(): ReadonlyMap<string, number>;
  /** The number of orders created since the first start. */
  orders(): number;
  /** The number of challenges submitted for validation since the first start. */
  validations(): number;
  /** Sets the certificate's renewalInfo (RFC 9773 §4.2), with the explanation URL. */
  setRenewalWindow(certificatePem: string, start: Date, end: Date, explanationURL?: string): Promise<void>;
  /** Freezes it: it accepts connections and responds to nothing. */
  pause(): void;
  resume(): void;
  /**
   * Stops it: its ports refuse connections. Its state is in memory, so accounts, orders,
   * certificates and the root are lost.
   */
  stop(): Promise<void>;
  /** Starts it again, without state, at the same addresses; does nothing if it is running. */
  start(): Promise<void>;
}

/**
 * Starts Pebble. Resolves once it responds. Rejects if no Pebble is available or it does not start.
 */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const { directory } = options;
  const config = join(directory, 'pebble.json');
  const [program, api] = await Promise.all([findPebble(), options.api ?? makeApiKeyPair(options)]);
  await writeFile(config, configuration(options, api));
  const pebble = new RunningPebble(options, api.certificate, () => runPebble(program, config, options));
  await pebble.start();
  return pebble;
}

async function makeApiKeyPair({ directory, address }: PebbleOptions): Promise<KeyPairFiles> {
  const files = { certificate: join(directory, 'pebble.crt'), privateKey: join(directory, 'pebble.key') };
  await makeSelfSigned(`IP:${address}`, files);
  return files;
}

class RunningPebble implements Pebble {
  readonly directoryUrl: string;
  readonly managementUrl: string;
  readonly apiCaFile: string;
  readonly roots: string[] = [];
  readonly issuers: string[] = [];
  readonly #run: () => Promise<Child>;
  readonly #logs: Child['lines'][] = [];
  #child: Child | undefined;

  constructor({ address, host = address }: PebbleOptions, apiCaFile: string, run: () => Promise<Child>) {
    this.directoryUrl = `https://${host}:${FIXED_PORTS.acme}/dir`;
    this.managementUrl = `https://${host}:${FIXED_PORTS.management}`;
    this.apiCaFile = apiCaFile;
    this.#run = run;
  }

  get pids(): readonly number[] {
    return this.#child ? [this.#child.pid] : [];
  }

  requests(): ReadonlyMap<string, number> {
    return countRequests(this.#logs.flat());
  }

  orders(): number {
    return this.#logs.flat().filter((line) => /There are now \d+ orders in the db/.test(line)).length;
  }

  validations(): number {
    return this.#logs.flat().filter((line) => line.includes('Pulled a task from the Tasks queue')).length;
  }

  async setRenewalWindow(
    certificate: string,
    start: Date,
    end: Date,
    explanationURL?: string,
  ): Promise<void> {
    const ariResponse = JSON.stringify({ suggestedWindow: { start, end }, explanationURL });
    await this.#manage('/set-renewal-info/', JSON.stringify({ certificate, ariResponse }));
  }

  pause(): void {
    this.#child?.pause();
  }

  resume(): void {
    this.#child?.resume();
  }

  async start(): Promise<void> {
    if (this.#child) return;
    this.#child = await this.#run();
    this.#logs.push(this.#child.lines);
    try {
      this.roots.push(await this.#manage('/roots/0'));
      this.issuers.push(new X509Certificate(await this.#manage('/intermediates/0')).subject);
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  async stop(): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]();
    this.#child = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #manage(path: string, body?: string): Promise<string> {
    return askPebble(
      `${this.managementUrl}${path}`,
      await readFile(this.apiCaFile, 'utf8'),
      body === undefined ? {} : { body },
    );
  }
}

async function runPebble(program: string, config: string, options: PebbleOptions): Promise<Child> {
  const child = await startChild(program, {
    args: ['-config', config, '-dnsserver', options.dnsServer],
    ...(options.log ? { log: options.log } : {}),
    env: {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(options.nonceReject ?? 0),
      PEBBLE_AUTHZREUSE: String(options.authzReuse ?? 0),
      ...(options.alwaysValid ? { PEBBLE_VA_ALWAYS_VALID: '1' } : {}),
    },
  });
  try {
    // Pebble logs this line before it listens, so connect to its ports, too.
    await child.seen(/ACME directory available at/, START_MS);
    for (const port of Object.values(FIXED_PORTS)) await untilListening(options.address, port, START_MS);
    return child;
  } catch (thrown) {
    await child[Symbol.asyncDispose]();
    throw thrown;
  }
}

function configuration(options: PebbleOptions, api: KeyPairFiles): string {
  const { address, validityS = 90 * DAY_S, profiles = { classic: validityS }, retryAfterS = 1 } = options;
  const { externalAccounts = {} } = options;
  const described = Object.entries(profiles).map(([name, validityPeriod]) => [
    name,
    { description: `valid for ${validityPeriod} s`, validityPeriod },
  ]);
  return JSON.stringify({
    pebble: {
      listenAddress: `${address}:${FIXED_PORTS.acme}`,
      managementListenAddress: `${address}:${FIXED_PORTS.management}`,
      ...api,
      httpPort: 80,
      tlsPort: options.tlsPort ?? 443,
      externalAccountBindingRequired: Object.keys(externalAccounts).length > 0,
      externalAccountMACKeys: externalAccounts,
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
