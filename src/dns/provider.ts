import type { Change, CurrentRecord } from './record.ts';

/** Added to the details of an error of `zone` if a misspelt name may be the cause. */
export const NAME_IN_DOUBT = { nameInDoubt: true } as const;

/** A zone of the provider's account. */
export interface Zone {
  /** The provider's id of the zone; also the key of the zone's lock. */
  readonly id: string;
  /**
   * The zone's apex, canonical like an owner name; undefined if the credentials may not read it.
   */
  readonly name: string | undefined;
}

/** The capabilities of a provider, which plans respect. */
export interface Capabilities {
  /**
   * The TTL, in seconds, that the provider serves if this one is requested: raised, rounded or the
   * same.
   */
  normalizeTtl(seconds: number): number;
  /**
   * Whether a name may have a CNAME together with records of other types (against RFC 1034 §3.6.2).
   */
  readonly cnameBesideOthers: boolean;
  /** Whether a CNAME at the zone's apex is flattened: served as the addresses of its target. */
  readonly flattensApexCname: boolean;
  /** Whether a CNAME whose target's first label starts with an underscore is served. */
  readonly servesUnderscoreTargets: boolean;
  /**
   * Whether all records of an RRset have one TTL (RFC 2181 §5.2), so that a record of the ingress
   * cannot have another TTL.
   */
  readonly sharesTtl: boolean;
  /**
   * Whether every write replaces the whole zone. Then a reconciliation writes once, and leaves
   * whatever can wait to the next one.
   */
  readonly rewritesZone: boolean;
  /**
   * Seconds until every authoritative server serves a published record, as the provider documents.
   */
  readonly propagationSeconds: number;
  /**
   * Whether records are written to the operator's own primary, which must send NOTIFY (RFC 1996) to
   * its secondaries.
   */
  readonly notifiesSecondaries?: boolean;
}

/**
 * The API of one DNS provider. The adapter hides the quirks of the API.
 *
 * Every method throws an IngressError: PROVIDER_UNREACHABLE, _UNAVAILABLE, _RATE_LIMITED (with
 * `retryAfterMs`), _BAD_ANSWER, _CREDENTIALS_REJECTED, _PERMISSION_MISSING, _CONFLICT or _REJECTED;
 * ZONE_NOT_FOUND if the zone is gone, ZONE_MISMATCH if a record was written under another name;
 * ZONE_NOT_UNDERSTOOD or ZONE_DAMAGED if only whole zones can be written, and STORE_FAILED if a
 * copy of the zone could not be stored first. None retries on its own. An abort rejects with the
 * signal's reason. All methods may run concurrently; writes to one zone run one after the other.
 */
export interface DnsProvider {
  readonly name: string;
  readonly capabilities: Capabilities;

  /**
   * The zone of the account that is the closest ancestor of the name, or the name itself. Looked up
   * once per zone, then cached. Throws ZONE_NOT_FOUND, or ZONE_MISMATCH if a zone is configured and
   * the name is not in it; with NAME_IN_DOUBT among the details if the account has no similar zone.
   */
  zone(fqdn: string, signal: AbortSignal): Promise<Zone>;

  /**
   * The current records of every type at these owner names, canonical; in one read if the API
   * allows. Example: `records(zone, ['app.example.com'])` returns its CNAME, its CAA records and
   * its MX, and nothing of `www.app.example.com`.
   */
  records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]>;

  /**
   * Makes all changes in as few calls as the API allows. Returns the created and replacing records
   * as they are now, in the order of the changes.
   *
   * Idempotent: creating a record that exists and removing one that is gone succeed. A removal
   * whose record has no handle matches name, type and value. All other records stay the same. After
   * a failure any part of the changes may have been made (none or all if the API has transactions);
   * the same call again completes them.
   *
   * Example: `_acme-challenge.x` holds TXT `a`; after `create TXT b` it holds `a` and `b`; after
   * `remove TXT b` it holds `a`.
   */
  apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]>;

  /**
   * Resolves when the API reports that all of the provider's name servers serve the last write to
   * the zone (Route 53's GetChange). Called after the name servers were queried, which costs no API
   * call; it is still needed because many servers share an anycast address.
   */
  settled?(zone: Zone, signal: AbortSignal): Promise<void>;

  /**
   * Checks the credentials without writing anything. Throws an error that says what is wrong with
   * them and how to fix it.
   */
  check(signal: AbortSignal): Promise<void>;
}
