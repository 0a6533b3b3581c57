import { randomBytes } from 'node:crypto';
import { refusals } from './linode-refusal.ts';

export type Access = 'read_only' | 'read_write';

export interface TokenOptions {
  /** 64 hexadecimal digits. Default: random ones. */
  readonly value?: string;
  /** The token's scope for domains. Default: read_write. */
  readonly domains?: Access | 'none';
  /** Grants of a restricted user, by domain name; undefined stands for an unrestricted user. */
  readonly grants?: Readonly<Record<string, Access>>;
}

/**
 * A personal access token with its user
 * (https://techdocs.akamai.com/linode-api/reference/get-user-grants).
 */
export class StoredToken {
  readonly value: string;
  readonly #scope: Access | 'none';
  readonly #grants: TokenOptions['grants'];

  constructor({ value, domains = 'read_write', grants }: TokenOptions) {
    this.value = value ?? randomBytes(32).toString('hex');
    this.#scope = domains;
    this.#grants = grants;
  }

  get scope(): string {
    return `domains:${this.#scope}`;
  }

  /** Checks that the token's scope allows this access. Throws Refusal. */
  requireScope(access: Access): void {
    if (this.#scope === 'none' || (access === 'read_write' && this.#scope === 'read_only'))
      throw refusals.scope();
  }

  sees(domain: string): boolean {
    return this.#grants === undefined || this.#grants[domain] !== undefined;
  }

  /** Checks that the token's user may access the domain this way. Throws Refusal. */
  requireGrant(domain: string, access: Access): void {
    if (this.#grants === undefined) return;
    const granted = this.#grants[domain];
    if (granted === undefined || (access === 'read_write' && granted === 'read_only')) throw refusals.grant();
  }
}

/** The token of a request, from its `Authorization` header. Throws Refusal. */
export function authenticate(
  header: string | undefined,
  tokens: ReadonlyMap<string, StoredToken>,
): StoredToken {
  const token = tokens.get(/^Bearer (\S+)$/.exec(header ?? '')?.[1] ?? '');
  if (!token) throw refusals.token();
  return token;
}
