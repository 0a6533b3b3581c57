import * as x509 from '@peculiar/x509';
import type { AcmeClient, Authorization, Order } from '../../../src/acme/client.ts';
import type { Clock } from '../../../src/clock.ts';
import { ECDSA, makeKeys, subjectNames } from './certificates.ts';

/** An order or authorization in one response. */
export interface PollResult {
  readonly status: string;
  /** The Retry-After, in milliseconds. */
  readonly pauseMs?: number;
  /** A problem document. */
  readonly error?: unknown;
}

export interface MemoryAcmeClient extends AcmeClient {
  /** Method calls in order, each with its name or value. */
  readonly calls: readonly string[];
  /** The status of authorizations in a new order, by name. Default: pending. */
  readonly authorizationStatus: Map<string, string>;
  /** The types of the offered challenges. */
  challengeTypes: readonly string[];
  /** The response to each poll of an authorization; the last one repeats. */
  validation: readonly PollResult[];
  /** The response to finalization, then to each poll of the order; the last one repeats. */
  issuance: readonly [PollResult, ...PollResult[]];
  /** Called at the start of every method; its errors are thrown by the method. */
  before: (call: string) => void | Promise<void>;
  /** The URL of the account on the volume. Default: there is one. */
  storedAccount: string | undefined;
  /** Issues certificates for other names, or with another validity, than ordered. */
  certificateOverrides: { names?: readonly string[]; notBefore?: Date; notAfter?: Date };
  /** The CA's clock minus ours, in milliseconds. */
  skewMs: number | undefined;
  /** Renewal windows by certificate id; without one there is no renewal information. */
  readonly renewalWindows: Map<string, { start: Date; end: Date }>;
  /** Ids of certificates that cannot be replaced (again). */
  readonly replacedIds: Set<string>;
  /** Loses every order, as a CA without persistence after a restart. */
  forgetOrders(): void;
}

/** An order at the CA. */
interface MemoryOrder {
  readonly url: string;
  readonly names: readonly string[];
  /** Polls of each authorization, by name. */
  readonly authorizationPolls: Map<string, number>;
  /** Names whose authorization was polled as valid, or as invalid. */
  readonly valid: Set<string>;
  readonly invalid: Set<string>;
  polls: number;
  /** Set by finalization. */
  chain: string | undefined;
}

const ACCOUNT = 'https://ca.example/acct/1';
const DAY_MS = 86_400_000;

/**
 * A client of a CA in memory that responds as scripted and issues real certificates for the key of
 * the request.
 */
export function createMemoryAcmeClient(clock: Clock): MemoryAcmeClient {
  const calls: string[] = [];
  const orders = new Map<string, MemoryOrder>();
  let created = 0;

  const begin = async (call: string, signal: AbortSignal) => {
    signal.throwIfAborted();
    calls.push(call);
    await client.before(call);
  };
  const find = (url: string): MemoryOrder => {
    const order = orders.get(url);
    if (!order) throw new Error(`there is no order ${url}`);
    return order;
  };
  const statusOf = (order: MemoryOrder): PollResult => {
    if (order.invalid.size > 0) return { status: 'invalid' };
    if (order.chain !== undefined) return responseAt(client.issuance, order.polls);
    const isValidated = order.names.every(
      (name) => order.valid.has(name) || client.authorizationStatus.get(name) === 'valid',
    );
    return { status: isValidated ? 'ready' : 'pending' };
  };

  const client: MemoryAcmeClient = {
    calls,
    authorizationStatus: new Map(),
    challengeTypes: ['http-01', 'dns-01'],
    validation: [{ status: 'valid' }],
    issuance: [{ status: 'valid' }],
    before: () => undefined,
    certificateOverrides: {},
    storedAccount: ACCOUNT,
    skewMs: undefined,
    renewalWindows: new Map(),
    replacedIds: new Set(),
    forgetOrders: () => orders.clear(),
    storedAccountUrl: async () => client.storedAccount,
    endedAccountUrls: async () => [],
    clockSkewMs: () => client.skewMs,
    async refreshClockSkew(signal) {
      signal.throwIfAborted();
      await client.before('refreshClockSkew');
    },
    async assertOrderable(_profile, signal) {
      signal.throwIfAborted();
    },
    async accountUrl(signal) {
      await begin('accountUrl', signal);
      return ACCOUNT;
    },
    async caaIdentity(signal) {
      await begin('caaIdentity', signal);
      return 'ca.example';
    },
    async caaIdentities(signal) {
      signal.throwIfAborted();
      return ['ca.example'];
    },
    async renewalInfo(id, signal) {
      const suggestedWindow = client.renewalWindows.get(id);
      if (!suggestedWindow) return undefined;
      await begin(`renewalInfo ${id}`, signal);
      return { body: JSON.parse(JSON.stringify({ suggestedWindow })), retryAfterMs: undefined };
    },
    async createOrder({ names, replaces, profile }, signal) {
      const accepted = replaces !== undefined && !client.replacedIds.has(replaces);
      const more = `${accepted ? ` replaces ${replaces}` : ''}${profile === undefined ? '' : ` profile ${profile}`}`;
      await begin(`createOrder ${names.join(' ')}${more}`, signal);
      if (accepted) client.replacedIds.add(replaces);
      created += 1;
      const order: MemoryOrder = {
        ...{ url: `https://ca.example/order/${created}`, names, polls: 0, chain: undefined },
        ...{ authorizationPolls: new Map(), valid: new Set(), invalid: new Set() },
      };
      orders.set(order.url, order);
      return { order: toOrder(order, { status: 'pending' }), replaces: accepted };
    },
    async findOrder(url, signal) {
      await begin(`findOrder ${url}`, signal);
      const order = orders.get(url);
      return order && toOrder(order, statusOf(order));
    },
    async getAuthorizations({ url }, signal) {
      await begin('getAuthorizations', signal);
      return find(url).names.map((name) => {
        const status = find(url).valid.has(name)
          ? 'valid'
          : (client.authorizationStatus.get(name) ?? 'pending');
        return toAuthorization(url, name, { status });
      });
    },
    async challengeValue({ token, type }, signal) {
      await begin(`challengeValue ${token}`, signal);
      if (type !== 'dns-01') throw new Error(`a ${type} challenge has no TXT value`);
      return `value-of-${token}`;
    },
    async respond({ token }, signal) {
      await begin(`respond ${token}`, signal);
    },
    async pollOrder({ url }, signal) {
      await begin('pollOrder', signal);
      const order = find(url);
      order.polls += 1;
      const response = responseAt(client.issuance, order.polls);
      return polled(toOrder(order, response), response);
    },
    async pollAuthorization({ url }, signal) {
      const [, orderUrl = '', name = ''] = /^(.*)\/authz\/(.*)$/.exec(url) ?? [];
      await begin(`pollAuthorization ${name}`, signal);
      const order = find(orderUrl);
      const polls = order.authorizationPolls.get(name) ?? 0;
      order.authorizationPolls.set(name, polls + 1);
      const response = responseAt(client.validation, polls);
      if (response.status === 'valid') order.valid.add(name);
      if (response.status === 'invalid') order.invalid.add(name);
      return polled(toAuthorization(orderUrl, name, response), response);
    },
    async finalize({ url }, csr, signal) {
      await begin('finalize', signal);
      const order = find(url);
      order.chain = await issue(csr, order.names, clock.now(), client.certificateOverrides);
      return toOrder(order, client.issuance[0]);
    },
    async downloadCertificate({ url, status }, signal) {
      await begin('downloadCertificate', signal);
      const { chain } = find(url);
      if (status !== 'valid' || chain === undefined)
        throw new Error(`no certificate of an order that is ${status}`);
      return chain;
    },
  };

  const toAuthorization = (orderUrl: string, name: string, { status, error }: PollResult): Authorization => {
    const challenges = client.challengeTypes.map((type) => ({
      ...{ type, url: `https://ca.example/chal/${name}/${type}`, token: `token-${name}-${type}` },
      ...{ status, ...(error === undefined || type !== 'dns-01' ? {} : { error }) },
    }));
    const [value, wildcard] = [name.replace(/^\*\./, ''), name.startsWith('*.')];
    const expires = new Date(clock.now().getTime() + DAY_MS).toISOString();
    const identifier = { type: 'dns', value };
    const own = { url: `${orderUrl}/authz/${name}`, status, expires, wildcard, identifier, challenges };
    // acme-client's types are narrower than what a CA can send.
    return own as Authorization;
  };
  return client;
}

function toOrder({ url, names }: MemoryOrder, { status, error }: PollResult): Order {
  const order = {
    ...{ url, status, finalize: `${url}/finalize` },
    identifiers: names.map((value) => ({ type: 'dns', value })),
    authorizations: names.map((name) => `${url}/authz/${name}`),
    ...(error === undefined ? {} : { error }),
  };
  // As above: acme-client's types are narrower than what a CA can send.
  return order as Order;
}

function responseAt(responses: readonly PollResult[], index: number): PollResult {
  return responses[Math.min(index, responses.length - 1)] ?? { status: 'pending' };
}

function polled<T>(now: T, { pauseMs }: PollResult) {
  return { now, pauseMs };
}

/**
 * Leaf and root in PEM, for the ordered names and the key of the request. Default validity: from an
 * hour ago for 90 days.
 */
async function issue(
  csr: string,
  ordered: readonly string[],
  now: Date,
  overrides: MemoryAcmeClient['certificateOverrides'],
): Promise<string> {
  const { publicKey } = new x509.Pkcs10CertificateRequest(csr);
  const names = overrides.names ?? ordered;
  const notBefore = overrides.notBefore ?? new Date(now.getTime() - DAY_MS / 24);
  const notAfter = overrides.notAfter ?? new Date(notBefore.getTime() + 90 * DAY_MS);
  const keys = await makeKeys();
  const validity = { notBefore, notAfter };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=root', keys, signingAlgorithm: ECDSA, ...validity },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...{ issuer: root.subject, publicKey, signingKey: keys.privateKey },
    ...{ signingAlgorithm: ECDSA, ...validity },
    extensions: [subjectNames(names), await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey)],
  });
  return `${leaf.toString('pem')}\n${root.toString('pem')}\n`;
}
