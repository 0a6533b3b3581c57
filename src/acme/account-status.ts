import type { Client } from 'acme-client';
import { isIngressError } from '../errors.ts';
import { asObject, asText } from '../json.ts';
import type { StoredAccount } from './account-store.ts';
import { isProblem, problemOf } from './problem.ts';

/** The status of a stored account at the CA. */
export type AccountStatus =
  | { readonly kind: 'valid' }
  /** The key belongs to another account or to none; registering the key yields a usable account. */
  | { readonly kind: 'unregistered'; readonly reason: string }
  /**
   * Deactivated or revoked (RFC 8555 §7.1.6, §7.3.6), and the key with it: a new account needs a
   * new key.
   */
  | { readonly kind: 'ended'; readonly reason: string };

/**
 * Whether a refusal may concern the account rather than the request. CAs send both types for many
 * other reasons too, so the account's status has to be fetched.
 */
export function mayConcernAccount(refusal: unknown): boolean {
  // If the key belongs to another account, the signature is invalid: malformed.
  return isProblem(refusal, 'unauthorized') || isProblem(refusal, 'malformed');
}

/**
 * Sends a request signed with the account's key: as the account with this URL, or by the key alone.
 */
export type SendAs = <T>(url: string | undefined, request: (client: Client) => Promise<T>) => Promise<T>;

const VALID: AccountStatus = { kind: 'valid' };

/**
 * Fetches the status of an account. It has ended only if the CA refuses both the account and its
 * key (§7.3.6: "the server MUST reject further requests authorized by that account's key"). Any
 * other response, or none, counts as valid.
 */
export async function fetchAccountStatus(
  { url }: Pick<StoredAccount, 'url'>,
  send: SendAs,
): Promise<AccountStatus> {
  if (url !== undefined) {
    const { body, refusal } = await outcomeOf(() => send(url, (client) => client.updateAccount({})));
    const reason = endReason(body);
    if (reason !== undefined) return { kind: 'ended', reason };
    if (!mayConcernAccount(refusal)) return VALID;
  }
  return fetchKeyStatus(url, send);
}

/** Looks up the account of a key (RFC 8555 §7.3.1). */
async function fetchKeyStatus(url: string | undefined, send: SendAs): Promise<AccountStatus> {
  let found: string | undefined;
  const { body, refusal } = await outcomeOf(() =>
    send(undefined, async (client) => {
      try {
        return await client.createAccount({ onlyReturnExisting: true });
      } finally {
        found = accountUrlOf(client);
      }
    }),
  );
  const reason = endReason(body);
  if (reason !== undefined) return { kind: 'ended', reason };
  if (isProblem(refusal, 'unauthorized')) return { kind: 'ended', reason: detailOf(refusal) };
  if (isProblem(refusal, 'accountDoesNotExist'))
    return { kind: 'unregistered', reason: 'the certificate authority has no account for it' };
  return found === undefined || found === url
    ? VALID
    : { kind: 'unregistered', reason: `it belongs to ${found}` };
}

/** The account URL that the client has received; undefined if it has received none. */
export function accountUrlOf(client: Client): string | undefined {
  try {
    return client.getAccountUrl() || undefined;
  } catch {
    return undefined;
  }
}

async function outcomeOf(request: () => Promise<unknown>): Promise<{ body?: unknown; refusal?: unknown }> {
  try {
    return { body: await request() };
  } catch (refusal) {
    return { refusal };
  }
}

function endReason(account: unknown): string | undefined {
  const status = asText(asObject(account)['status']);
  return status === 'deactivated' || status === 'revoked' ? `its status is ${status}` : undefined;
}

function detailOf(refusal: unknown): string {
  const problem = isIngressError(refusal) ? problemOf(refusal) : undefined;
  return problem?.detail ?? 'the certificate authority refuses it';
}
