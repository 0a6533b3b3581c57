import assert from 'node:assert/strict';
import { createAccountStore } from '../../../src/acme/account-store.ts';
import { persist } from '../../../src/acme/persist.ts';
import { loadTransport } from '../../../src/acme/transport.ts';
import { createWire } from '../../../src/acme/wire.ts';
import { systemClock } from '../../../src/clock.ts';

/**
 * Deactivates the account on a volume, as whoever has its key can (RFC 8555 §7.3.6): `certbot unregister` does. Gives its URL. The CA has
 * to be trusted by this process.
 */
export async function deactivateAccount(root: string, directoryUrl: string): Promise<string> {
  const account = await createAccountStore(root, directoryUrl, systemClock).load();
  assert.ok(account?.url);
  const { keyPem: accountKey, url: accountUrl } = account;
  const transport = await loadTransport();
  const client = transport.connect({ directoryUrl, accountKey, accountUrl, binding: undefined });
  const update = { status: 'deactivated' } as object; // What the library's type leaves out.
  const ask = () => transport.speak(createWire('test', systemClock), () => client.updateAccount(update));
  await persist(ask, systemClock, AbortSignal.timeout(30_000));
  return accountUrl;
}
