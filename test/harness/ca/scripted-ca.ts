import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { TestContext } from 'node:test';
import type { AccountStore } from '../../../src/acme/account-store.ts';
import { type AcmeClient, type AcmeClientOptions, createAcmeClient } from '../../../src/acme/client.ts';
import { Secret } from '../../../src/config/secret.ts';
import { openServer } from '../../world/open-server.ts';
import { afterTest } from '../after-test.ts';
import { createFakeClock } from '../fake-clock.ts';

/** What a CA answers to one request. */
export interface ScriptedResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A server over plain HTTP that answers as the listener does; gives its URL without a slash at the end. */
export async function startScriptedCa(t: TestContext, listener: RequestListener): Promise<string> {
  const server = await openServer(createServer(listener), { host: '127.0.0.1', port: 0 });
  afterTest(t, () => server[Symbol.asyncDispose]());
  return `http://127.0.0.1:${server.port}`;
}

/** An authority with an account at a CA that answers as the listener does. */
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

/** A store with one account, which is registered when it has a URL. */
export function createMemoryAccountStore(url?: string): AccountStore {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = new Secret(String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  return {
    load: async () => ({ keyPem, path: '', url }),
    create: () => Promise.reject(new Error('there is an account')),
    register: async (account, registered) => ({ ...account, url: registered }),
    markEnded: () => Promise.reject(new Error('the account stays')),
    lastEndedAt: async () => undefined,
    endedUrls: async () => [],
  };
}

/**
 * A CA that answers signed requests with these, one after the other (the last one stays), and any other request with its
 * directory, which also has `more`.
 */
export function signedResponses(
  answers: readonly ScriptedResponse[],
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
    } = answers[Math.min(posts.length, answers.length - 1)] ?? {
      body: {},
    };
    posts.push(payloadOf(await request.setEncoding('utf8').toArray()));
    return void response.writeHead(status, headers).end(JSON.stringify(body));
  };
  return {
    listener,
    /** What was signed, in order; undefined where nothing was sent (POST-as-GET). */
    posts: posts as readonly unknown[],
  };
}

function payloadOf(chunks: readonly string[]): unknown {
  const { payload } = JSON.parse(chunks.join(''));
  return payload === '' ? undefined : JSON.parse(Buffer.from(payload, 'base64url').toString());
}
