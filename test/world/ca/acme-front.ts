import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultRules } from '../faults/fault-rules.ts';
import { FIXED_PORTS } from '../fixed-ports.ts';
import { type OpenServer, openServer } from '../open-server.ts';
import {
  type AcmeAnswer,
  type AcmeFault,
  type AcmeRequest,
  asProcessing,
  type GrantedRequest,
  problemAnswer,
  retryAfterHeader,
  rewritten,
} from './acme-fault.ts';
import { describeRequest, forward, readRequest, type Upstream, type WholeRequest } from './acme-upstream.ts';
import { type KeyPairFiles, makeSelfSigned } from './self-signed.ts';

export interface AcmeFrontOptions {
  /** Holds its certificate. */
  readonly directory: string;
  /** The address that it listens on. */
  readonly address: string;
  /** The CA behind it, which may still be starting. */
  readonly behind: Upstream | Promise<Upstream>;
}

/** Starts a front before a CA. Resolves once it listens and the CA is up. */
export async function startAcmeFront({ directory, address, behind }: AcmeFrontOptions): Promise<AcmeFront> {
  const files = {
    certificate: join(directory, 'acme-front.crt'),
    privateKey: join(directory, 'acme-front.key'),
  };
  const [upstream] = await Promise.all([behind, makeSelfSigned(`IP:${address}`, files)]);
  const front = new AcmeFront(address, files, upstream);
  await front.start();
  return front;
}

/**
 * A reverse proxy before a CA at an address of its own; the URLs of the directory lead through it.
 * It forwards every message byte for byte, except for the requested faults. An account belongs to
 * the address under which it was created.
 */
export class AcmeFront implements AsyncDisposable {
  readonly directoryUrl: string;
  /** A PEM file with the trust anchor of its certificate, for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
  /** Milliseconds by which the Date field of its responses is ahead of the CA's clock. */
  clockSkewMs = 0;
  readonly #address: string;
  readonly #files: KeyPairFiles;
  readonly #behind: Upstream;
  readonly #faults = new FaultRules<AcmeRequest, AcmeFault>();
  readonly #calls: AcmeRequest[] = [];
  readonly #granted: GrantedRequest[] = [];
  readonly #closing = new AbortController();
  #open: OpenServer | undefined;
  #processingS: number | undefined;

  constructor(address: string, files: KeyPairFiles, behind: Upstream) {
    this.directoryUrl = `https://${address}:${FIXED_PORTS.acme}${new URL(behind.directoryUrl).pathname}`;
    this.apiCaFile = files.certificate;
    this.#address = address;
    this.#files = files;
    this.#behind = behind;
  }

  /** Every request since the start, in order of arrival, including those that failed. */
  get calls(): readonly AcmeRequest[] {
    return this.#calls;
  }

  /** The requests that the CA carried out without an error, even if the response was lost. */
  get granted(): readonly GrantedRequest[] {
    return this.#granted;
  }

  /** The number of requests of each kind, for example `POST /order-plz`. */
  requests(): ReadonlyMap<string, number> {
    const byKind = Map.groupBy(this.#calls, ({ kind }) => kind);
    return new Map(Array.from(byKind, ([kind, calls]) => [kind, calls.length]));
  }

  /** Makes the next requests of a kind fail, such as `POST /order-plz`. */
  failNext(kind: string, fault: AcmeFault, times = 1): void {
    this.#faults.add((request) => request.kind === kind, fault, times);
  }

  /** Makes the requests fail for which the predicate returns true. */
  failWhen(matches: (request: AcmeRequest) => boolean, fault: AcmeFault, times?: number): void {
    this.#faults.add(matches, fault, times);
  }

  /** Removes all faults. Held orders stay held. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /**
   * Reports valid orders as `processing`, with this Retry-After, until `completeOrders`, like a slow
   * CA.
   */
  keepOrdersProcessing(retryAfterS = 1): void {
    this.#processingS = retryAfterS;
  }

  completeOrders(): void {
    this.#processingS = undefined;
  }

  /** Closes its port, which then refuses connections, and cuts the open ones. */
  async stop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.[Symbol.asyncDispose]();
  }

  /** Listens again; does nothing if it listens already. */
  async start(): Promise<void> {
    if (this.#open) return;
    const [cert, key] = await Promise.all(
      [this.#files.certificate, this.#files.privateKey].map((file) => readFile(file)),
    );
    const server = createServer({ cert, key }, (request, response) => void this.#serve(request, response));
    this.#open = await openServer(server, { host: this.#address, port: FIXED_PORTS.acme });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return this.stop();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await readRequest(incoming);
      const described = describeRequest(request);
      this.#calls.push(described);
      const fault = this.#faults.next(described);
      if (fault?.kind === 'slow' && !fault.executed) await this.#sleep(fault.ms);
      const answer = isCarriedOut(fault) ? await forward(this.#behind, request) : undefined;
      if (answer && answer.status < 400) this.#granted.push({ ...described, status: answer.status });
      if (fault?.kind === 'slow' && fault.executed) await this.#sleep(fault.ms);
      await this.#reply(response, request, fault, answer);
    } catch {
      // The client disconnected, this front was closed, or the CA is down: respond like a load
      // balancer without a backend.
      response.destroy();
    }
  }

  async #reply(
    response: ServerResponse,
    request: WholeRequest,
    fault: AcmeFault | undefined,
    answer: AcmeAnswer | undefined,
  ): Promise<void> {
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    const { status, headers, body } = await this.#answerOf(request, fault, answer);
    const length = request.method === 'HEAD' ? {} : { 'content-length': body.length };
    // Node.js must not add a Date: the response has the CA's Date or none.
    response.sendDate = false;
    response.writeHead(status, { ...headers, ...length }).end(body);
  }

  async #answerOf(
    request: WholeRequest,
    fault: AcmeFault | undefined,
    answer: AcmeAnswer | undefined,
  ): Promise<AcmeAnswer> {
    const now = { date: new Date(Date.now() + this.clockSkewMs).toUTCString() };
    if (fault?.kind === 'status') {
      const headers = { ...now, ...retryAfterHeader(fault.retryAfter) };
      return { status: fault.status, headers, body: Buffer.alloc(0) };
    }
    if (fault?.kind === 'problem') {
      const refusal = problemAnswer(fault, await this.#nonce(request));
      return { ...refusal, headers: { ...now, ...refusal.headers } };
    }
    if (!answer) throw new Error('there is no response: the request was not carried out');
    const dated = { ...answer, headers: { ...answer.headers, ...now } };
    const delayed = this.#processingS === undefined ? dated : asProcessing(dated, this.#processingS);
    return fault?.kind === 'rewrite' ? rewritten(delayed, fault) : delayed;
  }

  async #nonce({ headers }: WholeRequest): Promise<string | undefined> {
    const { host, 'user-agent': agent } = headers;
    const asking = { host, 'user-agent': agent ?? 'acme-front' };
    const answer = await forward(this.#behind, {
      ...{ method: 'HEAD', target: '/nonce-plz', headers: asking, body: Buffer.alloc(0) },
    }).catch(() => undefined);
    const nonce = answer?.headers['replay-nonce'];
    return typeof nonce === 'string' ? nonce : undefined;
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal });
  }
}

function isCarriedOut(fault: AcmeFault | undefined): boolean {
  if (fault === undefined || fault.kind === 'slow' || fault.kind === 'rewrite') return true;
  return fault.executed ?? false;
}
