import type { Client } from 'acme-client';
import { isIngressError } from '../errors.ts';
import { asObject, asText } from '../json.ts';
import type { StoredAccount } from './account-store.ts';
import { isProblem, problemOf } from './problem.ts';

/** How an account stands at the CA. */
export type AccountStatus =
  | { readonly kind: 'good' }
  /** The key has another account there, or none: it can be registered. */
  | { readonly kind: 'unregistered'; readonly why: string }
  /** It is deactivated or revoked (RFC 8555 §7.1.6, §7.3.6), and with it the key: a new account needs a new one. */
  | { readonly kind: 'ended'; readonly why: string };

/** Whether a refusal can be one of the account itself, whatever was asked for. CAs say both for much else too. */
export function mayConcernAccount(refusal: unknown): boolean {
  // With the key of another account the signature does not fit.
  return isProblem(refusal, 'unauthorized') || isProblem(refusal, 'malformed');
}

/** Asks once, with the key of the account: by its URL where there is one, else by the key alone. */
export type AskOnce = <T>(url: string | undefined, request: (client: Client) => Promise<T>) => Promise<T>;

const GOOD: AccountStatus = { kind: 'good' };

/**
 * Asks the CA how an account stands. It has ended only where account and key are both refused (§7.3.6: "the server MUST
 * reject further requests authorized by that account's key"); whatever else the CA answers leaves it as it is.
 */
export async function fetchAccountStatus(
  { url }: Pick<StoredAccount, 'url'>,
  ask: AskOnce,
): Promise<AccountStatus> {
  if (url !== undefined) {
    const own = await answerOf(() => ask(url, (client) => client.updateAccount({})));
    const status = endOf(own.body);
    if (status !== undefined) return { kind: 'ended', why: status };
    if (!mayConcernAccount(own.refusal)) return GOOD;
  }
  return fetchKeyStatus(url, ask);
}

/** RFC 8555 §7.3.1: which account a key has. */
async function fetchKeyStatus(url: string | undefined, ask: AskOnce): Promise<AccountStatus> {
  let found: string | undefined;
  const { body, refusal } = await answerOf(() =>
    ask(undefined, async (client) => {
      try {
        return await client.createAccount({ onlyReturnExisting: true });
      } finally {
        found = accountUrlOf(client);
      }
    }),
  );
  const status = endOf(body);
  if (status !== undefined) return { kind: 'ended', why: status };
  if (isProblem(refusal, 'unauthorized')) return { kind: 'ended', why: wordsOf(refusal) };
  if (isProblem(refusal, 'accountDoesNotExist'))
    return { kind: 'unregistered', why: 'its key has no account there' };
  return found === undefined || found === url
    ? GOOD
    : { kind: 'unregistered', why: `its key is that of ${found}` };
}

/** The URL that the CA has told the client; undefined when it has told none. */
export function accountUrlOf(client: Client): string | undefined {
  try {
    return client.getAccountUrl() || undefined;
  } catch {
    return undefined;
  }
}

async function answerOf(request: () => Promise<unknown>): Promise<{ body?: unknown; refusal?: unknown }> {
  try {
    return { body: await request() };
  } catch (refusal) {
    return { refusal };
  }
}

function endOf(account: unknown): string | undefined {
  const status = asText(asObject(account)['status']);
  return status === 'deactivated' || status === 'revoked' ? `its status is ${status}` : undefined;
}

/** What the CA says. */
function wordsOf(refusal: unknown): string {
  return (isIngressError(refusal) ? problemOf(refusal)?.detail : undefined) ?? 'it is refused';
}
