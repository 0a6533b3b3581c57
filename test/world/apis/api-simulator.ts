import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ZonePublisher, ZoneRecord } from '../dns/publisher.ts';
import { FaultRules } from '../faults/fault-rules.ts';
import { type AnsweredFault, type ApiFault, type Call, isAnswered } from './api-fault.ts';

export interface ApiSimulatorOptions {
  /** Where the zones' contents go after every write. Default: nowhere. */
  readonly publisher?: ZonePublisher | undefined;
  /** Milliseconds from a write's answer to its publication. Default: 0, which publishes before it answers. */
  readonly publishDelayMs?: number | undefined;
}

/** A whole request. */
export interface ApiRequest {
  readonly method: string;
  /** Below the base path. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly remoteAddress: string;
}

/** A whole answer. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ApiReply {
  readonly answer: ApiAnswer;
  /** The zone that was written, with everything that it holds now. */
  readonly written?: { readonly zone: string; readonly records: readonly ZoneRecord[] } | undefined;
}

const BODY_LIMIT = 1 << 20;

/**
 * A provider's public API on a loopback address: it keeps state, counts calls, fails on demand, and publishes what is
 * written. What the API takes and refuses is the business of each provider's own simulator.
 */
export abstract class ApiSimulator implements AsyncDisposable {
  /** Milliseconds; may be set at any time. */
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

  /** What the provider's variable for its base URL is set to. */
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

  /** Lets the next calls fail, of whatever kind they are. */
  failNext(fault: ApiFault, times = 1): void {
    this.#faults.add(() => true, fault, times);
  }

  /** Lets the calls fail that the predicate names. */
  failWhen(matches: (call: Call) => boolean, fault: ApiFault, times?: number): void {
    this.#faults.add(matches, fault, times);
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
    this.#baseUrl = `http://${address}:${bound.port}${this.#basePath}`;
  }

  /** Closes its port, which then refuses, and cuts its connections. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Opens the same port again; does nothing while it is open. */
  async start(): Promise<void> {
    if (this.#server.listening) return;
    const { hostname, port } = new URL(this.#baseUrl);
    await this.listen(hostname, Number(port));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return this.stop();
  }

  /** Whether a request reads or writes, for the count. */
  protected abstract kindOf(request: ApiRequest): Call['kind'];

  /** Does what the request asks for and answers. What it throws is answered by `refuse`. */
  protected abstract carryOut(request: ApiRequest): ApiReply;

  /** The answer to what was thrown: a refusal of the API, or a fault of the simulator, which is a 500. */
  protected abstract refuse(thrown: unknown): ApiAnswer;

  /** How the API answers when it asks to slow down, fails, or refuses in certain words. */
  protected abstract failure(fault: AnsweredFault): ApiAnswer;

  /** The beginning of an answer of success that breaks off, and a whole one that is in no documentation. */
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

  /** A hanging request stays open until its client or the simulator ends it. */
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

  /** In the order of the writes, whatever the delay was at each. */
  #publish(zone: string, records: readonly ZoneRecord[]): Promise<void> {
    const publisher = this.#publisher;
    if (!publisher) return Promise.resolve();
    const delay = this.publishDelayMs;
    const publication = Promise.all([this.#publications.catch(() => {}), this.#sleep(delay)]).then(() =>
      publisher.publish(zone, records),
    );
    this.#publications = publication;
    // Whoever waits for published() sees the failure; nobody else is disturbed by it.
    publication.catch(() => {});
    return delay > 0 ? Promise.resolve() : publication;
  }
}

const HTML = '<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body></body></html>';

function send(response: ServerResponse, { status, headers = {}, body }: ApiAnswer): void {
  response.writeHead(status, headers).end(body);
}
