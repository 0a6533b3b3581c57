import type { Clock } from '../clock.ts';
import type { Secret } from '../config/secret.ts';
import { isIngressError } from '../errors.ts';
import type { CertificateAuthority, Order } from './authority.ts';
import type { Ledger } from './ledger/ledger.ts';
import { type Hold, isHold, type Limits, type Step, whenAllowed } from './ledger/limits.ts';
import type { OpenOrder, OpenOrders } from './ledger/open-orders.ts';
import { setOf } from './ledger/past-attempt.ts';
import { type Conversation, download, finalize, type Proof, proofsOf, prove } from './order.ts';
import { type Age, whyNotDownloaded, whyTooOld } from './order-age.ts';
import { createKey, createRequest, type KeyType } from './request.ts';

/** One certificate authority, and what is remembered of it on the volume. */
export interface Issuer {
  readonly directoryUrl: string;
  readonly authority: CertificateAuthority;
  readonly ledger: Ledger;
  readonly openOrders: OpenOrders;
  readonly limits: Limits;
}

/** What is asked for. */
export interface Wish {
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
export interface AttemptContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A new opaque id. */
  readonly newId: () => string;
  /** Says what a person should know. */
  readonly tell?: (sentence: string) => void;
}

/** One attempt at a certificate: an order of this run, or of an earlier one that a restart has cut short. */
export interface Attempt {
  readonly issuer: Issuer;
  readonly wish: Wish;
  readonly order: Order;
  /** Whether an earlier run made the order. */
  readonly resumed: boolean;
  /** What is still to be proven. */
  readonly proofs: readonly Proof[];
  readonly note: OpenOrder;
}

export interface IssuedCertificate {
  readonly chainPem: string;
  readonly keyPem: Secret;
}

/**
 * Goes on with the open order for these names where there is one, else makes one, unless our limits or the CA's forbid it now. In
 * the ledger and on the volume before the CA is asked. Throws STORE_FAILED and ACME_* errors.
 */
export async function begin(issuer: Issuer, wish: Wish, context: AttemptContext): Promise<Attempt | Hold> {
  const conversation = { ...context, authority: issuer.authority };
  const open = await resume(issuer, wish, context);
  if (open && !isProven(open.order)) {
    const held = whenAllowed({
      ...(await stepOf(issuer, wish, 'validate', context)),
      history: await issuer.ledger.history(),
    });
    if (held) return held;
  }
  const found = open ?? (await place(issuer, wish, context));
  if (isHold(found)) return found;
  const { order, note } = found;
  const proofs = order.status === 'pending' ? await proofsOf(order, conversation) : [];
  const noted = { ...note, values: proofs.map(({ value }) => value) };
  await issuer.openOrders.save(wish.key, noted);
  return { issuer, wish, order, resumed: open !== undefined, proofs, note: noted };
}

/** Whether nothing is left to be validated. */
function isProven({ status }: Order): boolean {
  return status === 'ready' || status === 'processing' || status === 'valid';
}

/** The open order as the CA has it now; what leads to no certificate any more is forgotten. */
async function resume(
  issuer: Issuer,
  wish: Wish,
  context: AttemptContext,
): Promise<{ order: Order; note: OpenOrder } | undefined> {
  const { directoryUrl, authority, openOrders } = issuer;
  const note = await openOrders.load(wish.key);
  if (note === undefined) return undefined;
  const order = fits(note, wish, directoryUrl) ? await authority.order(note.url, context.signal) : undefined;
  const tooOld = order && whyTooOld(order, ageOf(issuer, note, context));
  if (tooOld !== undefined) {
    await giveUp(issuer, wish, note, tooOld, context);
    return undefined;
  }
  const isFinal = order?.status === 'processing' || order?.status === 'valid';
  const goesOn = order?.status === 'pending' || order?.status === 'ready';
  if (order && (goesOn || (isFinal && note.keyPem !== undefined))) return { order, note };
  await openOrders.remove(wish.key);
  return undefined;
}

function ageOf({ authority }: Issuer, { createdAt }: OpenOrder, { clock }: AttemptContext): Age {
  return { createdAt: new Date(createdAt), now: clock.now(), skewMs: authority.clockSkewMs() };
}

/** What the ledger has of it goes on counting. */
async function giveUp(
  { openOrders }: Issuer,
  { key, names }: Wish,
  { url }: OpenOrder,
  why: string,
  { tell }: AttemptContext,
): Promise<void> {
  await openOrders.remove(key);
  tell?.(`the order ${url} for ${names.join(', ')} ${why}; it is given up, and another one is made`);
}

/** Whether an open order is one for what is asked for. Pure. */
function fits(note: OpenOrder, { names, profile }: Wish, directoryUrl: string): boolean {
  return setOf(note.names) === setOf(names) && note.directoryUrl === directoryUrl && note.profile === profile;
}

/** The question to the limits, but for what has happened so far. */
async function stepOf(
  { limits }: Pick<Issuer, 'limits'>,
  { names, replaces, lifetimeMs }: Pick<Wish, 'names' | 'replaces' | 'lifetimeMs'>,
  step: Step['step'],
  { clock }: Pick<AttemptContext, 'clock'>,
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
export async function whyNoOrder(
  issuer: Pick<Issuer, 'limits' | 'ledger'>,
  wish: Pick<Wish, 'names' | 'replaces' | 'lifetimeMs'>,
  context: Pick<AttemptContext, 'clock'>,
): Promise<Hold | undefined> {
  const step = await stepOf(issuer, wish, 'order', context);
  return whenAllowed({ ...step, history: await issuer.ledger.history() });
}

async function place(
  issuer: Issuer,
  wish: Wish,
  context: AttemptContext,
): Promise<{ order: Order; note: OpenOrder } | Hold> {
  const { directoryUrl, authority, ledger, openOrders } = issuer;
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
  const made = await authority.createOrder({ names, ...renewing, ...profiled }, context.signal);
  const note: OpenOrder = {
    ...{ directoryUrl, names, attempt, url: made.order.url, ...profiled },
    accountUrl: (await authority.storedAccountUrl()) ?? '',
    createdAt: context.clock.now().toISOString(),
  };
  await openOrders.save(key, note);
  // It counts after all.
  if (replaces !== undefined && !made.replaces) await ledger.write({ event: 'order', attempt, names });
  return { order: made.order, note };
}

/** Has the CA validate what is to be proven; the values have to be served by then. Throws as `prove` does, and STORE_FAILED. */
export async function validate(
  { issuer: { authority, ledger }, proofs, note: { attempt } }: Attempt,
  { clock, signal }: AttemptContext,
): Promise<void> {
  if (proofs.length === 0) return;
  await ledger.write({ event: 'validate', attempt, names: proofs.map(({ value }) => value.domain) });
  await prove(proofs, { authority, clock, signal });
  await ledger.write({ event: 'validated', attempt });
}

/**
 * Finalizes and downloads. The private key is on the volume before the CA is asked to issue, so that a crash between the two
 * loses no certificate. Throws STORE_FAILED and ACME_* errors.
 */
export async function issue(attempt: Attempt, context: AttemptContext): Promise<IssuedCertificate> {
  const { issuer, wish, note } = attempt;
  const conversation = { ...context, authority: issuer.authority };
  const keyPem = note.keyPem ?? (await createKey(wish.keyType));
  const finalized = await finalizeOnce(attempt, keyPem, conversation);
  try {
    return { chainPem: await download(finalized, conversation), keyPem };
  } catch (thrown) {
    context.signal.throwIfAborted();
    // A CA that has lost the certificate would be asked for it for ever.
    const lost = isIngressError(thrown, 'ACME_PROBLEM')
      ? whyNotDownloaded(finalized, ageOf(issuer, note, context))
      : undefined;
    if (lost !== undefined) await giveUp(issuer, wish, note, lost, context);
    throw thrown;
  }
}

async function finalizeOnce(
  { issuer: { ledger, openOrders }, wish: { key, names }, order, note }: Attempt,
  keyPem: Secret,
  conversation: Conversation,
): Promise<Order> {
  if (order.status === 'processing' || order.status === 'valid') return order;
  await openOrders.save(key, { ...note, keyPem });
  const csr = await createRequest(names, keyPem);
  await ledger.write({ event: 'finalize', attempt: note.attempt, names });
  return finalize(order, csr, conversation);
}

/** To be called once the certificate is on the volume. Throws STORE_FAILED. */
export async function conclude(
  { issuer: { ledger, openOrders }, wish: { key, names }, note: { attempt } }: Attempt,
  { serial, notAfter }: { readonly serial: string; readonly notAfter: Date },
): Promise<void> {
  await ledger.write({ event: 'issued', attempt, names, serial, notAfter: notAfter.toISOString() });
  await openOrders.remove(key);
}
