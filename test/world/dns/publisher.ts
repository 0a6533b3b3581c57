/** A resource record as a provider's simulator hands it over (RFC 9499 terms, RFC 1035 §5 presentation format). */
export interface ZoneRecord {
  /** Fully qualified owner name; a trailing dot is optional. */
  readonly name: string;
  /** Upper case, for example `TXT`. */
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /** Presentation format: TXT as quoted strings (or one bare string), names in a CNAME absolute with or without the dot. */
  readonly data: string;
}

/** Where the simulators of providers put what their zone holds: the world's authoritative name servers. */
export interface ZonePublisher {
  /**
   * Makes `records` the complete content of the zone beside its SOA, NS and glue. Resolves when every server without a
   * lag answers the new content; servers with a lag follow later, in the order of the calls. Rejects when the zone is
   * not one of the world's or a name server refuses a record.
   */
  publish(zone: string, records: readonly ZoneRecord[]): Promise<void>;
}
