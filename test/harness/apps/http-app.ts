import { createServer, type RequestListener, type Server } from 'node:http';
import {
  createServer as createH2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type Settings,
} from 'node:http2';
import { createServer as createTcpServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { openServer } from '../../world/open-server.ts';
import { afterTest } from '../after-test.ts';
import { makeCertificate } from '../ca/certificates.ts';

/** What an app saw of a request. */
export interface SeenRequest {
  readonly app: string;
  readonly method: string;
  readonly url: string;
  readonly version: string;
  /** As they came: names and values by turns. */
  readonly raw: readonly string[];
  /** Tells one connection to the app from another. */
  readonly connection: number;
  readonly body: string;
  readonly trailers: readonly string[];
}

/** The values of a header that the app saw. */
export function valuesOf({ raw }: Pick<SeenRequest, 'raw'>, name: string): string[] {
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name);
}

/**
 * Answers every request with what was seen of it. Also speaks of it to the test, through `seen`.
 */
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

/** What `mirror` answered. */
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
  return await opened(t, server);
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
  return await opened(t, server);
}

async function secureH2Server(settings: Settings): Promise<Http2SecureServer> {
  const { chainPem, keyPem } = await makeCertificate({ names: ['inside.example'] });
  return createSecureServer({ settings, cert: chainPem, key: keyPem, allowHTTP1: false });
}

/**
 * An app that finds out by the first bytes of a connection which HTTP it speaks, without TLS.
 * Resolves with its port.
 */
export async function startEitherApp(t: TestContext, listener: RequestListener): Promise<number> {
  const h1 = createServer(listener);
  // The compatibility API of Node's: it is made for listeners of HTTP/1.1.
  const h2 = createH2Server(listener as unknown as Parameters<typeof createH2Server>[1]);
  const server = createTcpServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('readable', () => {
      const first: Buffer = socket.read() ?? Buffer.alloc(0);
      socket.unshift(first);
      (first.toString('latin1').startsWith('PRI ') ? h2 : h1).emit('connection', socket);
    });
  });
  return await opened(t, server);
}

async function opened(t: TestContext, server: Parameters<typeof openServer>[0]): Promise<number> {
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return open.port;
}
