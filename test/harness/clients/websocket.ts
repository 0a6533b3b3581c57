import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** RFC 6455 §5.2. */
const OPCODES = { text: 1, close: 8, ping: 9, pong: 10 } as const;
type Kind = keyof typeof OPCODES;

/** A message in one frame. */
export interface Frame {
  readonly kind: Kind;
  readonly text: string;
}

/** One end of an open WebSocket. Supports frames of up to 64 KiB. */
export class WebSocketEnd {
  readonly stream: Duplex;
  readonly #masks: boolean;
  #received: Buffer;
  #ended = false;
  #wake: () => void = () => undefined;

  /** A client masks its payload (§5.3). `head`: bytes that arrived with the handshake. */
  constructor(stream: Duplex, end: 'client' | 'server', head: Buffer = Buffer.alloc(0)) {
    this.stream = stream;
    this.#masks = end === 'client';
    this.#received = head;
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    for (const event of ['end', 'close']) {
      stream.on(event, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  send(kind: Kind, text = ''): void {
    const payload = Buffer.from(text);
    const bit = this.#masks ? 0x80 : 0;
    const first = 0x80 | OPCODES[kind];
    const head = Buffer.from(
      payload.length < 126
        ? [first, bit | payload.length]
        : [first, bit | 126, payload.length >> 8, payload.length & 0xff],
    );
    const mask = randomBytes(4);
    this.stream.write(Buffer.concat(this.#masks ? [head, mask, masked(payload, mask)] : [head, payload]));
  }

  /** The next frame; undefined once the other side has closed. */
  async next(): Promise<Frame | undefined> {
    const deadline = AbortSignal.timeout(10_000);
    for (;;) {
      const frame = this.#parse();
      if (frame || this.#ended) return frame;
      if (deadline.aborted) throw new Error('no frame in time');
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      deadline.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
  }

  #parse(): Frame | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const short = bytes.readUInt8(1) & 0x7f;
    if (short === 126 && bytes.length < 4) return undefined;
    const isMasked = bytes.readUInt8(1) >= 0x80;
    const begin = (short === 126 ? 4 : 2) + (isMasked ? 4 : 0);
    const end = begin + (short === 126 ? bytes.readUInt16BE(2) : short);
    return bytes.length < end ? undefined : this.#cut(begin, end, isMasked);
  }

  #cut(begin: number, end: number, isMasked: boolean): Frame {
    const bytes = this.#received;
    this.#received = bytes.subarray(end);
    const opcode = bytes.readUInt8(0) & 0x0f;
    const kind = (['text', 'close', 'ping', 'pong'] as const).find((name) => OPCODES[name] === opcode);
    if (kind === undefined) throw new Error(`a frame with the opcode ${opcode}`);
    const payload = bytes.subarray(begin, end);
    const plain = isMasked ? masked(payload, bytes.subarray(begin - 4, begin)) : payload;
    return { kind, text: plain.toString() };
  }
}

function masked(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}

/** Makes a server accept WebSockets on every path but /refused, and call `serve` with each. */
export function acceptWebSockets(
  server: Server,
  serve: (end: WebSocketEnd, request: IncomingMessage) => void,
): void {
  server.on('upgrade', (request, stream, head) => {
    if (request.url === '/refused') {
      stream.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n');
      return;
    }
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    stream.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    serve(new WebSocketEnd(stream, 'server', head), request);
  });
}

/**
 * Sends its path, then echoes every text, and ends on a close frame or when the other side has
 * closed.
 */
export async function echoTexts(
  end: WebSocketEnd,
  { url }: { readonly url?: string | undefined },
): Promise<void> {
  end.send('text', `this is ${url}`);
  for (let frame = await end.next(); frame; frame = await end.next()) {
    end.send(frame.kind === 'ping' ? 'pong' : frame.kind, frame.text);
    if (frame.kind === 'close') break;
  }
  end.stream.end();
}

/** Waits until the stream is closed in both directions. */
export async function over(stream: Duplex): Promise<void> {
  stream.resume();
  if (!stream.closed) await once(stream, 'close', { signal: AbortSignal.timeout(10_000) });
}
