import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { TestContext } from 'node:test';
import type { AccountStore } from '../../../src/acme/account-store.ts';
import { type AcmeClient, type AcmeClientOptions, createAcmeClient } from '../../../src/acme/client.ts';
import { Secret } from '../../../src/config/secret.ts';
import { openServer } from '../../world/open-server.ts';
import { afterTest } from '../after-test.ts';
import { createFakeClock } from '../fake-clock.ts';

/** The response to one request. */
export interface ScriptedResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Starts a CA over plain HTTP with this listener. Returns its URL without a trailing slash. */
export async function startScriptedCa(t: TestContext, listener: RequestListener): Promise<string> {
  const server = await openServer(createServer(listener), { host: '127.0.0.1', port: 0 });
  afterTest(t, () => server[Symbol.asyncDispose]());
  return `http://127.0.0.1:${server.port}`;
}

/** A client with an account at a CA with this listener. */
export async function createScriptedClient(
  t: TestContext,
  listener: RequestListener,
  options: Partial<AcmeClientOptions> = {},
): Promise<AcmeClient> {
  return createAcmeClient({
    directoryUrl: `${await startScriptedCa(t, listener)}/dir`,
    email: undefined,
    userAgent: 'dstack-ingress/test',
    accounts: createMemoryAccountStore('https://ca.example/acct/1'),
    clock: createFakeClock(),
    ...options,
  });
}

/** A store with one account, registered if there is a URL. */
export function createMemoryAccountStore(url?: string): AccountStore {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = new Secret(String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  return {
    load: async () => ({ keyPem, path: '', url }),
    create: () => Promise.reject(new Error('the store has an account')),
    register: async (account, registered) => ({ ...account, url: registered }),
    markEnded: () => Promise.reject(new Error('the account cannot end')),
    lastEndedAt: async () => undefined,
    endedUrls: async () => [],
  };
}

/**
 * A CA that responds to signed requests with these in order (the last one repeats), and to any
 * other request with its directory, including `more`.
 */
export function signedResponses(
  responses: readonly ScriptedResponse[],
  more: (base: string) => object = () => ({}),
) {
  const posts: unknown[] = [];
  const listener: RequestListener = async (request, response) => {
    const base = `http://${request.headers.host}`;
    const paths = ['newNonce', 'newAccount', 'newOrder'].map((name) => [name, `${base}/${name}`]);
    response.setHeader('replay-nonce', `nonce${posts.length}`).setHeader('content-type', 'application/json');
    if (request.method !== 'POST')
      return void response.end(JSON.stringify({ ...Object.fromEntries(paths), ...more(base) }));
    const {
      status = 200,
      headers = {},
      body,
    } = responses[Math.min(posts.length, responses.length - 1)] ?? {
      body: {},
    };
    posts.push(payloadOf(await request.setEncoding('utf8').toArray()));
    return void response.writeHead(status, headers).end(JSON.stringify(body));
  };
  return {
    listener,
    /** The signed payloads in order; undefined for POST-as-GET. */
    posts: posts as readonly unknown[],
  };
}

function payloadOf(chunks: readonly string[]): unknown {
  const { payload } = JSON.parse(chunks.join(''));
  return payload === '' ? undefined : JSON.parse(Buffer.from(payload, 'base64url').toString());
}
