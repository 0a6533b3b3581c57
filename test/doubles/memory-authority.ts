import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Authorization, CertificateAuthority, Order } from '../../src/acme/authority.ts';
import type { Clock } from '../../src/clock.ts';

/** One look at an order or authorization. */
export interface Step {
  readonly status: string;
  /** Milliseconds that the CA asks to wait. */
  readonly pauseMs?: number;
  /** A problem document. */
  readonly error?: unknown;
}

export interface MemoryAuthority extends CertificateAuthority {
  /** Verbs in the order of their calls, with the name or value that they were about. */
  readonly calls: readonly string[];
  /** State of authorizations when an order is made, by name. Default pending. */
  readonly found: Map<string, string>;
  /** Types of the challenges that are offered. */
  challengeTypes: readonly string[];
  /** What each look at an authorization gives; the last step stays. */
  validation: readonly Step[];
  /** The status after finalization, and what each look at the order gives then; the last step stays. */
  issuance: readonly [Step, ...Step[]];
  /** Called first in every verb; what it throws is what the verb throws. */
  before: (call: string) => void | Promise<void>;
  /** The URL of the account that lies on the volume, which has one until this says otherwise. */
  storedAccount: string | undefined;
  /** Whether an order that names the certificate it replaces is taken as one. Default true. */
  takesReplacements: boolean;
  /** What a look at an order of an earlier run gives, by URL: undefined for one that the CA does not know. Default: as it is. */
  readonly orders: Map<string, Step | undefined>;
  /** The CA's clock minus ours in milliseconds. Default 0. */
  skewMs: number | undefined;
  /** What the CA advises on the renewal of any certificate. Default nothing. */
  advice: Awaited<ReturnType<CertificateAuthority['renewalInfo']>>;
  /** Certificates that are issued: for other names, or with another validity. */
  wish: { names?: readonly string[]; notBefore?: Date; notAfter?: Date };
}

const ACCOUNT = 'https://ca.example/acct/1';
const ORDER = 'https://ca.example/order/1';
const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

x509.cryptoProvider.set(webcrypto as Crypto); // Node's own; its types and the library's differ in name only.

/** A CA in memory that goes through states as it is told and issues real certificates for the key of the request. */
export function createMemoryAuthority(clock: Clock): MemoryAuthority {
  const calls: string[] = [];
  const looks = { authorizations: new Map<string, number>(), order: 0 };
  let ordered: readonly string[] = [];
  let replaced: string | undefined;
  let chain: string | undefined;
  const validated = new Set<string>();

  const begin = async (call: string, signal: AbortSignal) => {
    signal.throwIfAborted();
    calls.push(call);
    await authority.before(call);
  };
  const authorizationOf = (name: string, { status, error }: Step): Authorization => {
    const challenges = authority.challengeTypes.map((type) => ({
      ...{ type, url: `https://ca.example/chal/${name}/${type}`, token: `token-${name}-${type}` },
      ...{ status, ...(error === undefined || type !== 'dns-01' ? {} : { error }) },
    }));
    const [value, wildcard] = [name.replace(/^\*\./, ''), name.startsWith('*.')];
    const expires = new Date(clock.now().getTime() + DAY_MS).toISOString();
    const url = `https://ca.example/authz/${name}`;
    // The library's types list the states and challenges that it knows; a CA can send any.
    return {
      url,
      status,
      expires,
      wildcard,
      identifier: { type: 'dns', value },
      challenges,
    } as Authorization;
  };
  const orderOf = ({ status, error }: Step): Order => {
    const order = {
      ...{ url: ORDER, status, finalize: 'https://ca.example/finalize/1' },
      ...{ identifiers: ordered.map((value) => ({ type: 'dns', value })) },
      ...{ authorizations: ordered.map((name) => `https://ca.example/authz/${name}`) },
      ...(error === undefined ? {} : { error }),
      ...(replaced === undefined ? {} : { replaces: replaced }),
    };
    // As above.
    return order as Order;
  };
  const stepOf = (steps: readonly Step[], index: number): Step =>
    steps[Math.min(index, steps.length - 1)] ?? { status: 'pending' };
  const stepNow = (url: string): Step | undefined => {
    if (url !== ORDER || ordered.length === 0) return undefined;
    if (chain !== undefined) return stepOf(authority.issuance, looks.order);
    const isProven = ordered.every((name) => validated.has(name) || authority.found.get(name) === 'valid');
    return { status: isProven ? 'ready' : 'pending' };
  };
  const answer = <T>(now: T, { pauseMs }: Step) => ({ now, pauseMs });

  const authority: MemoryAuthority = {
    calls,
    found: new Map(),
    challengeTypes: ['http-01', 'dns-01'],
    validation: [{ status: 'valid' }],
    issuance: [{ status: 'valid' }],
    before: () => undefined,
    wish: {},
    storedAccount: ACCOUNT,
    takesReplacements: true,
    orders: new Map(),
    skewMs: 0,
    advice: undefined,
    storedAccountUrl: async () => authority.storedAccount,
    async accountUrl(signal) {
      await begin('accountUrl', signal);
      return ACCOUNT;
    },
    async caaIdentity(signal) {
      await begin('caaIdentity', signal);
      return 'ca.example';
    },
    async caaIdentities(signal) {
      await begin('caaIdentities', signal);
      return ['ca.example'];
    },
    ready: (signal) => begin('ready', signal),
    clockSkewMs: () => authority.skewMs,
    async renewalInfo(certificateId, signal) {
      await begin(`renewalInfo ${certificateId}`, signal);
      return authority.advice;
    },
    async createOrder({ names, replaces, profile }, signal) {
      const options = `${optional('replaces', replaces)}${optional('profile', profile)}`;
      await begin(`createOrder ${names.join(' ')}${options}`, signal);
      ordered = names;
      replaced = authority.takesReplacements ? replaces : undefined;
      validated.clear();
      looks.authorizations.clear();
      looks.order = 0;
      chain = undefined;
      return { order: orderOf({ status: 'pending' }), replaces: replaced !== undefined };
    },
    async order(url, signal) {
      await begin(`order ${url}`, signal);
      const step = authority.orders.has(url) ? authority.orders.get(url) : stepNow(url);
      return step && { ...orderOf(step), url };
    },
    async authorizations(_, signal) {
      await begin('authorizations', signal);
      return ordered.map((name) => authorizationOf(name, { status: authority.found.get(name) ?? 'pending' }));
    },
    async challengeValue({ token, type }, signal) {
      await begin(`challengeValue ${token}`, signal);
      if (type !== 'dns-01') throw new Error(`the value of a ${type} challenge is not for the DNS`);
      return `value-of-${token}`;
    },
    async respond({ token }, signal) {
      await begin(`respond ${token}`, signal);
    },
    async pollOrder(_, signal) {
      await begin('pollOrder', signal);
      looks.order += 1;
      const step = stepOf(authority.issuance, looks.order);
      return answer(orderOf(step), step);
    },
    async pollAuthorization({ url }, signal) {
      const name = url.slice(url.lastIndexOf('/') + 1);
      await begin(`pollAuthorization ${name}`, signal);
      const look = looks.authorizations.get(name) ?? 0;
      looks.authorizations.set(name, look + 1);
      const step = stepOf(authority.validation, look);
      if (step.status === 'valid') validated.add(name);
      return answer(authorizationOf(name, step), step);
    },
    async finalize(_, csr, signal) {
      await begin('finalize', signal);
      chain = await issue(csr, ordered, clock.now(), authority.wish);
      return orderOf(authority.issuance[0]);
    },
    async certificate({ status }, signal) {
      await begin('certificate', signal);
      if (status !== 'valid' || chain === undefined)
        throw new Error(`no certificate of an order that is ${status}`);
      return chain;
    },
  };
  return authority;
}

function optional(name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name} ${value}`;
}

/** Leaf and root in PEM, for the ordered names and the key of the request, from an hour ago for 90 days. */
async function issue(
  csr: string,
  ordered: readonly string[],
  now: Date,
  wish: MemoryAuthority['wish'],
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
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
  });
  return `${leaf.toString('pem')}\n${root.toString('pem')}\n`;
}
