import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../clock.ts';
import { Secret } from '../config/secret.ts';
import { isIngressError } from '../errors.ts';
import type { AcmeClient, Order } from './client.ts';
import { nameSetKey } from './ledger/attempt.ts';
import type { Ledger } from './ledger/ledger.ts';
import { type Deferral, isDeferral, type Limits, type Step, whenAllowed } from './ledger/limits.ts';
import type { OrderStore, StoredOrder } from './ledger/order-store.ts';
import {
  type Abandonment,
  type AcmeContext,
  download,
  finalize,
  type OrderAge,
  type PendingAuthorization,
  pendingAuthorizations,
  solveChallenges,
  whyAbandoned,
  whyDownloadAbandoned,
} from './order.ts';

/** A certificate authority as configured, with its state on the volume. */
export interface Authority {
  readonly directoryUrl: string;
  readonly client: AcmeClient;
  readonly ledger: Ledger;
  readonly orders: OrderStore;
  readonly limits: Limits;
}

/** The type of a certificate's key: ECDSA P-256, or RSA 2048 for clients without ECDSA. */
export type KeyType = 'ecdsa' | 'rsa';

export interface OrderParams {
  /** The key of the open order in the order store, one per certificate. */
  readonly key: string;
  readonly names: readonly string[];
  readonly keyType: KeyType;
  readonly profile: string | undefined;
  /** The ARI identifier of the certificate to replace (RFC 9773 §5). */
  readonly replaces: string | undefined;
  /** The lifetime of the certificate to replace, in milliseconds. */
  readonly lifetimeMs: number | undefined;
}

export interface IssuanceContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Generates an opaque, unique id. */
  readonly newId: () => string;
  readonly warn?: (sentence: string) => void;
}

/**
 * An order that is open at the CA and stored on the volume, created in this run or resumed from an
 * earlier one.
 */
export interface PendingOrder {
  readonly authority: Authority;
  readonly params: OrderParams;
  readonly order: Order;
  /** Whether an earlier run created the order. */
  readonly resumed: boolean;
  /** Still to be validated. */
  readonly authorizations: readonly PendingAuthorization[];
  readonly stored: StoredOrder;
}

export interface IssuedCertificate {
  readonly chainPem: string;
  readonly keyPem: Secret;
}

/**
 * Resumes the open order for these names, or creates one, unless our limits or the CA's defer it.
 * Writes the ledger before it creates an order, and the order store before it returns. Throws
 * STORE_FAILED and ACME_* errors.
 */
export async function openOrder(
  authority: Authority,
  params: OrderParams,
  context: IssuanceContext,
): Promise<PendingOrder | Deferral> {
  const resumed = await resumeOrder(authority, params, context);
  if (resumed && !isValidated(resumed.order)) {
    const deferral = whenAllowed({
      ...(await limitedStep(authority, params, 'validate', context)),
      history: await authority.ledger.history(),
    });
    if (deferral) return deferral;
  }
  const opened = resumed ?? (await createOrder(authority, params, context));
  if (isDeferral(opened)) return opened;
  const { order } = opened;
  const acme = { ...context, client: authority.client };
  const authorizations = order.status === 'pending' ? await pendingAuthorizations(order, acme) : [];
  const stored = { ...opened.stored, values: authorizations.map(({ value }) => value) };
  await authority.orders.save(params.key, stored);
  return { authority, params, order, resumed: resumed !== undefined, authorizations, stored };
}

/** Whether every authorization of an order is valid. */
function isValidated({ status }: Order): boolean {
  return status === 'ready' || status === 'processing' || status === 'valid';
}

/**
 * The open order in its current state. Removes it from the volume if it can no longer lead to a
 * certificate.
 */
async function resumeOrder(
  authority: Authority,
  params: OrderParams,
  context: IssuanceContext,
): Promise<{ order: Order; stored: StoredOrder } | undefined> {
  const { directoryUrl, client, orders } = authority;
  const stored = await orders.load(params.key);
  if (stored === undefined) return undefined;
  const order = matches(stored, params, directoryUrl)
    ? await client.findOrder(stored.url, context.signal)
    : undefined;
  const abandonment = order && whyAbandoned(order, ageOf(authority, stored, context));
  if (abandonment !== undefined) {
    await abandon(authority, params, stored, abandonment, context);
    return undefined;
  }
  const isFinalized = order?.status === 'processing' || order?.status === 'valid';
  const isOpen = order?.status === 'pending' || order?.status === 'ready';
  if (order && (isOpen || (isFinalized && stored.keyPem !== undefined))) return { order, stored };
  await orders.remove(params.key);
  return undefined;
}

function ageOf({ client }: Authority, { createdAt }: StoredOrder, { clock }: IssuanceContext): OrderAge {
  return { createdAt: new Date(createdAt), now: clock.now(), skewMs: client.clockSkewMs() };
}

/** Removes an order from the volume. Its ledger entries keep counting against the limits. */
async function abandon(
  { orders }: Authority,
  { key, names }: OrderParams,
  { url }: StoredOrder,
  { sentence }: Abandonment,
  { warn }: IssuanceContext,
): Promise<void> {
  await orders.remove(key);
  warn?.(`abandoned the order ${url} for ${names.join(', ')}: ${sentence}; ordering again`);
}

/** Whether a stored order has these parameters. Pure. */
function matches(stored: StoredOrder, { names, profile }: OrderParams, directoryUrl: string): boolean {
  return (
    nameSetKey(stored.names) === nameSetKey(names) &&
    stored.directoryUrl === directoryUrl &&
    stored.profile === profile
  );
}

/** The step to pass to `whenAllowed`, without the history. */
async function limitedStep(
  { limits }: Pick<Authority, 'limits'>,
  { names, replaces, lifetimeMs }: Pick<OrderParams, 'names' | 'replaces' | 'lifetimeMs'>,
  step: Step['step'],
  { clock }: Pick<IssuanceContext, 'clock'>,
): Promise<Omit<Step, 'history'>> {
  const registeredDomains = limits.perDomain ? await registeredDomainsOf(names) : [];
  const now = clock.now();
  return { names, registeredDomains, step, replaces: replaces !== undefined, limits, now, lifetimeMs };
}

/** Imports the public suffix list only when needed, because it is large. */
async function registeredDomainsOf(names: readonly string[]): Promise<string[]> {
  const { registeredDomain } = await import('./ledger/registered-domain.ts');
  return names.map(registeredDomain);
}

/**
 * Why no order for these names may be created now; undefined if one may. Sends nothing. Throws
 * STORE_FAILED.
 */
export async function orderDeferral(
  authority: Pick<Authority, 'limits' | 'ledger'>,
  params: Pick<OrderParams, 'names' | 'replaces' | 'lifetimeMs'>,
  context: Pick<IssuanceContext, 'clock'>,
): Promise<Deferral | undefined> {
  const step = await limitedStep(authority, params, 'order', context);
  return whenAllowed({ ...step, history: await authority.ledger.history() });
}

async function createOrder(
  authority: Authority,
  params: OrderParams,
  context: IssuanceContext,
): Promise<{ order: Order; stored: StoredOrder } | Deferral> {
  const { directoryUrl, client, ledger, orders } = authority;
  const { key, names, profile, replaces } = params;
  const attempt = context.newId();
  const replacement = replaces === undefined ? {} : { replaces };
  const profiled = profile === undefined ? {} : { profile };
  const step = await limitedStep(authority, params, 'order', context);
  // The ledger checks and writes atomically, because orders are created concurrently.
  const deferral = await ledger.writeUnless({ event: 'order', attempt, names, ...replacement }, (history) =>
    whenAllowed({ ...step, history }),
  );
  if (deferral) return deferral;
  const created = await client.createOrder({ names, ...replacement, ...profiled }, context.signal);
  const stored: StoredOrder = {
    ...{ directoryUrl, names, attempt, url: created.order.url, ...profiled },
    accountUrl: (await client.storedAccountUrl()) ?? '',
    createdAt: context.clock.now().toISOString(),
  };
  await orders.save(key, stored);
  // The CA did not accept it as a replacement, so it counts as a new order.
  if (replaces !== undefined && !created.replaces) await ledger.write({ event: 'order', attempt, names });
  return { order: created.order, stored };
}

/**
 * Has the CA validate the pending authorizations. Call it once their TXT values are published.
 * Throws STORE_FAILED and what `solveChallenges` throws.
 */
export async function validate(
  { authority: { client, ledger }, authorizations, stored: { attempt } }: PendingOrder,
  { clock, signal }: IssuanceContext,
): Promise<void> {
  if (authorizations.length === 0) return;
  await ledger.write({ event: 'validate', attempt, names: authorizations.map(({ value }) => value.domain) });
  await solveChallenges(authorizations, { client, clock, signal });
  await ledger.write({ event: 'validated', attempt });
}

/**
 * Finalizes the order and downloads the certificate. The private key is on the volume before
 * finalization, so that a crash in between loses no certificate. Throws STORE_FAILED and ACME_*
 * errors.
 */
export async function issue(pending: PendingOrder, context: IssuanceContext): Promise<IssuedCertificate> {
  const { authority, params, stored } = pending;
  const acme = { ...context, client: authority.client };
  const keyPem = stored.keyPem ?? (await createKey(params.keyType));
  const finalized = await finalizeOnce(pending, keyPem, acme);
  try {
    return { chainPem: await download(finalized, acme), keyPem };
  } catch (thrown) {
    context.signal.throwIfAborted();
    // Without this, a certificate that the CA has lost would be requested forever.
    const abandonment = isIngressError(thrown, 'ACME_PROBLEM')
      ? whyDownloadAbandoned(finalized, ageOf(authority, stored, context))
      : undefined;
    if (abandonment !== undefined) await abandon(authority, params, stored, abandonment, context);
    throw thrown;
  }
}

async function finalizeOnce(
  { authority: { ledger, orders }, params: { key, names }, order, stored }: PendingOrder,
  keyPem: Secret,
  acme: AcmeContext,
): Promise<Order> {
  if (order.status === 'processing' || order.status === 'valid') return order;
  await orders.save(key, { ...stored, keyPem });
  const csr = await createCsr(names, keyPem);
  await ledger.write({ event: 'finalize', attempt: stored.attempt, names });
  return finalize(order, csr, acme);
}

/**
 * Records the issuance and forgets the open order. Call it once the certificate is on the volume.
 * Throws STORE_FAILED.
 */
export async function completeOrder(
  { authority: { ledger, orders }, params: { key, names }, stored: { attempt } }: PendingOrder,
  { serial, notAfter }: { readonly serial: string; readonly notAfter: Date },
): Promise<void> {
  await ledger.write({ event: 'issued', attempt, names, serial, notAfter: notAfter.toISOString() });
  await orders.remove(key);
}

/**
 * A certificate signing request in PEM. The names are in the subject alternative name; the subject
 * is empty.
 */
export async function createCsr(names: readonly string[], keyPem: Secret): Promise<string> {
  const { default: acme } = await import('acme-client');
  const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, keyPem.reveal());
  return csr.toString();
}

const generate = promisify(generateKeyPair);

/** Generates a private key, off the main thread because RSA takes a while. */
export async function createKey(keyType: KeyType): Promise<Secret> {
  const { privateKey } =
    keyType === 'rsa'
      ? await generate('rsa', { modulusLength: 2048 })
      : await generate('ec', { namedCurve: 'P-256' });
  return new Secret(String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
}
