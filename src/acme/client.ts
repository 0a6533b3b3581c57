import type { Authorization, Client, Order } from 'acme-client';
import type { Clock } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import type { Outgoing } from '../net/outgoing.ts';
import { type AccountManager, bindingMissing, createAccountManager } from './account.ts';
import type { AccountStore } from './account-store.ts';
import { createDirectoryClient, type DirectoryClient, requireProfile } from './directory.ts';
import { type AcmeResponse, createHttpContext, type HttpContext, withRetries } from './http.ts';
import { isProblem, mayConcernReplacement, problemOf } from './problem.ts';
import type { ExternalAccountBinding } from './signed-http.ts';

export type { Authorization, Order };
export type Challenge = Authorization['challenges'][number];

export interface AcmeClientOptions {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly userAgent: string;
  readonly accounts: AccountStore;
  readonly clock: Clock;
  /** Default: direct connections. */
  readonly outgoing?: Outgoing;
  /** External account binding, for the registration of an account. */
  readonly eab?: ExternalAccountBinding;
  /** Called when the client switches to another account. */
  readonly warn?: (sentence: string) => void;
}

export interface NewOrder {
  readonly names: readonly string[];
  /** The ARI identifier of the certificate to replace (RFC 9773 §4.1). */
  readonly replaces?: string;
  /** A profile from the directory. */
  readonly profile?: string;
}

export interface CreatedOrder {
  readonly order: Order;
  /** Whether the CA accepted it as a replacement, which is exempt from limits. */
  readonly replaces: boolean;
}

/**
 * A client of one CA, with one account (RFC 8555). Every method that sends requests throws ACME_*
 * errors.
 */
export interface AcmeClient {
  /**
   * The URL of the account. Sends requests only to register an account, if there is none on the
   * volume.
   */
  accountUrl(signal: AbortSignal): Promise<string>;
  /** The URL of the account on the volume, if any. Sends nothing. Throws STORE_FAILED. */
  storedAccountUrl(): Promise<string | undefined>;
  /**
   * The URLs of accounts on the volume that have ended, by deactivation for example. Sends nothing.
   * Throws STORE_FAILED.
   */
  endedAccountUrls(): Promise<readonly string[]>;
  /** The name for CAA records (RFC 8555 §9.7.6, `caaIdentities`). Needs no account. */
  caaIdentity(signal: AbortSignal): Promise<string>;
  /** All names that the CA recognizes as its own in CAA records. Needs no account. */
  caaIdentities(signal: AbortSignal): Promise<readonly [string, ...string[]]>;
  /**
   * Requests a nonce unless there has been a response within ten minutes, so that `clockSkewMs` is
   * up to date. Needs no account.
   */
  refreshClockSkew(signal: AbortSignal): Promise<void>;
  /**
   * Checks an order against the directory: whether the profile exists, and whether a new account
   * would need a binding. Registers no account. Throws ACME_PROFILE_UNKNOWN and
   * ACME_ACCOUNT_BINDING_MISSING.
   */
  assertOrderable(profile: string | undefined, signal: AbortSignal): Promise<void>;
  /**
   * The CA's clock minus ours in milliseconds, from the last response with a Date header. Sends
   * nothing.
   */
  clockSkewMs(): number | undefined;
  /**
   * The CA's renewal information on a certificate (RFC 9773 §4.1), with the Retry-After of the next
   * request; undefined if the CA has no ARI. Needs no account.
   */
  renewalInfo(certificateId: string, signal: AbortSignal): Promise<AcmeResponse | undefined>;
  /**
   * Creates an order. If the CA does not accept `replaces`, creates the order again without it.
   * Throws ACME_PROFILE_UNKNOWN before it creates one.
   */
  createOrder(newOrder: NewOrder, signal: AbortSignal): Promise<CreatedOrder>;
  /**
   * An order of an earlier run; undefined if the CA does not know it, or refuses this account
   * access.
   */
  findOrder(url: string, signal: AbortSignal): Promise<Order | undefined>;
  getAuthorizations(order: Order, signal: AbortSignal): Promise<Authorization[]>;
  /** The TXT value for a dns-01 challenge (RFC 8555 §8.4). */
  challengeValue(challenge: Challenge, signal: AbortSignal): Promise<string>;
  /** Responds to a challenge (RFC 8555 §7.5.1): it is ready for validation. */
  respond(challenge: Challenge, signal: AbortSignal): Promise<void>;
  /** The current order, with the Retry-After of the response in milliseconds. */
  pollOrder(order: Order, signal: AbortSignal): Promise<{ now: Order; pauseMs: number | undefined }>;
  /** The current authorization, with the Retry-After of the response in milliseconds. */
  pollAuthorization(
    authorization: Authorization,
    signal: AbortSignal,
  ): Promise<{ now: Authorization; pauseMs: number | undefined }>;
  finalize(order: Order, csr: string, signal: AbortSignal): Promise<Order>;
  /** The chain in PEM, leaf first. */
  downloadCertificate(order: Order, signal: AbortSignal): Promise<string>;
}

/** Sends a request as the account, with retries. */
type Send = <T>(signal: AbortSignal, request: (client: Client) => Promise<T>) => Promise<T>;

export function createAcmeClient(options: AcmeClientOptions): AcmeClient {
  const { directoryUrl, email, userAgent, accounts, clock, outgoing, eab: binding } = options;
  const { warn = () => undefined } = options;
  const http = createHttpContext(userAgent, clock, outgoing);
  const directory = createDirectoryClient(directoryUrl, http);
  const account = createAccountManager({ directoryUrl, email, binding, accounts, http, directory, warn });

  const sendWith = (handleRefusal: AccountManager['handleRefusal']): Send => {
    return async (signal, request) => {
      const session = await account.open(signal);
      try {
        return await withRetries(() => session.send(request), clock, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        throw await handleRefusal(thrown, session, signal);
      }
    };
  };
  const send = sendWith(account.handleRefusal);

  return {
    storedAccountUrl: () => account.storedUrl(),
    endedAccountUrls: () => accounts.endedUrls(),
    accountUrl: async (signal) => (await account.storedUrl()) ?? (await account.open(signal)).url,
    ...unsignedMethods(directoryUrl, http, directory),
    async assertOrderable(profile, signal) {
      const hasAccount = binding !== undefined || (await account.storedUrl()) !== undefined;
      if (profile === undefined && hasAccount) return;
      const current = await directory.get(signal);
      if (profile !== undefined) requireProfile(current, profile);
      if (!hasAccount && current.externalAccountRequired) throw bindingMissing(directoryUrl);
    },
    createOrder: (newOrder, signal) => createOrder(newOrder, send, directory, signal),
    findOrder: (url, signal) => findOrder(url, sendWith(account.handleUnknownAccount), signal),
    getAuthorizations: (order, signal) => send(signal, (client) => client.getAuthorizations(order)),
    challengeValue: (challenge, signal) =>
      send(signal, (client) => client.getChallengeKeyAuthorization(challenge)),
    respond: (challenge, signal) =>
      send(signal, async (client) => void (await client.completeChallenge(challenge))),
    pollOrder: (order, signal) =>
      send(signal, async (client) => {
        const now = await client.getOrder(order);
        return { now, pauseMs: http.retryAfterMs(order.url) };
      }),
    pollAuthorization: (authorization, signal) =>
      send(signal, async (client) => {
        // acme-client uses only the authorization URLs of the order.
        const [now = authorization] = await client.getAuthorizations({
          authorizations: [authorization.url],
        } as Order);
        return { now, pauseMs: http.retryAfterMs(authorization.url) };
      }),
    finalize: (order, csr, signal) => send(signal, (client) => client.finalizeOrder(order, csr)),
    downloadCertificate: (order, signal) => send(signal, (client) => client.getCertificate(order)),
  };
}

const LETS_ENCRYPT = 'letsencrypt.org';
/** How long a measured clock skew is used. */
const CLOCK_SKEW_MAX_AGE_MS = 10 * 60_000;

function unsignedMethods(
  directoryUrl: string,
  http: HttpContext,
  directory: DirectoryClient,
): Pick<AcmeClient, 'caaIdentity' | 'caaIdentities' | 'refreshClockSkew' | 'clockSkewMs' | 'renewalInfo'> {
  let identities: readonly [string, ...string[]] | undefined;

  async function caaIdentities(signal: AbortSignal): Promise<readonly [string, ...string[]]> {
    if (new URL(directoryUrl).hostname.endsWith('.api.letsencrypt.org')) return [LETS_ENCRYPT];
    // Cached forever: the names do not change, and repairing CAA records must not depend on the
    // CA's availability.
    if (identities) return identities;
    const [first = LETS_ENCRYPT, ...others] = (await directory.get(signal)).caaIdentities;
    identities = [first, ...others];
    return identities;
  }

  return {
    caaIdentities,
    caaIdentity: async (signal) => (await caaIdentities(signal))[0],
    async refreshClockSkew(signal) {
      const ageMs =
        http.clock.now().getTime() - (http.lastResponseAt()?.getTime() ?? Number.NEGATIVE_INFINITY);
      // If our clock has been set in the meantime, the age is either large or negative.
      if (ageMs < 0 || ageMs >= CLOCK_SKEW_MAX_AGE_MS) await directory.requestNonce(signal);
    },
    clockSkewMs: () => http.skewMs(),
    renewalInfo: (certificateId, signal) => directory.renewalInfo(certificateId, signal),
  };
}

async function createOrder(
  { names, replaces, profile }: NewOrder,
  send: Send,
  directory: DirectoryClient,
  signal: AbortSignal,
): Promise<CreatedOrder> {
  const needsDirectory = replaces !== undefined || profile !== undefined;
  const current = needsDirectory ? await directory.get(signal) : undefined;
  if (current && profile !== undefined) requireProfile(current, profile);
  const identifiers = names.map((value) => ({ type: 'dns', value }));
  const payload = { identifiers, ...(profile === undefined ? {} : { profile }) };
  const post = (body: typeof payload) => send(signal, (client) => client.createOrder(body));
  // RFC 9773 §5: `replaces` only if the directory has renewalInfo.
  if (replaces === undefined || current?.renewalInfo === undefined)
    return { order: await post(payload), replaces: false };
  try {
    const replacement = { ...payload, replaces };
    const order = await post(replacement);
    return { order, replaces: isReplacementOf(order, replaces) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (!mayConcernReplacement(thrown)) throw thrown;
    return { order: await post(payload), replaces: false };
  }
}

/**
 * A CA that accepts `replaces` repeats it in the order (RFC 9773 §5). acme-client's type lacks the
 * field.
 */
function isReplacementOf(order: Order & { readonly replaces?: unknown }, replaced: string): boolean {
  return order.replaces === replaced;
}

async function findOrder(url: string, send: Send, signal: AbortSignal): Promise<Order | undefined> {
  try {
    // acme-client uses only the URL of the order.
    return await send(signal, (client) => client.getOrder({ url } as Order));
  } catch (thrown) {
    signal.throwIfAborted();
    if (isUnknownOrder(thrown)) return undefined;
    throw thrown;
  }
}

function isUnknownOrder(thrown: unknown): boolean {
  const status = isIngressError(thrown, 'ACME_PROBLEM') ? problemOf(thrown)?.status : undefined;
  return (
    status === 404 ||
    ['malformed', 'unauthorized', 'accountDoesNotExist'].some((type) => isProblem(thrown, type))
  );
}
