import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import {
  createServer as createH2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { createServer as createTcpServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { makeCertificate } from '../ca/certificates.ts';
import { listen } from './listen.ts';

/** A request as an app received it. */
export interface SeenRequest {
  readonly app: string;
  readonly method: string;
  readonly url: string;
  readonly version: string;
  /** Names and values in turn, unchanged. */
  readonly raw: readonly string[];
  /** Identifies a connection to the app. */
  readonly connection: number;
  readonly body: string;
  readonly trailers: readonly string[];
}

/** The values of a header field that the app received. */
export function valuesOf({ raw }: Pick<SeenRequest, 'raw'>, name: string): string[] {
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name);
}

/** Responds to every request with the request as received, and adds it to `seen` for the test. */
export function mirror(app: string, seen: SeenRequest[] = []): RequestListener {
  return async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const found: SeenRequest = {
      ...{ app, method: request.method ?? '', url: request.url ?? '', version: request.httpVersion },
      ...{ raw: request.rawHeaders, connection: request.socket.remotePort ?? 0 },
      ...{ body: Buffer.concat(chunks).toString(), trailers: request.rawTrailers },
    };
    seen.push(found);
    response.setHeader('content-type', 'application/json');
    const text = JSON.stringify(found).replace(/[^ -~]/g, (letter) => {
      return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    response.setHeader('content-length', text.length);
    response.end(Buffer.from(text));
  };
}

/** Parses a response of `mirror`. */
export function mirrored(body: string): SeenRequest {
  return JSON.parse(body);
}

/** An app that speaks HTTP/1.1 without TLS. Resolves with its port. */
export async function startHttpApp(
  t: TestContext,
  listener: RequestListener,
  prepare: (server: Server) => void = () => undefined,
): Promise<number> {
  const server = createServer({ maxHeaderSize: 1_000_000 }, listener);
  prepare(server);
  return await listen(t, server);
}

/** An app that speaks HTTP/2 only, by default without TLS. Resolves with its port. */
export async function startH2App(
  t: TestContext,
  prepare: (server: Http2Server | Http2SecureServer) => void,
  { settings = {}, tls = false }: { settings?: Settings; tls?: boolean } = {},
): Promise<number> {
  const server = tls ? await secureH2Server(settings) : createH2Server({ settings });
  prepare(server);
  server.on('sessionError', () => undefined);
  return await listen(t, server);
}

async function secureH2Server(settings: Settings): Promise<Http2SecureServer> {
  const { chainPem, keyPem } = await makeCertificate({ names: ['inside.example'] });
  return createSecureServer({ settings, cert: chainPem, key: keyPem, allowHTTP1: false });
}

/**
 * An app that detects by the first bytes of a connection which HTTP it speaks, without TLS.
 * Resolves with its port.
 */
export async function startEitherApp(t: TestContext, listener: RequestListener): Promise<number> {
  const h1 = createServer(listener);
  // Node's compatibility API, which accepts listeners for HTTP/1.1.
  const h2 = createH2Server(listener as unknown as Parameters<typeof createH2Server>[1]);
  const server = createTcpServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('readable', () => {
      const first: Buffer = socket.read() ?? Buffer.alloc(0);
      socket.unshift(first);
      (first.toString('latin1').startsWith('PRI ') ? h2 : h1).emit('connection', socket);
    });
  });
  return await listen(t, server);
}

export type AnyRequest = IncomingMessage | Http2ServerRequest;
export type AnyResponse = ServerResponse | Http2ServerResponse;

export interface TextAppOptions {
  readonly speaks: 'http/1.1' | 'h2';
  readonly host?: string;
  readonly port?: number;
}

/**
 * An app that responds to each request with the text of `answer`; without a text, it does not
 * respond.
 */
export async function startTextApp(
  t: TestContext,
  { speaks, ...where }: TextAppOptions,
  answer: (request: AnyRequest) => string | undefined,
): Promise<number> {
  const serve = (request: AnyRequest, response: AnyResponse) => {
    const text = answer(request);
    if (text !== undefined) response.end(text);
  };
  return await listen(t, speaks === 'h2' ? createH2Server(serve) : createServer(serve), where);
}

/**
 * An HTTP/1.1 app that responds with the path, and echoes after an Upgrade to the protocol `echo`
 * (RFC 9110 §7.8).
 */
export async function startUpgradingApp(t: TestContext): Promise<number> {
  const server = createServer((request, response) => response.end(request.url));
  server.on('upgrade', (_request, socket, head) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    socket.unshift(head);
    socket.pipe(socket);
  });
  return await listen(t, server);
}

/**
 * An HTTP/2 app that echoes the body of each request while it arrives, as a bidirectional gRPC call
 * does.
 */
export async function startStreamingApp(t: TestContext): Promise<number> {
  return await startH2App(t, (server) => {
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.pipe(stream);
    });
  });
}
