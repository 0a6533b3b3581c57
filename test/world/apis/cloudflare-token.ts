import { randomBytes } from 'node:crypto';
import { refusals } from './cloudflare-refusal.ts';
import { newId } from './cloudflare-zone.ts';

/** What a token may do with a zone; as the dashboard names them: Zone / Zone / Read, Zone / DNS / Read and Edit. */
export interface Permissions {
  readonly zoneRead: boolean;
  readonly dnsRead: boolean;
  readonly dnsEdit: boolean;
}

export interface TokenOptions {
  /** 40 to 80 letters, digits, `_` and `-`. Default: a random one of Cloudflare's own form. */
  readonly value?: string;
  /** Tokens of an account start with `cfat_`, and the endpoint that verifies a user's tokens does not know them. */
  readonly owner?: 'user' | 'account';
  readonly status?: 'active' | 'disabled' | 'expired';
  /** The token's IP filter does not let this machine use it. */
  readonly elsewhere?: boolean;
  /** By zone name; zones that are not named are out of its reach. Default: everything in every zone. */
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

  /** What it may do with a zone. Editing includes reading. */
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

/** The token of a request, by its `Authorization` header. Throws Refusal; each part of the API has its own words for it. */
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
