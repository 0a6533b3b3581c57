import { basename } from 'node:path';
import type { Client } from 'acme-client';
import { DAY_MS } from '../duration.ts';
import { errorRegistry, IngressError, isIngressError } from '../errors.ts';
import { type AccountStatus, accountUrlOf, fetchAccountStatus, mayConcernAccount } from './account-status.ts';
import type { AccountStore, StoredAccount } from './account-store.ts';
import type { DirectoryClient } from './directory.ts';
import { type HttpContext, withRetries } from './http.ts';
import { isProblem } from './problem.ts';
import { type ExternalAccountBinding, loadSignedHttp } from './signed-http.ts';

export interface AccountManagerOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly binding: ExternalAccountBinding | undefined;
  readonly accounts: AccountStore;
  readonly http: HttpContext;
  readonly directory: DirectoryClient;
  readonly warn: (sentence: string) => void;
}

/** A registered account, ready to sign requests. */
export interface AccountSession {
  /** The account URL. */
  readonly url: string;
  /** Sends a request once, without retries. Throws ACME_* errors. */
  send<T>(request: (client: Client) => Promise<T>): Promise<T>;
}

/**
 * The account at one CA: loaded or registered on first use, and replaced once the CA no longer
 * accepts it.
 */
export interface AccountManager {
  /** The URL of the account on the volume, if any. Sends nothing. Throws STORE_FAILED. */
  storedUrl(): Promise<string | undefined>;
  /** Registers the account unless it is on the volume. Throws ACME_* errors and STORE_FAILED. */
  open(signal: AbortSignal): Promise<AccountSession>;
  /**
   * The error to throw for a refused request. If the account is the reason, switches to another
   * account first and returns ACME_ACCOUNT_REPLACED: CAA records have to name the new account
   * before it orders anything.
   */
  handleRefusal(refusal: unknown, session: AccountSession, signal: AbortSignal): Promise<unknown>;
  /**
   * Returns the refusal unchanged. If the CA does not know the account (RFC 8555 §7.3.1), the next
   * `open` registers its key again.
   */
  handleUnknownAccount(refusal: unknown): Promise<unknown>;
}

/** The result of examining the account after a refusal. */
type Examination =
  | { readonly kind: 'valid' }
  | { readonly kind: 'replaced'; readonly account: StoredAccount }
  /** The account ended too soon after the previous one: no new account before `until`. */
  | { readonly kind: 'deferred'; readonly until: Date };

/**
 * Milliseconds between two new accounts: a CA or operator that ends each one at once does not want
 * more of them.
 */
const MIN_ACCOUNT_INTERVAL_MS = DAY_MS;

export function createAccountManager(options: AccountManagerOptions): AccountManager {
  const { accounts, http, directoryUrl, binding, warn } = options;
  const { clock } = http;
  let account: StoredAccount | undefined;
  let opening: Promise<AccountSession> | undefined;
  let examining: Promise<Examination> | undefined;
  /**
   * The first half of the warning that follows once the successor of an ended account is
   * registered.
   */
  let endedWarning: string | undefined;

  async function stored(): Promise<StoredAccount | undefined> {
    account ??= await accounts.load();
    return account;
  }

  async function connect(signal: AbortSignal): Promise<AccountSession> {
    const signedHttp = await loadSignedHttp();
    const current = (await stored()) ?? (await accounts.create());
    account = current;
    const { keyPem: accountKey, url: accountUrl } = current;
    const client = signedHttp.createClient({ directoryUrl, accountKey, accountUrl, binding });
    const send: AccountSession['send'] = (request) => signedHttp.send(http, () => request(client));
    if (accountUrl !== undefined) return { url: accountUrl, send };
    try {
      const body = await register(options, send, signal);
      const url = client.getAccountUrl();
      account = await accounts.register(current, url, body);
      warnOfSuccessor(url);
      return { url, send };
    } catch (thrown) {
      signal.throwIfAborted();
      const status = mayConcernAccount(thrown) ? await fetchStatus(current, signal) : undefined;
      if (status?.kind !== 'ended') throw explainBindingRefusal(thrown, directoryUrl, binding);
      const until = await endAccount(current, status.reason);
      if (until !== undefined) throw replacementDeferred(thrown, until);
      return connect(signal);
    }
  }

  function open(signal: AbortSignal): Promise<AccountSession> {
    opening ??= connect(signal).catch((thrown: unknown) => {
      opening = undefined;
      throw thrown;
    });
    return opening;
  }

  async function fetchStatus(of: StoredAccount, signal: AbortSignal): Promise<AccountStatus> {
    const signedHttp = await loadSignedHttp();
    return fetchAccountStatus(of, (accountUrl, request) => {
      const { keyPem: accountKey } = of;
      const client = signedHttp.createClient({ directoryUrl, accountKey, accountUrl, binding: undefined });
      return withRetries(() => signedHttp.send(http, () => request(client)), clock, signal);
    });
  }

  /**
   * Records that an account has ended. Returns the earliest time of a successor if the previous
   * account ended too recently.
   */
  async function endAccount(ended: StoredAccount, reason: string): Promise<Date | undefined> {
    const now = clock.now().getTime();
    const agoMs = now - ((await accounts.lastEndedAt())?.getTime() ?? Number.NEGATIVE_INFINITY);
    // A negative age means that the clock was set back; that must not extend the wait.
    if (agoMs >= 0 && agoMs < MIN_ACCOUNT_INTERVAL_MS) return new Date(now - agoMs + MIN_ACCOUNT_INTERVAL_MS);
    await accounts.markEnded(ended, reason);
    opening = undefined;
    account = undefined;
    const name = ended.url ?? `of the key in ${ended.path}`;
    endedWarning = `the account ${name} can no longer be used (${reason})`;
    return undefined;
  }

  function warnOfSuccessor(url: string): void {
    if (endedWarning !== undefined) warn(`${endedWarning}; switched to ${url}`);
    endedWarning = undefined;
  }

  function forgetRegistration(): void {
    opening = undefined;
    if (account) account = { ...account, url: undefined };
  }

  async function handleUnknownAccount(refusal: unknown): Promise<unknown> {
    if (isProblem(refusal, 'accountDoesNotExist')) forgetRegistration();
    return refusal;
  }

  async function examine(session: AccountSession, signal: AbortSignal): Promise<Examination> {
    const current = await stored();
    // A different URL means that the account has been replaced in the meantime.
    if (current?.url === session.url) {
      const status = await fetchStatus(current, signal);
      if (status.kind === 'valid') return status;
      if (status.kind === 'ended') {
        const until = await endAccount(current, status.reason);
        if (until !== undefined) return { kind: 'deferred', until };
      } else {
        forgetRegistration();
        warn(`the key in ${current.path} does not belong to the account ${session.url}: ${status.reason}`);
      }
    }
    await open(signal);
    return account ? { kind: 'replaced', account } : { kind: 'valid' };
  }

  return {
    storedUrl: async () => (await stored())?.url,
    open,
    handleUnknownAccount,
    async handleRefusal(refusal, session, signal) {
      await handleUnknownAccount(refusal);
      if (!mayConcernAccount(refusal)) return refusal;
      // Concurrent orders are refused for the same account: one examination serves them all.
      examining ??= examine(session, signal).finally(() => {
        examining = undefined;
      });
      try {
        const result = await examining;
        if (result.kind === 'deferred') return replacementDeferred(refusal, result.until);
        return result.kind === 'valid' ? refusal : accountReplaced(session.url, result.account, refusal);
      } catch (thrown) {
        signal.throwIfAborted();
        return thrown;
      }
    },
  };
}

function accountReplaced(old: string, { url, path }: StoredAccount, cause: unknown): IngressError {
  const message = `the account ${old} can no longer be used; switched to ${url}`;
  return new IngressError('ACME_ACCOUNT_REPLACED', message, {
    details: { old, url, account: basename(path) },
    cause,
  });
}

/** The refusal of an ended account, with a hint that says when the next account may be created. */
function replacementDeferred(refusal: unknown, until: Date): unknown {
  if (!isIngressError(refusal)) return refusal;
  return new IngressError(refusal.code, refusal.message, {
    hint: `Ask the certificate authority why it ended two accounts within a day. The ingress creates the next account after ${until.toISOString()}.`,
    details: { ...refusal.details, nextAccountAfter: until.toISOString() },
    cause: refusal,
  });
}

async function register(
  { directoryUrl, email, binding, directory, http }: AccountManagerOptions,
  send: AccountSession['send'],
  signal: AbortSignal,
): Promise<unknown> {
  if (!binding && (await directory.get(signal)).externalAccountRequired) throw bindingMissing(directoryUrl);
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  const newAccount = { termsOfServiceAgreed: true, ...contact };
  return withRetries(() => send((client) => createAccount(client, newAccount)), http.clock, signal);
}

/**
 * Creates an account, or finds the existing account of the key (RFC 8555 §7.3). In the latter case
 * acme-client then updates the account, which a CA may refuse. We need only the URL, which
 * acme-client has already received.
 */
async function createAccount(
  client: Client,
  newAccount: Parameters<Client['createAccount']>[0],
): Promise<unknown> {
  try {
    return await client.createAccount(newAccount);
  } catch (thrown) {
    if (accountUrlOf(client) === undefined) throw thrown;
    return {};
  }
}

/**
 * ACME_ACCOUNT_BINDING_MISSING: the CA requires an external account binding, and none is
 * configured. Pure.
 */
export function bindingMissing(directoryUrl: string, cause?: unknown): IngressError {
  const message = `${directoryUrl} creates accounts only with an external account binding`;
  const known = isIngressError(cause) ? { cause, details: cause.details } : {};
  return new IngressError('ACME_ACCOUNT_BINDING_MISSING', message, {
    ...known,
    details: { ...known.details, directoryUrl },
  });
}

/**
 * The error to throw for a refused newAccount. Where the binding may be the reason, the hint names
 * its variables. Pure.
 */
export function explainBindingRefusal(
  refusal: unknown,
  directoryUrl: string,
  binding: ExternalAccountBinding | undefined,
): unknown {
  if (!isIngressError(refusal, 'ACME_PROBLEM')) return refusal;
  if (binding === undefined)
    return isProblem(refusal, 'externalAccountRequired') ? bindingMissing(directoryUrl, refusal) : refusal;
  if (!BINDING_PROBLEMS.some((type) => isProblem(refusal, type))) return refusal;
  const { hint } = errorRegistry.ACME_ACCOUNT_BINDING_MISSING;
  const { message, details, retryAfterMs } = refusal;
  return new IngressError('ACME_PROBLEM', message, {
    ...{ hint, details, cause: refusal },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** How CAs refuse a wrong binding. */
const BINDING_PROBLEMS = ['unauthorized', 'malformed', 'externalAccountRequired'] as const;
