import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { AcmeAnswer, AcmeRequest } from './acme-fault.ts';
import type { Pebble } from './pebble.ts';

/** The CA behind a front. */
export type Upstream = Pick<Pebble, 'directoryUrl' | 'apiCaFile'>;

/** A request as it arrived, byte for byte. */
export interface WholeRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

// Fields of one connection, not of the message (RFC 9110 §7.6.1), or recomputed.
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length'];

/** Reads a complete request. */
export async function readRequest(incoming: IncomingMessage): Promise<WholeRequest> {
  const { method = 'GET', url = '/', headers } = incoming;
  return { method, target: url, headers, body: await readAll(incoming) };
}

/**
 * Forwards a request with its Host field: Pebble builds its URLs from that, and requires it in the
 * URL that a JWS is signed for (RFC 8555 §6.4). Rejects if the CA cannot be reached.
 */
export async function forward(
  { directoryUrl, apiCaFile }: Upstream,
  { method, target, headers, body }: WholeRequest,
): Promise<AcmeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<AcmeAnswer>();
  const { hostname: host, port } = new URL(directoryUrl);
  const ca = readFileSync(apiCaFile, 'utf8');
  // Without a server name of its own, Node.js would take the one of the Host field and verify it.
  const where = { host, port, ca, servername: '', agent: false };
  const sent = request({ ...where, method, path: target, headers: { ...headers, connection: 'close' } });
  sent.on('error', reject);
  sent.on('response', (response) => {
    const kept = Object.entries(response.headers).filter(([name]) => !HOP_BY_HOP.includes(name));
    readAll(response).then((whole) => {
      resolve({ status: response.statusCode ?? 502, headers: Object.fromEntries(kept), body: whole });
    }, reject);
  });
  sent.end(body);
  return promise;
}

/** Classifies a request for the counts. */
export function describeRequest({ method, target, headers, body }: WholeRequest): AcmeRequest {
  const path = target.replace(/\?.*/s, '');
  // Only the URLs of created resources have more than one path segment.
  const kind = `${method} ${path.replace(/^(\/.+\/).+$/, '$1')}`;
  return { method, path, kind, headers, payload: payloadOf(body), at: new Date() };
}

function payloadOf(body: Buffer): unknown {
  try {
    const { payload } = JSON.parse(body.toString('utf8'));
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await stream.toArray());
}
