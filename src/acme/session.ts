import type { Client } from 'acme-client';
import { type AccountBinding, bindingMissing, explainRefusal } from './account-binding.ts';
import type { AccountStore, StoredAccount } from './account-store.ts';
import { persist } from './persist.ts';
import { loadTransport } from './transport.ts';
import type { UnsignedRequests } from './unsigned.ts';
import type { Wire } from './wire.ts';

export interface SessionOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly binding: AccountBinding | undefined;
  readonly accounts: AccountStore;
  readonly wire: Wire;
  readonly unsigned: UnsignedRequests;
}

/** A conversation with the CA as one account. */
export interface Session {
  /** The account's URL. */
  readonly url: string;
  /** Asks once. Throws ACME_* errors. */
  ask<T>(request: (client: Client) => Promise<T>): Promise<T>;
}

/** The account's conversation with the CA: opened when first needed, kept, opened anew after a failure. */
export interface Sessions {
  /** The URL of the account that lies on the volume, if any. Throws STORE_FAILED. */
  storedUrl(): Promise<string | undefined>;
  /** Registers the account when it is not on the volume. Throws ACME_* errors and STORE_FAILED. */
  open(signal: AbortSignal): Promise<Session>;
  /** The CA does not know the account any more (RFC 8555 §7.3.1): the next conversation registers its key again. */
  forget(): void;
}

export function createSessions(options: SessionOptions): Sessions {
  const { accounts, wire, directoryUrl, binding } = options;
  let account: StoredAccount | undefined;
  let session: Promise<Session> | undefined;

  async function stored(): Promise<StoredAccount | undefined> {
    account ??= await accounts.load();
    return account;
  }

  async function connect(signal: AbortSignal): Promise<Session> {
    const transport = await loadTransport();
    const found = (await stored()) ?? (await accounts.create());
    account = found;
    const { keyPem: accountKey, url: accountUrl } = found;
    const client = transport.connect({ directoryUrl, accountKey, accountUrl, binding });
    const ask: Session['ask'] = (request) => transport.speak(wire, () => request(client));
    if (accountUrl !== undefined) return { url: accountUrl, ask };
    const body = await register(options, ask, signal);
    const url = client.getAccountUrl();
    account = await accounts.register(found, url, body);
    return { url, ask };
  }

  return {
    storedUrl: async () => (await stored())?.url,
    open(signal) {
      session ??= connect(signal).catch((thrown: unknown) => {
        session = undefined;
        throw thrown;
      });
      return session;
    },
    forget() {
      session = undefined;
      if (account) account = { ...account, url: undefined };
    },
  };
}

async function register(
  { directoryUrl, email, binding, unsigned, wire }: SessionOptions,
  ask: Session['ask'],
  signal: AbortSignal,
): Promise<unknown> {
  if (!binding && (await unsigned.directory(signal)).externalAccountRequired)
    throw bindingMissing(directoryUrl);
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  const request = { termsOfServiceAgreed: true, ...contact };
  try {
    return await persist(() => ask((client) => createAccount(client, request)), wire.clock, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    throw explainRefusal(thrown, directoryUrl, binding);
  }
}

/**
 * Opens an account, or finds the one that the key has already (RFC 8555 §7.3). For the latter acme-client goes on to
 * update the account, which CAs may refuse; by then the account's URL is known, and that is all that was asked for.
 */
async function createAccount(
  client: Client,
  request: Parameters<Client['createAccount']>[0],
): Promise<unknown> {
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
