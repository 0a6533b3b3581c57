import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ZonePublisher, ZoneRecord } from '../dns/publisher.ts';
import { FaultRules } from '../faults/fault-rules.ts';
import { type AnsweredFault, type ApiFault, type Call, isAnswered } from './api-fault.ts';

export interface ApiSimulatorOptions {
  /** Receives the zone's content after every write. Default: none. */
  readonly publisher?: ZonePublisher | undefined;
  /**
   * Milliseconds from the response to a write until its publication. Default: 0, which publishes
   * before responding.
   */
  readonly publishDelayMs?: number | undefined;
}

/** A complete request. */
export interface ApiRequest {
  readonly method: string;
  /** Below the base path. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly remoteAddress: string;
}

/** A complete response. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ApiReply {
  readonly answer: ApiAnswer;
  /** The zone that was written, with its new content. */
  readonly written?: { readonly zone: string; readonly records: readonly ZoneRecord[] } | undefined;
}

const BODY_LIMIT = 1 << 20;

/**
 * A provider's public API on a loopback address. It keeps state, counts calls, fails on demand, and
 * publishes what is written. Each provider's simulator defines which requests its API accepts and
 * refuses.
 */
export abstract class ApiSimulator implements AsyncDisposable {
  /** Milliseconds; can be set at any time. */
  publishDelayMs: number;
  readonly #server: Server;
  readonly #publisher: ZonePublisher | undefined;
  readonly #basePath: string;
  readonly #faults = new FaultRules<Call, ApiFault>();
  readonly #closing = new AbortController();
  #calls: Call[] = [];
  #baseUrl = '';
  #publications: Promise<void> = Promise.resolve();

  constructor(basePath: string, { publisher, publishDelayMs = 0 }: ApiSimulatorOptions) {
    this.#basePath = basePath;
    this.#publisher = publisher;
    this.publishDelayMs = publishDelayMs;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** The value of the provider's variable for its base URL. */
  get baseUrl(): string {
    return this.#baseUrl;
  }

  /** Every request since the start or the last reset, in order of arrival. */
  get calls(): readonly Call[] {
    return this.#calls;
  }

  resetCalls(): void {
    this.#calls = [];
  }

  /** Makes the next calls fail, whatever their kind. */
  failNext(fault: ApiFault, times = 1): void {
    this.#faults.add(() => true, fault, times);
  }

  /** Makes the calls fail for which the predicate returns true. */
  failWhen(matches: (call: Call) => boolean, fault: ApiFault, times?: number): void {
    this.#faults.add(matches, fault, times);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** Resolves once everything that was written is published. Rejects if the publisher rejected. */
  published(): Promise<void> {
    return this.#publications;
  }

  /** Opens its port; by default a free one. */
  async listen(address: string, port = 0): Promise<void> {
    this.#server.listen(port, address);
    await once(this.#server, 'listening');
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    this.#baseUrl = `http://${address}:${bound.port}${this.#basePath}`;
  }

  /** Closes its port, which then refuses connections, and cuts the open ones. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Opens the same port again; does nothing if it is open. */
  async start(): Promise<void> {
    if (this.#server.listening) return;
    const { hostname, port } = new URL(this.#baseUrl);
    await this.listen(hostname, Number(port));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return this.stop();
  }

  /** Whether a request is counted as a read or a write. */
  protected abstract kindOf(request: ApiRequest): Call['kind'];

  /** Carries out the request and returns the response. `refuse` responds to what it throws. */
  protected abstract carryOut(request: ApiRequest): ApiReply;

  /** The response to a thrown error: a refusal of the API, or 500 for a fault of the simulator. */
  protected abstract refuse(thrown: unknown): ApiAnswer;

  /** The API's response to a rate limit, an internal failure, or a refusal with a given code. */
  protected abstract failure(fault: AnsweredFault): ApiAnswer;

  /** The beginning of a successful response that breaks off, and a complete undocumented one. */
  protected abstract readonly oddities: {
    readonly contentType: string;
    readonly half: string;
    readonly nonsense: string;
  };

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await this.#read(incoming);
      const { method, path, query, headers } = request;
      const call = { method, path, query, headers, kind: this.kindOf(request) };
      this.#calls.push(call);
      const fault = this.#faults.next(call);
      const lateMs = fault?.kind === 'slow' ? fault.ms : 0;
      if (!fault?.executed) await this.#sleep(lateMs);
      if (fault && lateMs === 0 && !fault.executed) return this.#fail(fault, response);
      const { answer, written } = this.carryOut(request);
      if (written) await this.#publish(written.zone, written.records);
      if (fault?.executed) await this.#sleep(lateMs);
      if (fault && lateMs === 0) return this.#fail(fault, response);
      send(response, answer);
    } catch (thrown) {
      send(response, this.refuse(thrown));
    }
  }

  async #read(incoming: IncomingMessage): Promise<ApiRequest> {
    const url = new URL(incoming.url ?? '/', 'http://simulator');
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of incoming) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size <= BODY_LIMIT) chunks.push(bytes);
    }
    const below = url.pathname.startsWith(this.#basePath);
    return {
      method: incoming.method ?? 'GET',
      path: below ? url.pathname.slice(this.#basePath.length) : url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: size > BODY_LIMIT ? 'x'.repeat(BODY_LIMIT + 1) : Buffer.concat(chunks).toString('utf8'),
      remoteAddress: incoming.socket.remoteAddress ?? '',
    };
  }

  /** A hanging request stays open until the client or the simulator ends it. */
  #fail(fault: ApiFault, response: ServerResponse): void {
    const { contentType, half, nonsense } = this.oddities;
    const odd = (body: string, type = contentType) =>
      send(response, { status: 200, headers: { 'content-type': type }, body });
    if (fault.kind === 'html') odd(HTML, 'text/html');
    else if (fault.kind === 'truncated') odd(half);
    else if (fault.kind === 'nonsense') odd(nonsense);
    else if (fault.kind === 'stall') response.writeHead(200, { 'content-type': contentType }).write(half);
    else if (fault.kind === 'reset') response.destroy();
    else if (isAnswered(fault)) send(response, this.failure(fault));
  }

  async #sleep(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#closing.signal });
  }

  /** Publishes in the order of the writes, whatever the delay of each. */
  #publish(zone: string, records: readonly ZoneRecord[]): Promise<void> {
    const publisher = this.#publisher;
    if (!publisher) return Promise.resolve();
    const delay = this.publishDelayMs;
    const publication = Promise.all([this.#publications.catch(() => {}), this.#sleep(delay)]).then(() =>
      publisher.publish(zone, records),
    );
    this.#publications = publication;
    // The caller of published() sees the failure; it must not end the process as an unhandled
    // rejection.
    publication.catch(() => {});
    return delay > 0 ? Promise.resolve() : publication;
  }
}

const HTML = '<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body></body></html>';

function send(response: ServerResponse, { status, headers = {}, body }: ApiAnswer): void {
  response.writeHead(status, headers).end(body);
}
