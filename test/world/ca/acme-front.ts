import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultRules } from '../faults/fault-rules.ts';
import { type OpenServer, openServer } from '../open-server.ts';
import {
  type AcmeAnswer,
  type AcmeFault,
  type AcmeRequest,
  type GrantedRequest,
  problemAnswer,
  retryAfterHeader,
  rewritten,
  withOrderHeld,
} from './acme-fault.ts';
import { describeRequest, forward, readRequest, type Upstream, type WholeRequest } from './acme-upstream.ts';
import { type KeyPairFiles, makeSelfSigned } from './self-signed.ts';

export interface AcmeFrontOptions {
  /** For its certificate. */
  readonly directory: string;
  /** Where it listens. */
  readonly address: string;
  /** The certificate authority behind it; it may still be starting. */
  readonly behind: Upstream | Promise<Upstream>;
}

const PORT = 14_000;

/** Starts a front before a certificate authority; resolves when it listens and the CA is up. */
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
 * Stands before a certificate authority at an address of its own, and the URLs of the directory lead through it. It hands on what comes,
 * byte for byte, except for the faults that are asked of it. An account belongs to the address under which it was made.
 */
export class AcmeFront implements AsyncDisposable {
  readonly directoryUrl: string;
  /** A PEM file with what its certificate is verified against: for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
  /** Milliseconds by which the Date field of its answers is ahead of the CA's clock. */
  clockSkewMs = 0;
  readonly #address: string;
  readonly #files: KeyPairFiles;
  readonly #behind: Upstream;
  readonly #faults = new FaultRules<AcmeRequest, AcmeFault>();
  readonly #calls: AcmeRequest[] = [];
  readonly #granted: GrantedRequest[] = [];
  readonly #closing = new AbortController();
  #open: OpenServer | undefined;
  #heldS: number | undefined;

  constructor(address: string, files: KeyPairFiles, behind: Upstream) {
    this.directoryUrl = `https://${address}:${PORT}${new URL(behind.directoryUrl).pathname}`;
    this.apiCaFile = files.certificate;
    this.#address = address;
    this.#files = files;
    this.#behind = behind;
  }

  /** Every request since the start, in the order of arrival, also those that failed. */
  get calls(): readonly AcmeRequest[] {
    return this.#calls;
  }

  /** Those that the CA has carried out and not refused, whatever became of its answer. */
  get granted(): readonly GrantedRequest[] {
    return this.#granted;
  }

  /** How often there was each, for example `POST /order-plz`. */
  requests(): ReadonlyMap<string, number> {
    const byKind = Map.groupBy(this.#calls, ({ kind }) => kind);
    return new Map(Array.from(byKind, ([kind, calls]) => [kind, calls.length]));
  }

  /** Lets the next requests of a kind fail, such as `POST /order-plz`. */
  failNext(kind: string, fault: AcmeFault, times = 1): void {
    this.#faults.add((request) => request.kind === kind, fault, times);
  }

  /** Lets the requests fail that the predicate names. */
  failWhen(matches: (request: AcmeRequest) => boolean, fault: AcmeFault, times?: number): void {
    this.#faults.add(matches, fault, times);
  }

  /** It hands everything on again. Orders that are held stay so. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** Orders that are valid are answered as `processing`, with this Retry-After, until `releaseOrders`: as a CA that takes its time. */
  holdOrders(retryAfterS = 1): void {
    this.#heldS = retryAfterS;
  }

  releaseOrders(): void {
    this.#heldS = undefined;
  }

  /** Closes its port, which then refuses, and cuts its connections. */
  async stop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.[Symbol.asyncDispose]();
  }

  /** Listens again; does nothing while it does. */
  async start(): Promise<void> {
    if (this.#open) return;
    const [cert, key] = await Promise.all(
      [this.#files.certificate, this.#files.privateKey].map((file) => readFile(file)),
    );
    const server = createServer({ cert, key }, (request, response) => void this.#serve(request, response));
    this.#open = await openServer(server, { host: this.#address, port: PORT });
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
      // The client went, this front was closed, or the CA is down: as when a load balancer has nobody behind it.
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
    // It is the CA's, or nobody's.
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
    if (!answer) throw new Error('a request that was not carried out has no answer');
    const dated = { ...answer, headers: { ...answer.headers, ...now } };
    const held = this.#heldS === undefined ? dated : withOrderHeld(dated, this.#heldS);
    return fault?.kind === 'rewrite' ? rewritten(held, fault) : held;
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
