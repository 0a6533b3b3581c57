import assert from 'node:assert/strict';
import { createAccountStore } from '../../../src/acme/account-store.ts';
import { createHttpContext } from '../../../src/acme/http.ts';
import { withRetries } from '../../../src/acme/persist.ts';
import { loadSignedHttp } from '../../../src/acme/signed-http.ts';
import { systemClock } from '../../../src/clock.ts';

/**
 * Deactivates the account on a volume, as whoever has its key can (RFC 8555 §7.3.6): `certbot unregister` does. Gives its URL. The CA has
 * to be trusted by this process.
 */
export async function deactivateAccount(root: string, directoryUrl: string): Promise<string> {
  const account = await createAccountStore(root, directoryUrl, systemClock).load();
  assert.ok(account?.url);
  const { keyPem: accountKey, url: accountUrl } = account;
  const transport = await loadSignedHttp();
  const client = transport.createClient({ directoryUrl, accountKey, accountUrl, binding: undefined });
  const update = { status: 'deactivated' } as object; // What the library's type leaves out.
  const ask = () =>
    transport.send(createHttpContext('test', systemClock), () => client.updateAccount(update));
  await withRetries(ask, systemClock, AbortSignal.timeout(30_000));
  return accountUrl;
}
