import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { AcmeClient, Authorization, Order } from '../../../src/acme/client.ts';
import type { Clock } from '../../../src/clock.ts';

/** One look at an order or authorization. */
export interface PollResult {
  readonly status: string;
  /** Milliseconds that the CA asks to wait. */
  readonly pauseMs?: number;
  /** A problem document. */
  readonly error?: unknown;
}

export interface MemoryAcmeClient extends AcmeClient {
  /** Verbs in the order of their calls, with the name or value that they were about. */
  readonly calls: readonly string[];
  /** State of authorizations when an order is made, by name. Default pending. */
  readonly authorizationStatus: Map<string, string>;
  /** Types of the challenges that are offered. */
  challengeTypes: readonly string[];
  /** What each look at an authorization gives; the last step stays. */
  validation: readonly PollResult[];
  /** The status after finalization, and what each look at the order gives then; the last step stays. */
  issuance: readonly [PollResult, ...PollResult[]];
  /** Called first in every verb; what it throws is what the verb throws. */
  before: (call: string) => void | Promise<void>;
  /** The URL of the account that lies on the volume, which has one until this says otherwise. */
  storedAccount: string | undefined;
  /** Certificates that are issued: for other names, or with another validity. */
  certificateOverrides: { names?: readonly string[]; notBefore?: Date; notAfter?: Date };
  /** What the CA's clock is ahead of ours, in milliseconds. */
  skewMs: number | undefined;
  /** Renewal windows, by certificate id; without one there is no advice. */
  readonly renewalWindows: Map<string, { start: Date; end: Date }>;
  /** Certificates whose replacement is refused. */
  readonly replacedIds: Set<string>;
  /** Loses every order, as a CA that starts anew. */
  forgetOrders(): void;
}

/** An order as the CA has it. */
interface MemoryOrder {
  readonly url: string;
  readonly names: readonly string[];
  /** Looks at each authorization, by name. */
  readonly looks: Map<string, number>;
  /** Names whose authorization was seen valid, or seen to have failed. */
  readonly valid: Set<string>;
  readonly invalid: Set<string>;
  polls: number;
  /** Once it was finalized. */
  chain: string | undefined;
}

const ACCOUNT = 'https://ca.example/acct/1';
const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

x509.cryptoProvider.set(webcrypto as Crypto); // Node's own; its types and the library's differ in name only.

/** A CA in memory that goes through states as it is told and issues real certificates for the key of the request. */
export function createMemoryAcmeClient(clock: Clock): MemoryAcmeClient {
  const calls: string[] = [];
  const orders = new Map<string, MemoryOrder>();
  let made = 0;

  const begin = async (call: string, signal: AbortSignal) => {
    signal.throwIfAborted();
    calls.push(call);
    await authority.before(call);
  };
  const known = (url: string): MemoryOrder => {
    const order = orders.get(url);
    if (!order) throw new Error(`there is no order ${url}`);
    return order;
  };
  const statusOf = (order: MemoryOrder): PollResult => {
    if (order.invalid.size > 0) return { status: 'invalid' };
    if (order.chain !== undefined) return stepOf(authority.issuance, order.polls);
    const isProven = order.names.every(
      (name) => order.valid.has(name) || authority.authorizationStatus.get(name) === 'valid',
    );
    return { status: isProven ? 'ready' : 'pending' };
  };

  const authority: MemoryAcmeClient = {
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
    storedAccountUrl: async () => authority.storedAccount,
    endedAccountUrls: async () => [],
    clockSkewMs: () => authority.skewMs,
    async refreshClockSkew(signal) {
      signal.throwIfAborted();
      await authority.before('refreshClockSkew');
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
      const suggestedWindow = authority.renewalWindows.get(id);
      if (!suggestedWindow) return undefined;
      await begin(`renewalInfo ${id}`, signal);
      return { body: JSON.parse(JSON.stringify({ suggestedWindow })), retryAfterMs: undefined };
    },
    async createOrder({ names, replaces, profile }, signal) {
      const accepted = replaces !== undefined && !authority.replacedIds.has(replaces);
      const more = `${accepted ? ` replaces ${replaces}` : ''}${profile === undefined ? '' : ` profile ${profile}`}`;
      await begin(`createOrder ${names.join(' ')}${more}`, signal);
      if (accepted) authority.replacedIds.add(replaces);
      made += 1;
      const order: MemoryOrder = {
        ...{ url: `https://ca.example/order/${made}`, names, polls: 0, chain: undefined },
        ...{ looks: new Map(), valid: new Set(), invalid: new Set() },
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
      return known(url).names.map((name) => {
        const status = known(url).valid.has(name)
          ? 'valid'
          : (authority.authorizationStatus.get(name) ?? 'pending');
        return toAuthorization(url, name, { status });
      });
    },
    async challengeValue({ token, type }, signal) {
      await begin(`challengeValue ${token}`, signal);
      if (type !== 'dns-01') throw new Error(`the value of a ${type} challenge is not for the DNS`);
      return `value-of-${token}`;
    },
    async respond({ token }, signal) {
      await begin(`respond ${token}`, signal);
    },
    async pollOrder({ url }, signal) {
      await begin('pollOrder', signal);
      const order = known(url);
      order.polls += 1;
      const step = stepOf(authority.issuance, order.polls);
      return answer(toOrder(order, step), step);
    },
    async pollAuthorization({ url }, signal) {
      const [, orderUrl = '', name = ''] = /^(.*)\/authz\/(.*)$/.exec(url) ?? [];
      await begin(`pollAuthorization ${name}`, signal);
      const order = known(orderUrl);
      const look = order.looks.get(name) ?? 0;
      order.looks.set(name, look + 1);
      const step = stepOf(authority.validation, look);
      if (step.status === 'valid') order.valid.add(name);
      if (step.status === 'invalid') order.invalid.add(name);
      return answer(toAuthorization(orderUrl, name, step), step);
    },
    async finalize({ url }, csr, signal) {
      await begin('finalize', signal);
      const order = known(url);
      order.chain = await issue(csr, order.names, clock.now(), authority.certificateOverrides);
      return toOrder(order, authority.issuance[0]);
    },
    async downloadCertificate({ url, status }, signal) {
      await begin('downloadCertificate', signal);
      const { chain } = known(url);
      if (status !== 'valid' || chain === undefined)
        throw new Error(`no certificate of an order that is ${status}`);
      return chain;
    },
  };

  const toAuthorization = (orderUrl: string, name: string, { status, error }: PollResult): Authorization => {
    const challenges = authority.challengeTypes.map((type) => ({
      ...{ type, url: `https://ca.example/chal/${name}/${type}`, token: `token-${name}-${type}` },
      ...{ status, ...(error === undefined || type !== 'dns-01' ? {} : { error }) },
    }));
    const [value, wildcard] = [name.replace(/^\*\./, ''), name.startsWith('*.')];
    const expires = new Date(clock.now().getTime() + DAY_MS).toISOString();
    const identifier = { type: 'dns', value };
    const own = { url: `${orderUrl}/authz/${name}`, status, expires, wildcard, identifier, challenges };
    // The library's types list the states and challenges that it knows; a CA can send any.
    return own as Authorization;
  };
  return authority;
}

function toOrder({ url, names }: MemoryOrder, { status, error }: PollResult): Order {
  const order = {
    ...{ url, status, finalize: `${url}/finalize` },
    identifiers: names.map((value) => ({ type: 'dns', value })),
    authorizations: names.map((name) => `${url}/authz/${name}`),
    ...(error === undefined ? {} : { error }),
  };
  // As above.
  return order as Order;
}

function stepOf(steps: readonly PollResult[], index: number): PollResult {
  return steps[Math.min(index, steps.length - 1)] ?? { status: 'pending' };
}

function answer<T>(now: T, { pauseMs }: PollResult) {
  return { now, pauseMs };
}

/** Leaf and root in PEM, for the ordered names and the key of the request, from an hour ago for 90 days. */
async function issue(
  csr: string,
  ordered: readonly string[],
  now: Date,
  wish: MemoryAcmeClient['certificateOverrides'],
): Promise<string> {
  const { publicKey } = new x509.Pkcs10CertificateRequest(csr);
  const names = wish.names ?? ordered;
  const notBefore = wish.notBefore ?? new Date(now.getTime() - DAY_MS / 24);
  const notAfter = wish.notAfter ?? new Date(notBefore.getTime() + 90 * DAY_MS);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const validity = { notBefore, notAfter };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=root', keys, signingAlgorithm: ALGORITHM, ...validity },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...{ issuer: root.subject, publicKey, signingKey: keys.privateKey },
    ...{ signingAlgorithm: ALGORITHM, ...validity },
    extensions: [
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${leaf.toString('pem')}\n${root.toString('pem')}\n`;
}
