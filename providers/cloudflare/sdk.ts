import { BaseRecords } from 'cloudflare/resources/dns/records';
import { BaseTokens } from 'cloudflare/resources/user/tokens/tokens';
import { BaseZones } from 'cloudflare/resources/zones/zones';
import { createClient } from 'cloudflare/tree-shakable';
import type { Secret } from '../../src/config/secret.ts';
import type { Fetch } from '../shared/http.ts';

export type Sdk = ReturnType<typeof createSdk>;

/**
 * Cloudflare's own client with the three resources that are used. This file is imported late and whole: only then does the
 * bundler leave out the rest of the package, and only then does a start that asks no provider not pay for it.
 */
export function createSdk(token: Secret, baseURL: string, timeout: number, fetch: Fetch) {
  return createClient({
    resources: [BaseZones, BaseRecords, BaseTokens],
    apiToken: token.reveal(),
    // Left out, these would come from the environment and be sent beside the token.
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL,
    timeout,
    fetch,
    maxRetries: 0,
    logLevel: 'off',
  });
}
