import type { Authorization, Client, Order } from 'acme-client';
import type { Clock } from '../clock.ts';
import type { AccountStore, StoredAccount } from './account-store.ts';
import { persist } from './persist.ts';
import { isProblem } from './problem.ts';
import { loadTransport, type Transport } from './transport.ts';

export type { Authorization, Order };
export type Challenge = Authorization['challenges'][number];

export interface AuthorityOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly userAgent: string;
  readonly accounts: AccountStore;
  readonly clock: Clock;
}

const LETS_ENCRYPT = 'letsencrypt.org';

/** One certificate authority, spoken to by one account (RFC 8555). Every verb throws ACME_* errors. */
export interface CertificateAuthority {
  /** The account's URL; the account is made once and kept. Asks the CA only when it is not on the volume. */
  accountUrl(signal: AbortSignal): Promise<string>;
  /** The URL of the account that lies on the volume, if any. Makes no account and asks nobody. Throws STORE_FAILED. */
  storedAccountUrl(): Promise<string | undefined>;
  /** The name to put into CAA records (RFC 8555 §9.7.6, `caaIdentities`). Needs no account. */
  caaIdentity(signal: AbortSignal): Promise<string>;
  createOrder(names: readonly string[], signal: AbortSignal): Promise<Order>;
  authorizations(order: Order, signal: AbortSignal): Promise<Authorization[]>;
  /** The TXT value that answers a dns-01 challenge (RFC 8555 §8.4). */
  challengeValue(challenge: Challenge, signal: AbortSignal): Promise<string>;
  /** Tells the CA that the challenge can be validated. */
  respond(challenge: Challenge, signal: AbortSignal): Promise<void>;
  /** Reads an order or one authorization again, with the pause in milliseconds that the CA wants before the next look. */
  pollOrder(order: Order, signal: AbortSignal): Promise<{ now: Order; pauseMs: number | undefined }>;
  pollAuthorization(
    authorization: Authorization,
    signal: AbortSignal,
  ): Promise<{ now: Authorization; pauseMs: number | undefined }>;
  finalize(order: Order, csr: string, signal: AbortSignal): Promise<Order>;
  /** The chain in PEM, leaf first. */
  certificate(order: Order, signal: AbortSignal): Promise<string>;
}

interface Session {
  readonly client: Client;
  readonly transport: Transport;
  readonly url: string;
}

export function createAuthority(options: AuthorityOptions): CertificateAuthority {
  const { directoryUrl, userAgent, clock } = options;
  const sessions = createSessions(options);
  let identity: string | undefined;

  async function ask<T>(signal: AbortSignal, request: (session: Session) => Promise<T>): Promise<T> {
    try {
      const session = await sessions.open(signal);
      return await persist(() => request(session), clock, signal);
    } catch (thrown) {
      if (isProblem(thrown, 'accountDoesNotExist')) sessions.forget();
      throw thrown;
    }
  }

  async function askIdentity(): Promise<string> {
    const { caaIdentities } = await loadTransport(clock, userAgent);
    const [first = LETS_ENCRYPT] = await caaIdentities(directoryUrl);
    return first;
  }

  return {
    storedAccountUrl: () => sessions.storedUrl(),
    accountUrl: async (signal) => (await sessions.storedUrl()) ?? (await ask(signal, async ({ url }) => url)),
    async caaIdentity(signal) {
      if (new URL(directoryUrl).hostname.endsWith('.api.letsencrypt.org')) return LETS_ENCRYPT;
      // A CA does not change its name; one that is down must not keep records from being mended.
      identity ??= await persist(askIdentity, clock, signal);
      return identity;
    },
    createOrder: (names, signal) =>
      ask(signal, ({ client }) =>
        client.createOrder({ identifiers: names.map((value) => ({ type: 'dns', value })) }),
      ),
    authorizations: (order, signal) => ask(signal, ({ client }) => client.getAuthorizations(order)),
    challengeValue: (challenge, signal) =>
      ask(signal, ({ client }) => client.getChallengeKeyAuthorization(challenge)),
    respond: (challenge, signal) =>
      ask(signal, async ({ client }) => void (await client.completeChallenge(challenge))),
    pollOrder: (order, signal) =>
      ask(signal, async ({ client, transport }) => {
        const now = await client.getOrder(order);
        return { now, pauseMs: transport.retryAfterMs(order.url) };
      }),
    pollAuthorization: (authorization, signal) =>
      ask(signal, async ({ client, transport }) => {
        // The client reads nothing of an order but the URLs of its authorizations.
        const [now = authorization] = await client.getAuthorizations({
          authorizations: [authorization.url],
        } as Order);
        return { now, pauseMs: transport.retryAfterMs(authorization.url) };
      }),
    finalize: (order, csr, signal) => ask(signal, ({ client }) => client.finalizeOrder(order, csr)),
    certificate: (order, signal) => ask(signal, ({ client }) => client.getCertificate(order)),
  };
}

/** The account's conversation with the CA: opened when first needed, kept, opened anew after a failure. */
function createSessions({ directoryUrl, email, userAgent, accounts, clock }: AuthorityOptions) {
  let account: StoredAccount | undefined;
  let session: Promise<Session> | undefined;

  async function stored(): Promise<StoredAccount | undefined> {
    account ??= await accounts.load();
    return account;
  }

  async function connect(signal: AbortSignal): Promise<Session> {
    const transport = await loadTransport(clock, userAgent);
    const found = (await stored()) ?? (await accounts.create());
    account = found;
    const client = transport.connect(directoryUrl, found.keyPem, found.url);
    if (found.url !== undefined) return { client, transport, url: found.url };
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    const request = { termsOfServiceAgreed: true, ...contact };
    const body = await persist(() => register(client, request), clock, signal);
    const url = client.getAccountUrl();
    account = await accounts.register(found, url, body);
    return { client, transport, url };
  }

  return {
    storedUrl: async () => (await stored())?.url,
    open(signal: AbortSignal): Promise<Session> {
      session ??= connect(signal).catch((thrown: unknown) => {
        session = undefined;
        throw thrown;
      });
      return session;
    },
    /** The CA does not know the account any more (RFC 8555 §7.3.1): the next conversation registers its key again. */
    forget(): void {
      session = undefined;
      if (account) account = { ...account, url: undefined };
    },
  };
}

/**
 * Opens an account, or finds the one that the key has already (RFC 8555 §7.3). For the latter acme-client goes on to
 * update the account, which CAs may refuse; by then the account's URL is known, and that is all that was asked for.
 */
async function register(client: Client, request: Parameters<Client['createAccount']>[0]): Promise<unknown> {
  try {
    return await client.createAccount(request);
  } catch (thrown) {
    if (!hasAccountUrl(client)) throw thrown;
    return {};
  }
}

function hasAccountUrl(client: Client): boolean {
  try {
    return client.getAccountUrl() !== '';
  } catch {
    return false;
  }
}
