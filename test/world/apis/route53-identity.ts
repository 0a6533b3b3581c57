import { randomBytes } from 'node:crypto';
import { refusals } from './route53-refusal.ts';

export const ACCOUNT = '123456789012';

/** What the policies allow. An omitted field allows everything. */
export interface Grants {
  readonly listZones?: boolean;
  readonly getChange?: boolean;
  /** By zone id; other zones are out of reach. */
  readonly zones?: Readonly<Record<string, { readonly read?: boolean; readonly write?: boolean }>>;
  /**
   * route53:ChangeResourceRecordSetsNormalizedRecordNames, -RecordTypes and -Actions with
   * ForAllValues:StringEquals.
   */
  readonly recordNames?: readonly string[];
  readonly recordTypes?: readonly string[];
  readonly actions?: readonly string[];
  /** ARNs of roles. */
  readonly assumeRoles?: readonly string[];
}

export interface RoleOptions {
  readonly name: string;
  readonly grants?: Grants;
  /** The sts:ExternalId that the trust policy requires. */
  readonly externalId?: string;
}

export interface Role extends RoleOptions {
  readonly arn: string;
}

/**
 * One change as policy conditions see it: the name in lower case, without the final dot, escaped in
 * octal.
 */
export interface ConditionValues {
  readonly name: string;
  readonly type: string;
  readonly action: string;
}

/** A principal with keys: a user, or the session of an assumed role. */
export class Identity {
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey = randomBytes(30).toString('base64');
  readonly sessionToken: string | undefined;
  /** Milliseconds since the epoch; can be set at any time. */
  expires = Number.POSITIVE_INFINITY;
  readonly #grants: Grants;

  constructor(arn: string, grants: Grants, kind: 'user' | 'session' = 'user') {
    const temporary = kind === 'session';
    const id = randomBytes(10).toString('hex').toUpperCase().slice(0, 16);
    this.arn = arn;
    this.#grants = grants;
    this.accessKeyId = `${temporary ? 'ASIA' : 'AKIA'}${id}`;
    this.sessionToken = temporary ? randomBytes(60).toString('base64') : undefined;
  }

  requireListZones(): void {
    this.#require(this.#grants.listZones ?? true, 'route53:ListHostedZones', '*');
  }

  requireGetChange(id: string): void {
    this.#require(this.#grants.getChange ?? true, 'route53:GetChange', `arn:aws:route53:::change/${id}`);
  }

  requireRead(zoneId: string): void {
    const { zones } = this.#grants;
    const allowed = zones === undefined || Boolean(zones[zoneId]?.read);
    this.#require(allowed, 'route53:ListResourceRecordSets', `arn:aws:route53:::hostedzone/${zoneId}`);
  }

  requireWrite(zoneId: string, changes: readonly ConditionValues[]): void {
    const { zones, recordNames, recordTypes, actions } = this.#grants;
    const allowed =
      (zones === undefined || Boolean(zones[zoneId]?.write)) &&
      changes.every(
        ({ name, type, action }) =>
          (recordNames?.includes(name) ?? true) &&
          (recordTypes?.includes(type) ?? true) &&
          (actions?.includes(action) ?? true),
      );
    this.#require(allowed, 'route53:ChangeResourceRecordSets', `arn:aws:route53:::hostedzone/${zoneId}`);
  }

  requireAssume(arn: string, role: Role | undefined, externalId: string | undefined): void {
    const allowed = this.#grants.assumeRoles?.includes(arn) ?? true;
    const trusted = role !== undefined && (role.externalId === undefined || role.externalId === externalId);
    this.#require(allowed && trusted, 'sts:AssumeRole', arn);
  }

  #require(allowed: boolean, action: string, resource: string): void {
    if (!allowed) throw refusals.notAllowed(this.arn, action, resource);
  }
}
