import assert from 'node:assert/strict';
import { createAccountStore } from '../../../src/acme/account-store.ts';
import { createHttpContext, withRetries } from '../../../src/acme/http.ts';
import { loadSignedHttp } from '../../../src/acme/signed-http.ts';
import { systemClock } from '../../../src/clock.ts';

/**
 * Deactivates the account on a volume (RFC 8555 §7.3.6), as `certbot unregister` does, and returns
 * its URL. This process has to trust the CA.
 */
export async function deactivateAccount(root: string, directoryUrl: string): Promise<string> {
  const account = await createAccountStore(root, directoryUrl, systemClock).load();
  assert.ok(account?.url);
  const { keyPem: accountKey, url: accountUrl } = account;
  const signedHttp = await loadSignedHttp();
  const client = signedHttp.createClient({ directoryUrl, accountKey, accountUrl, binding: undefined });
  const update = { status: 'deactivated' } as object; // acme-client's type lacks the field.
  const send = () =>
    signedHttp.send(createHttpContext('test', systemClock), () => client.updateAccount(update));
  await withRetries(send, systemClock, AbortSignal.timeout(30_000));
  return accountUrl;
}
