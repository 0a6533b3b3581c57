import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type OpenServer, openServer } from '../open-server.ts';
import { createTcpSplitter, type Endpoint, withLength } from './dns-client.ts';

/** What replaces the response to a message. */
export type UpdateFault =
  /**
   * `servfail`, `refused` and `notauth`: responses without a signature. `nonsense`: an unsigned
   * success. `truncated`: half a message with a matching length. `stall`: half a message, then
   * silence. `html`: not DNS at all.
   */
  | 'servfail'
  | 'refused'
  | 'notauth'
  | 'nonsense'
  | 'truncated'
  | 'stall'
  | 'html'
  | 'reset'
  | 'hang'
  /** The message is carried out, and its response is lost. */
  | 'lost';

export type MessageKind = 'read' | 'write';

interface Rule {
  readonly fault: UpdateFault;
  readonly kind: MessageKind | 'any';
  left: number;
}

export interface UpdateFrontOptions {
  /** The name server behind the front. */
  readonly behind: () => Endpoint;
  /** Awaited before a message is passed on. */
  readonly ready: () => Promise<void>;
}

const UPDATE = 5;
const RCODES = { servfail: 2, refused: 5, notauth: 9, nonsense: 0 } as const;
const HTML = '<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body></body></html>';

/**
 * A proxy before a name server's TCP port: passes messages on unchanged, counts them, and breaks
 * some.
 */
export class UpdateFront implements AsyncDisposable {
  readonly #options: UpdateFrontOptions;
  readonly #open: OpenServer;
  /** Called before each message is passed on, to simulate another writer. */
  onMessage: (kind: MessageKind) => void = () => undefined;
  /**
   * Called after each update that was passed on and before its response, to publish the new
   * content.
   */
  onWritten: () => Promise<void> = async () => undefined;
  #rules: Rule[] = [];
  #calls: MessageKind[] = [];

  private constructor(options: UpdateFrontOptions, open: OpenServer) {
    this.#options = options;
    this.#open = open;
  }

  static async start(options: UpdateFrontOptions): Promise<UpdateFront> {
    let serve: ((client: Socket) => void) | undefined;
    const server = createServer((client) => serve?.(client));
    const front = new UpdateFront(options, await openServer(server, { host: '127.0.0.1', port: 0 }));
    serve = (client) => front.#serve(client);
    return front;
  }

  get port(): number {
    return this.#open.port;
  }

  /** The messages since the start or the last reset, in order of arrival. */
  get calls(): readonly MessageKind[] {
    return this.#calls;
  }

  resetCalls(): void {
    this.#calls = [];
  }

  fail(fault: UpdateFault, kind: MessageKind | 'any', times: number): void {
    this.#rules.push({ fault, kind, left: times });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }

  #serve(client: Socket): void {
    const split = createTcpSplitter();
    client.on('data', async (piece: Buffer) => {
      for (const message of split(piece)) await this.#answer(message, client);
    });
  }

  async #answer(message: Buffer, client: Socket): Promise<void> {
    const kind = ((message[2] ?? 0) >> 3) % 16 === UPDATE ? 'write' : 'read';
    this.#calls.push(kind);
    const rule = this.#rules.find((one) => one.left > 0 && (one.kind === 'any' || one.kind === kind));
    if (rule) rule.left -= 1;
    if (rule && rule.fault !== 'lost') return breakWith(rule.fault, message, client);
    this.onMessage(kind);
    try {
      await this.#options.ready();
    } catch (thrown) {
      client.destroy(new Error('not ready', { cause: thrown }));
      throw thrown;
    }
    const upstream = connect({ host: '127.0.0.1', port: this.#options.behind().port });
    client.on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    upstream.write(withLength(message));
    if (!rule && kind === 'read') return void upstream.pipe(client);
    const [answer] = await once(upstream, 'data');
    await this.onWritten();
    if (rule) client.resetAndDestroy();
    else client.write(answer);
  }
}

function breakWith(fault: Exclude<UpdateFault, 'lost'>, message: Buffer, client: Socket): void {
  const half = Buffer.from(message.subarray(0, message.length / 2));
  half[2] = (half[2] ?? 0) | 0x80;
  switch (fault) {
    case 'hang':
      return;
    case 'reset':
      client.resetAndDestroy();
      return;
    case 'html':
      client.end(HTML);
      return;
    case 'truncated':
      client.write(withLength(half));
      return;
    case 'stall':
      client.write(withLength(message).subarray(0, message.length / 2));
      return;
    default:
      client.write(withLength(unsigned(message, RCODES[fault])));
  }
}

/** The header of a message as a response: no question, no records, no signature. */
function unsigned(message: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(12);
  message.copy(answer, 0, 0, 3);
  answer[2] = (answer[2] ?? 0) | 0x80;
  answer[3] = rcode;
  return answer;
}
