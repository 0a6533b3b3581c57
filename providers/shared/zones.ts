import { Mutex } from '../../src/async.ts';
import { canonicalName, isWithin } from '../../src/dns/name.ts';
import { NAME_IN_DOUBT, type Zone } from '../../src/dns/provider.ts';
import { IngressError, isIngressError } from '../../src/errors.ts';

/** Finds the zone of a name: see `ZoneList` and `ConfiguredZone`. */
export interface ZoneFinder<Z> {
  /**
   * The zone that the records of a name are written to. Throws ZONE_NOT_FOUND or ZONE_MISMATCH, or
   * what the API call throws.
   */
  find(fqdn: string, signal: AbortSignal): Promise<Z>;
  /** Makes the next `find` call the API again. */
  forget(): void;
}

/**
 * What a provider knows about the zones of its account. Names are canonical in `choose` and
 * `notFound`.
 */
export interface ZoneListOptions<Z extends { readonly name: string }> {
  /** Lists the zones of the account, by calls to the API. */
  readonly list: (signal: AbortSignal) => Promise<readonly Z[]>;
  /**
   * The zone for a name, or undefined when no zone can take its records. Default: `longestZone`.
   */
  readonly choose?: (zones: readonly Z[], name: string) => Z | undefined;
  /** The ZONE_NOT_FOUND for a name for which nothing was chosen. */
  readonly notFound: (zones: readonly Z[], name: string) => IngressError;
}

/**
 * The zones of an account. They are listed once, and again for a name that is in none of the known
 * zones.
 */
export class ZoneList<Z extends { readonly name: string }> implements ZoneFinder<Z> {
  readonly #options: ZoneListOptions<Z>;
  readonly #mutex = new Mutex();
  #zones: readonly Z[] = [];

  constructor(options: ZoneListOptions<Z>) {
    this.#options = options;
  }

  /** The zones as last listed. */
  get known(): readonly Z[] {
    return this.#zones;
  }

  find(fqdn: string, signal: AbortSignal): Promise<Z> {
    const { choose = longestZone, notFound } = this.#options;
    const name = canonicalName(fqdn);
    return this.#mutex.run(async () => {
      const zone = choose(this.#zones, name) ?? choose(await this.#list(signal), name);
      if (zone) return zone;
      throw notFound(this.#zones, name);
    }, signal);
  }

  /** Lists the zones again. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#mutex.run(() => this.#list(signal), signal);
  }

  forget(): void {
    this.#zones = [];
  }

  async #list(signal: AbortSignal): Promise<readonly Z[]> {
    const zones = await this.#options.list(signal);
    this.#zones = zones.map((zone) => ({ ...zone, name: canonicalName(zone.name) }));
    return this.#zones;
  }
}

/** The variable that configures the zone, and how to read the zone. */
export interface ConfiguredZoneOptions {
  /** The variable that names the zone, and its value: the provider's id of the zone. */
  readonly variable: string;
  readonly id: string;
  /**
   * Reads the zone, by a call to the API; its name is undefined when the credentials may not read
   * it.
   */
  readonly read: (id: string, signal: AbortSignal) => Promise<Zone>;
}

/** The configured zone. It is read once. */
export class ConfiguredZone implements ZoneFinder<Zone> {
  readonly #options: ConfiguredZoneOptions;
  readonly #mutex = new Mutex();
  #zone: Zone | undefined;

  constructor(options: ConfiguredZoneOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  find(fqdn: string, signal: AbortSignal): Promise<Zone> {
    const { variable, id, read } = this.#options;
    return this.#mutex.run(async () => {
      this.#zone ??= await read(id, signal);
      assertHolds(this.#zone.name, canonicalName(fqdn), variable);
      return this.#zone;
    }, signal);
  }

  /** Does nothing: the variable still names the same zone. */
  forget(): void {}
}

/** Throws ZONE_MISMATCH when the configured zone is known by name and does not hold `name`. */
function assertHolds(apex: string | undefined, name: string, variable: string): void {
  if (apex === undefined || isWithin(name, apex)) return;
  throw new IngressError('ZONE_MISMATCH', `${variable} is the zone ${apex}, which does not hold ${name}`, {
    hint: `Correct or remove ${variable}. Without it, the zone is found automatically.`,
    details: { ...NAME_IN_DOUBT, variable, zone: apex, name },
  });
}

/** The zone with the longest name that holds `name`, by whole labels. Pure. */
export function longestZone<Z extends { readonly name: string }>(
  zones: readonly Z[],
  name: string,
): Z | undefined {
  return zones
    .filter((zone) => isWithin(name, zone.name))
    .toSorted((a, b) => b.name.length - a.name.length)[0];
}

/**
 * Makes a call about a zone. If the zone is gone (ZONE_NOT_FOUND), forgets what is cached, so that
 * the next lookup calls the API.
 */
export async function forgetIfGone<T>(memory: { forget(): void }, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    if (isIngressError(thrown, 'ZONE_NOT_FOUND')) memory.forget();
    throw thrown;
  }
}
