import type { Authorization, Client, Order } from 'acme-client';
import type { Clock } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import type { Outgoing } from '../net/outgoing.ts';
import { type AccountManager, createAccountManager } from './account.ts';
import { bindingMissing, type ExternalAccountBinding } from './account-binding.ts';
import type { AccountStore } from './account-store.ts';
import { requireProfile } from './directory.ts';
import { createHttpContext, type HttpContext } from './http.ts';
import { withRetries } from './persist.ts';
import type { HttpResponse } from './plain-http.ts';
import { isProblem, mayConcernReplacement, problemOf } from './problem.ts';
import { createDirectoryClient, type DirectoryClient } from './unsigned.ts';

export type { Authorization, Order };
export type Challenge = Authorization['challenges'][number];

export interface AcmeClientOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly userAgent: string;
  readonly accounts: AccountStore;
  readonly clock: Clock;
  /** Default: directly. */
  readonly outgoing?: Outgoing;
  /** External account binding: what the CA gave its customer, used once, when the account is made. */
  readonly eab?: ExternalAccountBinding;
  /** Says what a person should know: that another account is used. */
  readonly warn?: (sentence: string) => void;
}

/** What is ordered. */
export interface NewOrder {
  readonly names: readonly string[];
  /** The certificate that it is to replace, by its ARI identifier (RFC 9773 §4.1). */
  readonly replaces?: string;
  /** One of the profiles that the directory lists. */
  readonly profile?: string;
}

/** An order as the CA made it. */
export interface CreatedOrder {
  readonly order: Order;
  /** Whether the CA took it as a replacement, which limits do not count. */
  readonly replaces: boolean;
}

/** One certificate authority, spoken to by one account (RFC 8555). Every verb throws ACME_* errors. */
export interface AcmeClient {
  /** The account's URL; the account is made once and kept. Asks the CA only when it is not on the volume. */
  accountUrl(signal: AbortSignal): Promise<string>;
  /** The URL of the account that lies on the volume, if any. Makes no account and asks nobody. Throws STORE_FAILED. */
  storedAccountUrl(): Promise<string | undefined>;
  /** The URLs of accounts on the volume that have ended, such as deactivated ones. Asks nobody. Throws STORE_FAILED. */
  endedAccountUrls(): Promise<readonly string[]>;
  /** The name to put into CAA records (RFC 8555 §9.7.6, `caaIdentities`). Needs no account. */
  caaIdentity(signal: AbortSignal): Promise<string>;
  /** Every name that the CA recognizes as its own in CAA records, at least one. Needs no account. */
  caaIdentities(signal: AbortSignal): Promise<readonly [string, ...string[]]>;
  /**
   * Makes sure that the CA's clock is known as it is now: asks for a nonce unless there was an answer a short while ago.
   * Needs no account.
   */
  refreshClockSkew(signal: AbortSignal): Promise<void>;
  /**
   * Makes sure that an order would not be refused for what the directory says already: the profile, and whether an account
   * needs a binding. Makes no account. Throws ACME_PROFILE_UNKNOWN and ACME_ACCOUNT_BINDING_MISSING.
   */
  assertOrderable(profile: string | undefined, signal: AbortSignal): Promise<void>;
  /** The CA's clock minus ours, in milliseconds, at the last answer of any kind that told it. Asks nobody. */
  clockSkewMs(): number | undefined;
  /**
   * What the CA advises on the renewal of a certificate (RFC 9773 §4.1), with the milliseconds after which it wants to be
   * asked again; undefined when it gives no such advice. Needs no account.
   */
  renewalInfo(certificateId: string, signal: AbortSignal): Promise<HttpResponse | undefined>;
  /**
   * Orders. When the CA does not take it as a replacement it is ordered once again as a certificate of its own. Throws
   * ACME_PROFILE_UNKNOWN before there is an order.
   */
  createOrder(request: NewOrder, signal: AbortSignal): Promise<CreatedOrder>;
  /** Reads an order of an earlier run; undefined when the CA does not know it, or not as this account's. */
  findOrder(url: string, signal: AbortSignal): Promise<Order | undefined>;
  getAuthorizations(order: Order, signal: AbortSignal): Promise<Authorization[]>;
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
  downloadCertificate(order: Order, signal: AbortSignal): Promise<string>;
}

type Ask = <T>(signal: AbortSignal, request: (client: Client) => Promise<T>) => Promise<T>;

export function createAcmeClient(options: AcmeClientOptions): AcmeClient {
  const { directoryUrl, email, userAgent, accounts, clock, outgoing, eab: binding } = options;
  const { warn = () => undefined } = options;
  const wire = createHttpContext(userAgent, clock, outgoing);
  const unsigned = createDirectoryClient(directoryUrl, wire);
  const sessions = createAccountManager({ directoryUrl, email, binding, accounts, wire, unsigned, warn });

  const asking = (explain: AccountManager['handleRefusal']): Ask => {
    return async (signal, request) => {
      const session = await sessions.open(signal);
      try {
        return await withRetries(() => session.send(request), clock, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        throw await explain(thrown, session, signal);
      }
    };
  };
  const ask = asking(sessions.handleRefusal);

  return {
    storedAccountUrl: () => sessions.storedUrl(),
    endedAccountUrls: () => accounts.endedUrls(),
    accountUrl: async (signal) => (await sessions.storedUrl()) ?? (await sessions.open(signal)).url,
    ...askWithoutAccount(directoryUrl, wire, unsigned),
    async assertOrderable(profile, signal) {
      const mayOpen = binding !== undefined || (await sessions.storedUrl()) !== undefined;
      if (profile === undefined && mayOpen) return;
      const directory = await unsigned.get(signal);
      if (profile !== undefined) requireProfile(directory, profile);
      if (!mayOpen && directory.externalAccountRequired) throw bindingMissing(directoryUrl);
    },
    createOrder: (request, signal) => createOrder(request, ask, unsigned, signal),
    findOrder: (url, signal) => findOrder(url, asking(sessions.handleUnknownAccount), signal),
    getAuthorizations: (order, signal) => ask(signal, (client) => client.getAuthorizations(order)),
    challengeValue: (challenge, signal) =>
      ask(signal, (client) => client.getChallengeKeyAuthorization(challenge)),
    respond: (challenge, signal) =>
      ask(signal, async (client) => void (await client.completeChallenge(challenge))),
    pollOrder: (order, signal) =>
      ask(signal, async (client) => {
        const now = await client.getOrder(order);
        return { now, pauseMs: wire.retryAfterMs(order.url) };
      }),
    pollAuthorization: (authorization, signal) =>
      ask(signal, async (client) => {
        // The client reads nothing of an order but the URLs of its authorizations.
        const [now = authorization] = await client.getAuthorizations({
          authorizations: [authorization.url],
        } as Order);
        return { now, pauseMs: wire.retryAfterMs(authorization.url) };
      }),
    finalize: (order, csr, signal) => ask(signal, (client) => client.finalizeOrder(order, csr)),
    downloadCertificate: (order, signal) => ask(signal, (client) => client.getCertificate(order)),
  };
}

const LETS_ENCRYPT = 'letsencrypt.org';
/** How long the CA's clock is taken to be as it was. */
const CLOCK_MEMORY_MS = 10 * 60_000;

function askWithoutAccount(
  directoryUrl: string,
  wire: HttpContext,
  unsigned: DirectoryClient,
): Pick<AcmeClient, 'caaIdentity' | 'caaIdentities' | 'refreshClockSkew' | 'clockSkewMs' | 'renewalInfo'> {
  let identities: readonly [string, ...string[]] | undefined;

  async function caaIdentities(signal: AbortSignal): Promise<readonly [string, ...string[]]> {
    if (new URL(directoryUrl).hostname.endsWith('.api.letsencrypt.org')) return [LETS_ENCRYPT];
    // A CA does not change its name; one that is down must not keep records from being mended.
    if (identities) return identities;
    const [first = LETS_ENCRYPT, ...others] = (await unsigned.get(signal)).caaIdentities;
    identities = [first, ...others];
    return identities;
  }

  return {
    caaIdentities,
    caaIdentity: async (signal) => (await caaIdentities(signal))[0],
    async refreshClockSkew(signal) {
      const agoMs =
        wire.clock.now().getTime() - (wire.lastResponseAt()?.getTime() ?? Number.NEGATIVE_INFINITY);
      // A clock that was set in the meantime shows as an answer long ago, or one of the future.
      if (agoMs < 0 || agoMs >= CLOCK_MEMORY_MS) await unsigned.requestNonce(signal);
    },
    clockSkewMs: () => wire.skewMs(),
    renewalInfo: (certificateId, signal) => unsigned.renewalInfo(certificateId, signal),
  };
}

async function createOrder(
  { names, replaces, profile }: NewOrder,
  ask: Ask,
  unsigned: DirectoryClient,
  signal: AbortSignal,
): Promise<CreatedOrder> {
  const isPlain = replaces === undefined && profile === undefined;
  const directory = isPlain ? undefined : await unsigned.get(signal);
  if (directory && profile !== undefined) requireProfile(directory, profile);
  const identifiers = names.map((value) => ({ type: 'dns', value }));
  const wanted = { identifiers, ...(profile === undefined ? {} : { profile }) };
  const order = (fields: typeof wanted) => ask(signal, (client) => client.createOrder(fields));
  // RFC 9773 §5: only where the directory has renewalInfo.
  if (replaces === undefined || directory?.renewalInfo === undefined)
    return { order: await order(wanted), replaces: false };
  try {
    const replacing = { ...wanted, replaces };
    const made = await order(replacing);
    return { order: made, replaces: namesReplaced(made, replaces) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (!mayConcernReplacement(thrown)) throw thrown;
    return { order: await order(wanted), replaces: false };
  }
}

/** A CA that accepts the field says it again (RFC 9773 §5); the library's type does not have it. */
function namesReplaced(order: Order & { readonly replaces?: unknown }, replaced: string): boolean {
  return order.replaces === replaced;
}

async function findOrder(url: string, ask: Ask, signal: AbortSignal): Promise<Order | undefined> {
  try {
    // The client reads nothing of it but the URL.
    return await ask(signal, (client) => client.getOrder({ url } as Order));
  } catch (thrown) {
    signal.throwIfAborted();
    if (isUnknown(thrown)) return undefined;
    throw thrown;
  }
}

function isUnknown(thrown: unknown): boolean {
  const status = isIngressError(thrown, 'ACME_PROBLEM') ? problemOf(thrown)?.status : undefined;
  return (
    status === 404 ||
    ['malformed', 'unauthorized', 'accountDoesNotExist'].some((type) => isProblem(thrown, type))
  );
}
