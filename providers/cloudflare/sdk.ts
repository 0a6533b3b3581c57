import { BaseRecords } from 'cloudflare/resources/dns/records';
import { BaseTokens } from 'cloudflare/resources/user/tokens/tokens';
import { BaseZones } from 'cloudflare/resources/zones/zones';
import { createClient } from 'cloudflare/tree-shakable';
import type { Secret } from '../../src/config/secret.ts';
import type { Fetch } from '../shared/http.ts';

/** The SDK as `createSdk` makes it. */
export type Sdk = ReturnType<typeof createSdk>;

/**
 * Cloudflare's SDK with the three resources that are used. Import this file only when needed, and
 * as a whole: then the bundler leaves out the rest of the package, and a start without calls to the
 * provider does not load it.
 */
export function createSdk(token: Secret, baseURL: string, fetch: Fetch) {
  return createClient({
    resources: [BaseZones, BaseRecords, BaseTokens],
    apiToken: token.reveal(),
    // If these were missing, the SDK would read them from the environment and send them beside the
    // token.
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL,
    fetch,
    maxRetries: 0,
    logLevel: 'off',
  });
}
