import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { systemErrorCode } from '../errors.ts';
import type { Emit } from '../events.ts';

/** Answers the requests below /evidences/ that HAProxy forwards. */
export interface EvidenceServer extends AsyncDisposable {
  /** The port on 127.0.0.1. */
  readonly port: number;
}

const PREFIX = '/evidences';
/** Bytes. Evidence is a few small files; larger files are not read into memory. */
const LARGEST_FILE = 1_048_576;
/** Milliseconds of silence after which a connection is closed. */
const STALLED_MS = 10_000;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.pem': 'application/x-pem-file',
};
const TEXT = 'text/plain; charset=utf-8';

/** Evidence is public, even to pages of other sites, and changes with each renewal. */
const HEADERS = {
  'access-control-allow-origin': '*',
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
};

/**
 * Serves the files of one directory, without subdirectories, on 127.0.0.1. The directory is read
 * for each request.
 */
export async function startEvidenceServer(directory: string, emit: Emit): Promise<EvidenceServer> {
  const server = createServer((request, response) => {
    answer(directory, request, response).catch((error: unknown) => {
      emit({ type: 'evidence-failed', during: 'request', url: request.url, error });
      if (!response.headersSent) refuse(response, 500, 'the evidence cannot be read');
      else response.destroy();
    });
  });
  // HAProxy has few connections for this, so a stalled one is closed.
  server.requestTimeout = STALLED_MS;
  server.setTimeout(STALLED_MS);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('error', (error) => emit({ type: 'evidence-failed', during: 'serve', error }));
  return {
    // A server that listens on TCP has an address with a port.
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    refuse(response, 405, 'evidence is read-only');
    return;
  }
  // The target may be in absolute form (RFC 9112 §3.2.2).
  const [path = ''] = (request.url ?? '').replace(/^https?:\/\/[^/?]*/i, '').split('?');
  if (path === PREFIX) {
    response.setHeader('location', `${PREFIX}/`);
    refuse(response, 301, `see ${PREFIX}/`);
    return;
  }
  const name = path.slice(PREFIX.length + 1);
  const body = name === '' ? await listing(directory) : await contentOf(directory, name);
  if (body === undefined) {
    refuse(response, 404, 'there is no such evidence');
    return;
  }
  response.writeHead(200, { ...HEADERS, 'content-type': CONTENT_TYPES[extname(name)] ?? TEXT });
  response.end(body);
}

/** The names of the files, one per line. */
async function listing(directory: string): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(emptyWhereMissing);
  const names = entries.filter((entry) => entry.isFile() && isFileName(entry.name)).map(({ name }) => name);
  return names
    .sort()
    .map((name) => `${name}\n`)
    .join('');
}

/** The bytes of a file; undefined for anything else: a link, a directory, a path. */
async function contentOf(directory: string, name: string): Promise<Buffer | undefined> {
  if (!isFileName(name)) return undefined;
  try {
    // A link would let a writer of the directory read files that only the ingress may read.
    const file = await open(
      join(directory, name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const stat = await file.stat();
      return stat.isFile() && stat.size <= LARGEST_FILE ? await file.readFile() : undefined;
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return undefined;
    throw thrown;
  }
}

/**
 * Whether it is a plain file name, such as `_wildcard.example.com` or `cert-*.pem`: not a path, not
 * hidden.
 */
function isFileName(name: string): boolean {
  return /^[A-Za-z0-9_*-][A-Za-z0-9._*-]{0,254}$/.test(name);
}

function emptyWhereMissing(thrown: unknown): [] {
  if (hasCode(thrown, 'ENOENT', 'ENOTDIR')) return [];
  throw thrown;
}

function hasCode(thrown: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(systemErrorCode(thrown) ?? '');
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': TEXT });
  response.end(`${status}: ${sentence}\n`);
}
