import { basename } from 'node:path';
import type { Client } from 'acme-client';
import { IngressError, isIngressError } from '../errors.ts';
import { bindingMissing, type ExternalAccountBinding, explainRefusal } from './account-binding.ts';
import { type AccountStatus, accountUrlOf, fetchAccountStatus, mayConcernAccount } from './account-status.ts';
import type { AccountStore, StoredAccount } from './account-store.ts';
import type { HttpContext } from './http.ts';
import { withRetries } from './persist.ts';
import { isProblem } from './problem.ts';
import { loadSignedHttp } from './signed-http.ts';
import type { DirectoryClient } from './unsigned.ts';

export interface SessionOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly binding: ExternalAccountBinding | undefined;
  readonly accounts: AccountStore;
  readonly wire: HttpContext;
  readonly unsigned: DirectoryClient;
  /** Says what a person should know. */
  readonly warn: (sentence: string) => void;
}

/** A conversation with the CA as one account. */
export interface AccountSession {
  /** The account's URL. */
  readonly url: string;
  /** Asks once. Throws ACME_* errors. */
  send<T>(request: (client: Client) => Promise<T>): Promise<T>;
}

/** The account's conversation with the CA: opened when first needed, kept, opened anew after a failure. */
export interface AccountManager {
  /** The URL of the account that lies on the volume, if any. Throws STORE_FAILED. */
  storedUrl(): Promise<string | undefined>;
  /** Registers the account when it is not on the volume. Throws ACME_* errors and STORE_FAILED. */
  open(signal: AbortSignal): Promise<AccountSession>;
  /**
   * What is to be thrown for a refusal. One that is of the account itself leads to another account first, and to
   * ACME_ACCOUNT_REPLACED: CAA records have to name it before anything is ordered with it.
   */
  handleRefusal(refusal: unknown, asked: AccountSession, signal: AbortSignal): Promise<unknown>;
  /**
   * Gives a refusal back as it is. An account that the CA does not know any more (RFC 8555 §7.3.1) is registered again by the next
   * conversation; nothing else is made of it.
   */
  handleUnknownAccount(refusal: unknown): Promise<unknown>;
}

/** What became of an account that a request was refused for. */
type Outcome =
  | { readonly kind: 'good' }
  | { readonly kind: 'replaced'; readonly account: StoredAccount }
  /** It has ended, and there was another one only a short while ago. */
  | { readonly kind: 'waits'; readonly until: Date };

/** Milliseconds between two accounts; whoever ends each at once does not want us to make more. */
const BETWEEN_ACCOUNTS_MS = 24 * 3_600_000;

export function createAccountManager(options: SessionOptions): AccountManager {
  const { accounts, wire, directoryUrl, binding, warn } = options;
  const { clock } = wire;
  let account: StoredAccount | undefined;
  let session: Promise<AccountSession> | undefined;
  let inquiry: Promise<Outcome> | undefined;
  /** What is to be said of an account that has ended, once there is another one. */
  let ended: string | undefined;

  async function stored(): Promise<StoredAccount | undefined> {
    account ??= await accounts.load();
    return account;
  }

  async function connect(signal: AbortSignal): Promise<AccountSession> {
    const transport = await loadSignedHttp();
    const found = (await stored()) ?? (await accounts.create());
    account = found;
    const { keyPem: accountKey, url: accountUrl } = found;
    const client = transport.createClient({ directoryUrl, accountKey, accountUrl, binding });
    const ask: AccountSession['send'] = (request) => transport.send(wire, () => request(client));
    if (accountUrl !== undefined) return { url: accountUrl, send: ask };
    try {
      const body = await register(options, ask, signal);
      const url = client.getAccountUrl();
      account = await accounts.register(found, url, body);
      tellOfSuccessor(url);
      return { url, send: ask };
    } catch (thrown) {
      signal.throwIfAborted();
      const standing = mayConcernAccount(thrown) ? await look(found, signal) : undefined;
      if (standing?.kind !== 'ended') throw explainRefusal(thrown, directoryUrl, binding);
      const until = await retire(found, standing.why);
      if (until !== undefined) throw waiting(thrown, until);
      return connect(signal);
    }
  }

  function open(signal: AbortSignal): Promise<AccountSession> {
    session ??= connect(signal).catch((thrown: unknown) => {
      session = undefined;
      throw thrown;
    });
    return session;
  }

  async function look(known: StoredAccount, signal: AbortSignal): Promise<AccountStatus> {
    const transport = await loadSignedHttp();
    return fetchAccountStatus(known, (accountUrl, request) => {
      const { keyPem: accountKey } = known;
      const client = transport.createClient({ directoryUrl, accountKey, accountUrl, binding: undefined });
      return withRetries(() => transport.send(wire, () => request(client)), clock, signal);
    });
  }

  /** Gives the moment before which there is no other account, when there was one only a short while ago. */
  async function retire(known: StoredAccount, why: string): Promise<Date | undefined> {
    const now = clock.now().getTime();
    const agoMs = now - ((await accounts.lastEndedAt())?.getTime() ?? Number.NEGATIVE_INFINITY);
    // A clock that was set back makes it no longer.
    if (agoMs >= 0 && agoMs < BETWEEN_ACCOUNTS_MS) return new Date(now - agoMs + BETWEEN_ACCOUNTS_MS);
    await accounts.markEnded(known, why);
    session = undefined;
    account = undefined;
    const name = known.url ?? `of the key in ${known.path}`;
    ended = `the account ${name} cannot be used any more (${why})`;
    return undefined;
  }

  function tellOfSuccessor(url: string): void {
    if (ended !== undefined) warn(`${ended}; ${url} is used from now on`);
    ended = undefined;
  }

  function forget(): void {
    session = undefined;
    if (account) account = { ...account, url: undefined };
  }

  async function note(refusal: unknown): Promise<unknown> {
    if (isProblem(refusal, 'accountDoesNotExist')) forget();
    return refusal;
  }

  async function examine(asked: AccountSession, signal: AbortSignal): Promise<Outcome> {
    const known = await stored();
    // Else it has been replaced meanwhile.
    if (known?.url === asked.url) {
      const standing = await look(known, signal);
      if (standing.kind === 'good') return standing;
      if (standing.kind === 'ended') {
        const until = await retire(known, standing.why);
        if (until !== undefined) return { kind: 'waits', until };
      } else {
        forget();
        warn(`the key in ${known.path} does not belong to the account ${asked.url}: ${standing.why}`);
      }
    }
    await open(signal);
    return account ? { kind: 'replaced', account } : { kind: 'good' };
  }

  return {
    storedUrl: async () => (await stored())?.url,
    open,
    handleUnknownAccount: note,
    async handleRefusal(refusal, asked, signal) {
      await note(refusal);
      if (!mayConcernAccount(refusal)) return refusal;
      // Twenty orders at once are refused for one account.
      inquiry ??= examine(asked, signal).finally(() => {
        inquiry = undefined;
      });
      try {
        const outcome = await inquiry;
        if (outcome.kind === 'waits') return waiting(refusal, outcome.until);
        return outcome.kind === 'good' ? refusal : replaced(asked.url, outcome.account, refusal);
      } catch (thrown) {
        signal.throwIfAborted();
        return thrown;
      }
    },
  };
}

function replaced(old: string, { url, path }: StoredAccount, cause: unknown): IngressError {
  const sentence = `the account ${old} cannot be used any more; ${url} is used from now on`;
  return new IngressError('ACME_ACCOUNT_REPLACED', sentence, {
    details: { old, url, account: basename(path) },
    cause,
  });
}

/** The refusal of an account that has ended, as it is thrown on while there is no other one. */
function waiting(refusal: unknown, until: Date): unknown {
  if (!isIngressError(refusal)) return refusal;
  return new IngressError(refusal.code, refusal.message, {
    hint: `The account has ended, and so did another one within a day. Ask the certificate authority why. The next account is made after ${until.toISOString()}.`,
    details: refusal.details,
    cause: refusal,
  });
}

async function register(
  { directoryUrl, email, binding, unsigned, wire }: SessionOptions,
  ask: AccountSession['send'],
  signal: AbortSignal,
): Promise<unknown> {
  if (!binding && (await unsigned.get(signal)).externalAccountRequired) throw bindingMissing(directoryUrl);
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  const request = { termsOfServiceAgreed: true, ...contact };
  return withRetries(() => ask((client) => createAccount(client, request)), wire.clock, signal);
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
    if (accountUrlOf(client) === undefined) throw thrown;
    return {};
  }
}
