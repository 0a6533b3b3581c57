import type { Clock } from '../clock.ts';
import type { Secret } from '../config/secret.ts';
import { isIngressError } from '../errors.ts';
import type { AcmeClient, Order } from './client.ts';
import type { Ledger } from './ledger/ledger.ts';
import { type Hold, isDeferral, type Limits, type Step, whenAllowed } from './ledger/limits.ts';
import type { OrderStore, StoredOrder } from './ledger/order-store.ts';
import { setOf } from './ledger/past-attempt.ts';
import {
  type AcmeContext,
  download,
  finalize,
  type PendingAuthorization,
  pendingAuthorizations,
  solveChallenges,
} from './order.ts';
import { type OrderAge, whyAbandoned, whyDownloadAbandoned } from './order-age.ts';
import { createCsr, createKey, type KeyType } from './request.ts';

/** One certificate authority, and what is remembered of it on the volume. */
export interface Authority {
  readonly directoryUrl: string;
  readonly client: AcmeClient;
  readonly ledger: Ledger;
  readonly orders: OrderStore;
  readonly limits: Limits;
}

/** What is asked for. */
export interface OrderParams {
  /** Under which the open order is kept: one for each certificate. */
  readonly key: string;
  readonly names: readonly string[];
  readonly keyType: KeyType;
  readonly profile: string | undefined;
  /** The ARI id of the certificate that is renewed (RFC 9773 §5). */
  readonly replaces: string | undefined;
  /** Milliseconds; of the certificate that is renewed. */
  readonly lifetimeMs: number | undefined;
}

/** Beside the issuer and the wish. */
export interface IssuanceContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A new opaque id. */
  readonly newId: () => string;
  /** Says what a person should know. */
  readonly warn?: (sentence: string) => void;
}

/** One attempt at a certificate: an order of this run, or of an earlier one that a restart has cut short. */
export interface PendingOrder {
  readonly authority: Authority;
  readonly params: OrderParams;
  readonly order: Order;
  /** Whether an earlier run made the order. */
  readonly resumed: boolean;
  /** What is still to be proven. */
  readonly authorizations: readonly PendingAuthorization[];
  readonly stored: StoredOrder;
}

export interface IssuedCertificate {
  readonly chainPem: string;
  readonly keyPem: Secret;
}

/**
 * Goes on with the open order for these names where there is one, else makes one, unless our limits or the CA's forbid it now. In
 * the ledger and on the volume before the CA is asked. Throws STORE_FAILED and ACME_* errors.
 */
export async function openOrder(
  issuer: Authority,
  wish: OrderParams,
  context: IssuanceContext,
): Promise<PendingOrder | Hold> {
  const conversation = { ...context, client: issuer.client };
  const open = await resume(issuer, wish, context);
  if (open && !isProven(open.order)) {
    const held = whenAllowed({
      ...(await stepOf(issuer, wish, 'validate', context)),
      history: await issuer.ledger.history(),
    });
    if (held) return held;
  }
  const found = open ?? (await place(issuer, wish, context));
  if (isDeferral(found)) return found;
  const { order, note } = found;
  const proofs = order.status === 'pending' ? await pendingAuthorizations(order, conversation) : [];
  const noted = { ...note, values: proofs.map(({ value }) => value) };
  await issuer.orders.save(wish.key, noted);
  return {
    authority: issuer,
    params: wish,
    order,
    resumed: open !== undefined,
    authorizations: proofs,
    stored: noted,
  };
}

/** Whether nothing is left to be validated. */
function isProven({ status }: Order): boolean {
  return status === 'ready' || status === 'processing' || status === 'valid';
}

/** The open order as the CA has it now; what leads to no certificate any more is forgotten. */
async function resume(
  issuer: Authority,
  wish: OrderParams,
  context: IssuanceContext,
): Promise<{ order: Order; note: StoredOrder } | undefined> {
  const { directoryUrl, client, orders } = issuer;
  const note = await orders.load(wish.key);
  if (note === undefined) return undefined;
  const order = fits(note, wish, directoryUrl) ? await client.findOrder(note.url, context.signal) : undefined;
  const tooOld = order && whyAbandoned(order, ageOf(issuer, note, context));
  if (tooOld !== undefined) {
    await giveUp(issuer, wish, note, tooOld, context);
    return undefined;
  }
  const isFinal = order?.status === 'processing' || order?.status === 'valid';
  const goesOn = order?.status === 'pending' || order?.status === 'ready';
  if (order && (goesOn || (isFinal && note.keyPem !== undefined))) return { order, note };
  await orders.remove(wish.key);
  return undefined;
}

function ageOf({ client }: Authority, { createdAt }: StoredOrder, { clock }: IssuanceContext): OrderAge {
  return { createdAt: new Date(createdAt), now: clock.now(), skewMs: client.clockSkewMs() };
}

/** What the ledger has of it goes on counting. */
async function giveUp(
  { orders }: Authority,
  { key, names }: OrderParams,
  { url }: StoredOrder,
  why: string,
  { warn }: IssuanceContext,
): Promise<void> {
  await orders.remove(key);
  warn?.(`the order ${url} for ${names.join(', ')} ${why}; it is given up, and another one is made`);
}

/** Whether an open order is one for what is asked for. Pure. */
function fits(note: StoredOrder, { names, profile }: OrderParams, directoryUrl: string): boolean {
  return setOf(note.names) === setOf(names) && note.directoryUrl === directoryUrl && note.profile === profile;
}

/** The question to the limits, but for what has happened so far. */
async function stepOf(
  { limits }: Pick<Authority, 'limits'>,
  { names, replaces, lifetimeMs }: Pick<OrderParams, 'names' | 'replaces' | 'lifetimeMs'>,
  step: Step['step'],
  { clock }: Pick<IssuanceContext, 'clock'>,
): Promise<Omit<Step, 'history'>> {
  const registeredDomains = limits.perDomain ? await domainsOf(names) : [];
  const now = clock.now();
  return { names, registeredDomains, step, replaces: replaces !== undefined, limits, now, lifetimeMs };
}

/** The list of public suffixes is large, and few need it. */
async function domainsOf(names: readonly string[]): Promise<string[]> {
  const { registeredDomain } = await import('./ledger/registered-domain.ts');
  return names.map(registeredDomain);
}

/** Why no order for these names may be made now; undefined when one may. Asks nobody. Throws STORE_FAILED. */
export async function orderDeferral(
  issuer: Pick<Authority, 'limits' | 'ledger'>,
  wish: Pick<OrderParams, 'names' | 'replaces' | 'lifetimeMs'>,
  context: Pick<IssuanceContext, 'clock'>,
): Promise<Hold | undefined> {
  const step = await stepOf(issuer, wish, 'order', context);
  return whenAllowed({ ...step, history: await issuer.ledger.history() });
}

async function place(
  issuer: Authority,
  wish: OrderParams,
  context: IssuanceContext,
): Promise<{ order: Order; note: StoredOrder } | Hold> {
  const { directoryUrl, client, ledger, orders } = issuer;
  const { key, names, profile, replaces } = wish;
  const attempt = context.newId();
  const renewing = replaces === undefined ? {} : { replaces };
  const profiled = profile === undefined ? {} : { profile };
  const step = await stepOf(issuer, wish, 'order', context);
  // Asked in the same turn in which it is written: others may be about to order too.
  const held = await ledger.writeUnless({ event: 'order', attempt, names, ...renewing }, (history) =>
    whenAllowed({ ...step, history }),
  );
  if (held) return held;
  const made = await client.createOrder({ names, ...renewing, ...profiled }, context.signal);
  const note: StoredOrder = {
    ...{ directoryUrl, names, attempt, url: made.order.url, ...profiled },
    accountUrl: (await client.storedAccountUrl()) ?? '',
    createdAt: context.clock.now().toISOString(),
  };
  await orders.save(key, note);
  // It counts after all.
  if (replaces !== undefined && !made.replaces) await ledger.write({ event: 'order', attempt, names });
  return { order: made.order, note };
}

/** Has the CA validate what is to be proven; the values have to be served by then. Throws as `prove` does, and STORE_FAILED. */
export async function validate(
  { authority: { client, ledger }, authorizations, stored: { attempt } }: PendingOrder,
  { clock, signal }: IssuanceContext,
): Promise<void> {
  if (authorizations.length === 0) return;
  await ledger.write({ event: 'validate', attempt, names: authorizations.map(({ value }) => value.domain) });
  await solveChallenges(authorizations, { client: client, clock, signal });
  await ledger.write({ event: 'validated', attempt });
}

/**
 * Finalizes and downloads. The private key is on the volume before the CA is asked to issue, so that a crash between the two
 * loses no certificate. Throws STORE_FAILED and ACME_* errors.
 */
export async function issue(attempt: PendingOrder, context: IssuanceContext): Promise<IssuedCertificate> {
  const { authority, params, stored } = attempt;
  const conversation = { ...context, client: authority.client };
  const keyPem = stored.keyPem ?? (await createKey(params.keyType));
  const finalized = await finalizeOnce(attempt, keyPem, conversation);
  try {
    return { chainPem: await download(finalized, conversation), keyPem };
  } catch (thrown) {
    context.signal.throwIfAborted();
    // A CA that has lost the certificate would be asked for it for ever.
    const lost = isIngressError(thrown, 'ACME_PROBLEM')
      ? whyDownloadAbandoned(finalized, ageOf(authority, stored, context))
      : undefined;
    if (lost !== undefined) await giveUp(authority, params, stored, lost, context);
    throw thrown;
  }
}

async function finalizeOnce(
  { authority: { ledger, orders }, params: { key, names }, order, stored }: PendingOrder,
  keyPem: Secret,
  conversation: AcmeContext,
): Promise<Order> {
  if (order.status === 'processing' || order.status === 'valid') return order;
  await orders.save(key, { ...stored, keyPem });
  const csr = await createCsr(names, keyPem);
  await ledger.write({ event: 'finalize', attempt: stored.attempt, names });
  return finalize(order, csr, conversation);
}

/** To be called once the certificate is on the volume. Throws STORE_FAILED. */
export async function completeOrder(
  { authority: { ledger, orders }, params: { key, names }, stored: { attempt } }: PendingOrder,
  { serial, notAfter }: { readonly serial: string; readonly notAfter: Date },
): Promise<void> {
  await ledger.write({ event: 'issued', attempt, names, serial, notAfter: notAfter.toISOString() });
  await orders.remove(key);
}
