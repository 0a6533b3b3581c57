import { once } from 'node:events';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';

/** An encoded gRPC message: uncompressed, its length, its bytes. */
export function message(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** The messages of a stream, in order. */
export async function* messages(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      yield bytes.toString('utf8', 5, end);
      bytes = bytes.subarray(end);
    }
  }
}

const GRPC = { 'content-type': 'application/grpc' };

/** A call as received by the app. */
export interface SeenCall {
  readonly headers: IncomingHttpHeaders;
  /** The code of the RST_STREAM that ended it; 0 for none. */
  readonly ended: Promise<number>;
}

/**
 * The methods of a gRPC app: /echo returns each message, /refuse fails before the first one, /break
 * resets after it, and /hang never ends.
 */
export function serveCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): SeenCall {
  stream.on('error', () => undefined);
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  stream.on('close', () => resolve(stream.rstCode ?? 0));
  switch (headers[':path']) {
    case '/refuse':
      stream.respond(
        { ':status': 200, ...GRPC, 'grpc-status': '7', 'grpc-message': 'not you' },
        { endStream: true },
      );
      break;
    case '/break':
      stream.respond({ ':status': 200, ...GRPC });
      stream.write(message('half'));
      stream.once('data', () => stream.close(2));
      break;
    case '/hang':
      stream.respond({ ':status': 200, ...GRPC });
      break;
    default:
      // The client may close the connection before the stream ends.
      echo(stream).catch(() => undefined);
  }
  return { headers, ended };
}

async function echo(stream: ServerHttp2Stream): Promise<void> {
  stream.respond({ ':status': 200, ...GRPC }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'done' }));
  for await (const text of messages(stream)) stream.write(message(text));
  stream.end();
}

/** Begins a call as gRPC clients do. */
export function call(session: ClientHttp2Session, path: string, timeout = '1M'): ClientHttp2Stream {
  return session.request(
    { ':method': 'POST', ':path': path, te: 'trailers', 'grpc-timeout': timeout, ...GRPC },
    { endStream: false },
  );
}

/** Resolves with the trailers of a call. */
export async function trailersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const [trailers] = await once(stream, 'trailers', { signal: AbortSignal.timeout(10_000) });
  return trailers;
}
