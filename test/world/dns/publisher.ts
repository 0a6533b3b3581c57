/**
 * A resource record as a provider's simulator publishes it (RFC 9499 terms, RFC 1035 §5
 * presentation format).
 */
export interface ZoneRecord {
  /** Fully qualified owner name; a trailing dot is optional. */
  readonly name: string;
  /** Upper case, for example `TXT`. */
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /**
   * Presentation format: TXT as quoted strings (or one unquoted string); names in a CNAME are
   * absolute, with or without the dot.
   */
  readonly data: string;
}

/** Receives the zones of the providers' simulators: the world's authoritative name servers. */
export interface ZonePublisher {
  /**
   * Replaces the complete content of the zone except its SOA, NS and glue. Resolves once every
   * server without a lag answers the new content; servers with a lag follow later, in the order of
   * the calls. Rejects if the zone is not one of the world's or a name server refuses a record.
   */
  publish(zone: string, records: readonly ZoneRecord[]): Promise<void>;
}
