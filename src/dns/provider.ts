import type { Change, CurrentRecord } from './record.ts';

/** Among the details of an error of `zone` that a misspelt name may be the cause of. */
export const NAME_IN_DOUBT = { nameInDoubt: true } as const;

/** A zone of the provider's account. */
export interface Zone {
  /** The provider's own id; also the key of the per-zone lock. */
  readonly id: string;
  /** The zone's apex, canonical like an owner name; undefined when the credentials may not read it. */
  readonly name: string | undefined;
}

/** What a provider can and cannot do, so that plans fit it. */
export interface Capabilities {
  /** The TTL in seconds that the provider will answer for a wanted one: raised, rounded or kept. */
  normalizeTtl(seconds: number): number;
  /** Whether a CNAME may stand beside records of other types at one name (against RFC 1034 §3.6.2). */
  readonly cnameBesideOthers: boolean;
  /** Whether a CNAME at the zone's apex is answered as the addresses of its target. */
  readonly flattensApexCname: boolean;
  /** Whether a CNAME whose target's first label starts with an underscore is served. */
  readonly servesUnderscoreTargets: boolean;
  /** Whether all values of one name and type have one TTL (RFC 2181 §5.2), so that ours cannot differ from its neighbours'. */
  readonly sharesTtl: boolean;
  /** Whether every write replaces the whole zone. Then a pass writes once, and what can wait is left to the next one. */
  readonly rewritesZone: boolean;
  /** Seconds that a published record may take to every authoritative server, by the provider's own words. */
  readonly propagationSeconds: number;
  /** Whether the records are written to a primary of the user's own, which has to tell its secondaries (NOTIFY, RFC 1996). */
  readonly notifiesSecondaries?: boolean;
}

/**
 * One DNS provider's API in a few verbs. An adapter knows the quirks of its API, so that nobody else must.
 *
 * Every verb throws an IngressError: PROVIDER_UNREACHABLE, _UNAVAILABLE, _RATE_LIMITED (with `retryAfterMs`),
 * _BAD_ANSWER, _CREDENTIALS_REJECTED, _PERMISSION_MISSING, _CONFLICT or _REJECTED; ZONE_NOT_FOUND when the zone is gone,
 * ZONE_MISMATCH when what was written landed under another name; ZONE_NOT_UNDERSTOOD or ZONE_DAMAGED where only whole zones
 * can be written, and STORE_FAILED where a copy of the zone could not be kept before. None retries on its own. An aborted signal
 * rejects with the signal's reason. All verbs may run at once; writes to one zone wait for each other.
 */
export interface DnsProvider {
  readonly name: string;
  readonly capabilities: Capabilities;

  /**
   * The longest zone of the account that holds the name.
   * Asked once per zone; later calls answer from memory. Throws ZONE_NOT_FOUND, or ZONE_MISMATCH where the zone is
   * configured and does not hold the name; with NAME_IN_DOUBT among the details where the account has nothing like it.
   */
  zone(fqdn: string, signal: AbortSignal): Promise<Zone>;

  /**
   * Every record of every type that stands at these owner names now, canonical; one read where the API allows.
   * Example: `records(zone, ['app.example.com'])` gives its CNAME, its CAA records and its MX, nothing of
   * `www.app.example.com`.
   */
  records(zone: Zone, names: readonly string[], signal: AbortSignal): Promise<CurrentRecord[]>;

  /**
   * Makes all changes in as few calls as the API allows and returns the created and replacing records as they stand now,
   * in the order of the changes.
   *
   * Idempotent: creating what stands there already and removing what is gone are successes. A removal whose record
   * carries no handle is found by name, type and value. Records that no change names are the same afterwards. After
   * a failure half way any part of the changes may have been made (none or all where the API has transactions); the
   * same call again completes them.
   *
   * Example: `_acme-challenge.x` holds TXT `a`; after `create TXT b` it holds `a` and `b`; after `remove TXT b` it
   * holds `a`.
   */
  apply(zone: Zone, changes: readonly Change[], signal: AbortSignal): Promise<CurrentRecord[]>;

  /**
   * Resolves when what was written to the zone has reached all of the provider's name servers, by the provider's own
   * word. For an API that tells (Route 53's GetChange); it is asked after the name servers have been, since these
   * cost nothing, and because an anycast address stands for many of them.
   */
  settled?(zone: Zone, signal: AbortSignal): Promise<void>;

  /** Whether the credentials are good. Resolves, or throws what is wrong with them and what to do. Writes nothing. */
  check(signal: AbortSignal): Promise<void>;
}
