import { randomBytes } from 'node:crypto';
import { refusals } from './cloudflare-refusal.ts';
import { newId } from './cloudflare-zone.ts';

/**
 * A token's permissions on a zone. In the dashboard: Zone / Zone / Read, Zone / DNS / Read and
 * Edit.
 */
export interface Permissions {
  readonly zoneRead: boolean;
  readonly dnsRead: boolean;
  readonly dnsEdit: boolean;
}

export interface TokenOptions {
  /** 40 to 80 letters, digits, `_` and `-`. Default: a random one in Cloudflare's own form. */
  readonly value?: string;
  /**
   * Account tokens start with `cfat_`; the endpoint that verifies user tokens does not know them.
   */
  readonly owner?: 'user' | 'account';
  readonly status?: 'active' | 'disabled' | 'expired';
  /** The token's IP filter excludes this machine. */
  readonly elsewhere?: boolean;
  /** By zone name; other zones are out of its reach. Default: all permissions in every zone. */
  readonly zones?: Readonly<Record<string, Partial<Permissions>>>;
}

const NOTHING: Permissions = { zoneRead: false, dnsRead: false, dnsEdit: false };
const EVERYTHING: Permissions = { zoneRead: true, dnsRead: true, dnsEdit: true };

export class StoredToken {
  readonly id = newId();
  readonly value: string;
  readonly #options: TokenOptions;

  constructor(options: TokenOptions) {
    this.value = options.value ?? randomValue(options.owner);
    this.#options = options;
  }

  /** Its permissions on a zone. Edit includes read. */
  permissions(zone: string): Permissions {
    if ((this.#options.status ?? 'active') !== 'active') return NOTHING;
    if (!this.#options.zones) return EVERYTHING;
    const granted = { ...NOTHING, ...this.#options.zones[zone] };
    return { ...granted, dnsRead: granted.dnsRead || granted.dnsEdit };
  }

  verify(): Readonly<Record<string, string>> {
    if (this.#options.owner === 'account') throw refusals.tokenUnknownToVerify();
    return { id: this.id, status: this.#options.status ?? 'active' };
  }

  checkPlace(address: string): void {
    if (this.#options.elsewhere) throw refusals.tokenElsewhere(address);
  }
}

function randomValue(owner: TokenOptions['owner']): string {
  const prefix = owner === 'account' ? 'cfat_' : '';
  return prefix + randomBytes(32).toString('base64url').slice(0, 40);
}

/**
 * The token of a request, from its `Authorization` header. Throws Refusal; its wording depends on
 * the part of the API.
 */
export function authenticate(
  header: string | undefined,
  path: string,
  tokens: ReadonlyMap<string, StoredToken>,
): StoredToken {
  if (header === undefined) throw refusals.headersMissing();
  const value = /^Bearer ([A-Za-z0-9_-]{40,80})$/.exec(header)?.[1];
  if (value === undefined) throw refusals.headerMalformed();
  const token = tokens.get(value);
  if (token) return token;
  if (path === '/user/tokens/verify') throw refusals.tokenUnknownToVerify();
  throw path.includes('/dns_records') ? refusals.tokenUnknownToDns() : refusals.tokenUnknown();
}
