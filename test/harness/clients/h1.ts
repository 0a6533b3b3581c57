import type { TestContext } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { openTls } from './tls.ts';

/** A response over HTTP/1.1. */
export interface Answer {
  readonly status: number;
  /** In order of arrival, with names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The value of a field; several values are combined (RFC 9110 §5.3). */
  field(name: string): string | undefined;
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
}

const ANSWER_TIMEOUT_MS = 10_000;

/** An HTTP/1.1 client that sends exactly the bytes that it is given. */
export class H1Client {
  readonly socket: TLSSocket;
  #received = Buffer.alloc(0);
  /**
   * The chunks after `received`, and their size: concatenated only once there are enough bytes,
   * which matters for large bodies.
   */
  #further: Buffer[] = [];
  #size = 0;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#further.push(chunk);
      this.#size += chunk.length;
      this.#wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Writes the lines of a header and an empty line. */
  head(...lines: readonly string[]): void {
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  }

  /** Sends a request without a body and resolves with the response. */
  async get(path: string, host: string, ...fields: readonly string[]): Promise<Answer> {
    this.head(`GET ${path} HTTP/1.1`, `Host: ${host}`, ...fields);
    return await this.answer();
  }

  /** Writes a chunk of a body, by default the last one. */
  chunk(text = ''): void {
    this.socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  }

  /** The next response, which may be a 1xx. `noBody`: for the response to HEAD. */
  async answer({ noBody = false } = {}): Promise<Answer> {
    const [line = '', ...lines] = (await this.until('\r\n\r\n')).split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1]);
    const fields = lines.map(parseField);
    const field = (name: string) => joined(fields, name);
    const bodiless = noBody || status < 200 || status === 204 || status === 304;
    const { body, trailers } = bodiless ? { body: '', trailers: [] } : await this.#body(field);
    return { status, fields, field, body, trailers };
  }

  /** The text up to `end`. Rejects if `end` does not arrive. */
  async until(end: string): Promise<string> {
    return await this.#take(JSON.stringify(end), 0, (bytes) => {
      const at = bytes.indexOf(end);
      return at < 0 ? undefined : [at, at + end.length];
    });
  }

  /** The next `count` bytes. */
  async bytes(count: number): Promise<string> {
    return await this.#take(`${count} bytes`, count, () => [count, count]);
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<string> {
    const all = ({ length }: Buffer): Found | undefined => (this.#ended ? [length, length] : undefined);
    return await this.#take('the end', 0, all);
  }

  async #body(field: (name: string) => string | undefined): Promise<Pick<Answer, 'body' | 'trailers'>> {
    if (field('transfer-encoding') === 'chunked') return await this.#chunks();
    const length = field('content-length');
    return {
      body: length === undefined ? await this.rest() : await this.bytes(Number(length)),
      trailers: [],
    };
  }

  async #chunks(): Promise<Pick<Answer, 'body' | 'trailers'>> {
    let body = '';
    for (;;) {
      const length = Number.parseInt(await this.until('\r\n'), 16);
      if (length === 0) break;
      body += await this.bytes(length);
      await this.until('\r\n');
    }
    const trailers: (readonly [string, string])[] = [];
    for (let line = await this.until('\r\n'); line !== ''; line = await this.until('\r\n')) {
      trailers.push(parseField(line));
    }
    return { body, trailers };
  }

  async #take(what: string, least: number, find: (bytes: Buffer) => Found | undefined): Promise<string> {
    const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    for (;;) {
      const found = this.#received.length + this.#size < least ? undefined : find(this.#join());
      if (found) {
        const text = this.#received.toString('latin1', 0, found[0]);
        this.#received = this.#received.subarray(found[1]);
        return text;
      }
      if (this.#ended || deadline.aborted) {
        const so = JSON.stringify(this.#join().toString('latin1').slice(0, 200));
        throw new Error(
          `${this.#ended ? 'the connection ended before' : 'not in time:'} ${what}; received ${so}`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      deadline.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
  }

  #join(): Buffer {
    if (this.#further.length > 0) this.#received = Buffer.concat([this.#received, ...this.#further]);
    this.#further = [];
    this.#size = 0;
    return this.#received;
  }
}

/** The end of a piece, and the start of what follows. */
type Found = readonly [end: number, next: number];

function parseField(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function joined(fields: Answer['fields'], wanted: string): string | undefined {
  const values = fields.filter(([name]) => name === wanted).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(', ');
}

/** A connection to the proxy, by default of a client that negotiates HTTP/1.1. */
export async function openH1(
  t: TestContext,
  port: number,
  servername = 'app.example',
  options: ConnectionOptions = { ALPNProtocols: ['http/1.1'] },
): Promise<H1Client> {
  return new H1Client(await openTls(t, port, servername, options));
}
