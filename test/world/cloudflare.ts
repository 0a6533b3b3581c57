import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerWith, type Call, type Fault, Faults } from './cloudflare-fault.ts';
import { type StoredRecord, toZoneRecord } from './cloudflare-record.ts';
import { Refusal } from './cloudflare-refusal.ts';
import { type Reply, type Request, route } from './cloudflare-routes.ts';
import { authenticate, StoredToken, type TokenOptions } from './cloudflare-token.ts';
import { StoredZone, type ZoneStatus } from './cloudflare-zone.ts';
import type { ZonePublisher } from './publisher.ts';

export type { Call, Fault } from './cloudflare-fault.ts';
export type { StoredRecord } from './cloudflare-record.ts';
export type { Permissions, TokenOptions } from './cloudflare-token.ts';

export interface CloudflareOptions {
  /** A loopback address to listen on. Default: 127.0.0.1. */
  readonly address?: string;
  /** Names of the zones, all active. */
  readonly zones: readonly string[];
  /** The account's first token. Default: one that may do everything in every zone. */
  readonly token?: TokenOptions;
  /** Where the zones' contents go after every write. Default: nowhere. */
  readonly publisher?: ZonePublisher;
  /** Milliseconds from a write's answer to its publication. Default: 0, which publishes before it answers. */
  readonly publishDelayMs?: number;
}

const BASE_PATH = '/client/v4';
const BODY_LIMIT = 1 << 20;

/**
 * Cloudflare's API v4 on a loopback address, as far as DNS needs it: zones, records, batches, tokens. It keeps state,
 * and refuses what the real one refuses, by https://developers.cloudflare.com/api/ and by what its users report.
 */
export async function createCloudflare(options: CloudflareOptions): Promise<CloudflareSimulator> {
  const simulator = new CloudflareSimulator(options);
  await simulator.listen(options.address ?? '127.0.0.1');
  return simulator;
}

export class CloudflareSimulator implements AsyncDisposable {
  /** Milliseconds; may be set at any time. */
  publishDelayMs: number;
  /** The account's first token. */
  readonly token: string;
  readonly #server: Server;
  readonly #publisher: ZonePublisher | undefined;
  readonly #zones = new Map<string, StoredZone>();
  readonly #tokens = new Map<string, StoredToken>();
  readonly #faults = new Faults();
  readonly #closing = new AbortController();
  #calls: Call[] = [];
  #baseUrl = '';
  #publications: Promise<void> = Promise.resolve();

  constructor({ zones, token, publisher, publishDelayMs }: CloudflareOptions) {
    for (const name of zones) this.addZone(name);
    this.token = this.addToken(token);
    this.#publisher = publisher;
    this.publishDelayMs = publishDelayMs ?? 0;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** What CLOUDFLARE_BASE_URL is set to. */
  get baseUrl(): string {
    return this.#baseUrl;
  }

  /** Every request since the start or the last reset, in the order of arrival. */
  get calls(): readonly Call[] {
    return this.#calls;
  }

  resetCalls(): void {
    this.#calls = [];
  }

  addZone(name: string, status: ZoneStatus = 'active', id?: string): StoredZone {
    const zone = new StoredZone(name, status, id);
    this.#zones.set(zone.id, zone);
    return zone;
  }

  /** Makes another token and gives its value. */
  addToken(options: TokenOptions = {}): string {
    const token = new StoredToken(options);
    this.#tokens.set(token.value, token);
    return token.value;
  }

  zoneId(name: string): string {
    return this.#zone(name).id;
  }

  recordsOf(zone: string): readonly StoredRecord[] {
    return this.#zone(zone).records();
  }

  /** Plants a record as it is, unchecked and unpublished. */
  addRecord(
    zone: string,
    record: Partial<StoredRecord> & Pick<StoredRecord, 'name' | 'type' | 'content'>,
  ): StoredRecord {
    return this.#zone(zone).plant(record);
  }

  removeRecord(zone: string, id: string): void {
    this.#zone(zone).delete(id);
  }

  /** Lets the next calls fail, of whatever kind they are. */
  failNext(fault: Fault, times = 1): void {
    this.#faults.add(fault, times, () => true);
  }

  /** Lets the calls fail that the predicate names. */
  failWhen(matches: (call: Call) => boolean, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.add(fault, times, matches);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** Resolves when everything that was written has been published. Rejects when the publisher did. */
  published(): Promise<void> {
    return this.#publications;
  }

  /** Opens its port, a free one unless it is named. */
  async listen(address: string, port = 0): Promise<void> {
    this.#server.listen(port, address);
    await once(this.#server, 'listening');
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    this.#baseUrl = `http://${address}:${bound.port}${BASE_PATH}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #zone(name: string): StoredZone {
    const zone = [...this.#zones.values()].find((candidate) => candidate.name === name);
    if (!zone) throw new Error(`the account has no zone ${name}`);
    return zone;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await readRequest(incoming);
      const call = toCall(request);
      this.#calls.push(call);
      const fault = this.#faults.next(call);
      if (fault && !fault.executed) return answerWith(fault, response);
      const reply = this.#carryOut(request, incoming);
      if (reply.written) await this.#publish(reply.written);
      if (fault) return answerWith(fault, response);
      succeed(response, reply);
    } catch (thrown) {
      refuse(response, thrown);
    }
  }

  #carryOut(request: Request, incoming: IncomingMessage): Reply {
    const token = authenticate(request.headers.authorization, request.path, this.#tokens);
    token.checkPlace(incoming.socket.remoteAddress ?? '');
    return route({ request, token, zones: [...this.#zones.values()] });
  }

  /** In the order of the writes, whatever the delay was at each. */
  #publish(zone: StoredZone): Promise<void> {
    const publisher = this.#publisher;
    if (!publisher) return Promise.resolve();
    const records = zone.records().map(toZoneRecord);
    const delay = this.publishDelayMs;
    const waited = delay > 0 ? sleep(delay, undefined, { signal: this.#closing.signal }) : Promise.resolve();
    const publication = Promise.all([this.#publications.catch(() => {}), waited]).then(() =>
      publisher.publish(zone.name, records),
    );
    this.#publications = publication;
    // Whoever waits for published() sees the failure; nobody else is disturbed by it.
    publication.catch(() => {});
    return delay > 0 ? Promise.resolve() : publication;
  }
}

function toCall({ method, path, query, headers }: Request): Call {
  return { method, path, query, headers, kind: method === 'GET' ? 'read' : 'write' };
}

async function readRequest(incoming: IncomingMessage): Promise<Request> {
  const url = new URL(incoming.url ?? '/', 'http://simulator');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > BODY_LIMIT) throw new Refusal(413, { code: 9207, message: 'Request body is too large.' });
    chunks.push(bytes);
  }
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname.startsWith(BASE_PATH) ? url.pathname.slice(BASE_PATH.length) : url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function succeed(response: ServerResponse, { result, result_info }: Reply): void {
  const envelope = {
    success: true,
    errors: [],
    messages: [],
    result,
    ...(result_info ? { result_info } : {}),
  };
  send(response, 200, envelope);
}

function refuse(response: ServerResponse, thrown: unknown): void {
  const { status, errors } = thrown instanceof Refusal ? thrown : unexpected(thrown);
  send(response, status, { success: false, errors, messages: [], result: null });
}

function unexpected(thrown: unknown): Pick<Refusal, 'status' | 'errors'> {
  const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return { status: 500, errors: [{ code: 10013, message }] };
}

function send(response: ServerResponse, status: number, envelope: unknown): void {
  const ray = `${Date.now().toString(16).padStart(16, '0')}-SIM`;
  response
    .writeHead(status, { 'content-type': 'application/json', 'cf-ray': ray })
    .end(JSON.stringify(envelope));
}
