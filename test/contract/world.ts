import type { ProviderContext } from '../../providers/shared/context.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import type { DnsRecord } from '../../src/dns/record.ts';

/** A fault of a call to the provider's API. */
export type ContractFault =
  /** Asks the client to wait; `retryAfter` is the header's value. */
  | { readonly kind: 'rate-limit'; readonly retryAfter: string }
  /**
   * `error`: a failure of the API. `echo`: a refusal whose message repeats the credentials.
   * `nonsense`: a complete, successful response in the API's format with undocumented content.
   */
  | { readonly kind: 'error' | 'echo' | 'reset' | 'hang' | 'stall' | 'html' | 'truncated' | 'nonsense' }
  /** The call is carried out, and its response is lost. */
  | { readonly kind: 'lost' };

export interface Limits {
  /** The only zones that the credentials reach. */
  readonly zones: readonly string[];
  /** Whether records may be written. */
  readonly write: boolean;
}

export interface Abilities {
  /** Zones may have other names than registrable domains: `sub.example.com`, `example.us.to`. */
  readonly anyZone: boolean;
  /** Credentials can be limited to some zones, and to read access. */
  readonly limitedCredentials: boolean;
  /** Whether an error's details name the missing permission to write. */
  readonly namesWritePermission?: (details: Readonly<Record<string, unknown>>) => boolean;
  /** The list of zones also has zones that limited credentials do not reach. */
  readonly listsForeignZones?: boolean;
  /**
   * False if an unknown key and a wrong clock, which is temporary, get the same refusal. Default:
   * true.
   */
  readonly namesFaultOfKey?: boolean;
  /**
   * False if credentials are checked only together with a zone, so that check() cannot verify them.
   * Default: true.
   */
  readonly checksCredentials?: boolean;
  /** TXT data may contain double quotes. Default: true. */
  readonly quotesInTxt?: boolean;
  /** The maximum number of records in one zone, and of values of one type at one name. */
  readonly recordsPerZone: number;
  readonly valuesPerName: number;
  /** False if the API cannot ask for slower calls. */
  readonly asksToWait?: boolean;
  /** CAA records may have flags other than 0. */
  readonly caaFlags: boolean;
}

/** One account of a provider for one test, with access that bypasses the provider. */
export interface ContractWorld extends AsyncDisposable {
  /** A provider without anything in memory. Default context: one whose clock does not wait. */
  open(options?: { readonly timeoutMs?: number; readonly context?: ProviderContext }): DnsProvider;
  /** A provider with limited credentials. */
  openLimited(limits: Limits): DnsProvider;
  /** A provider with well-formed, unknown credentials. */
  openRejected(): DnsProvider;
  /** Texts that must not appear in any error. */
  readonly secrets: readonly string[];
  addZone(name: string): void;
  /** Adds a record in the API's own spelling. */
  plant(zone: string, record: DnsRecord): void;
  /** Adds unrelated records at these names: MX, SRV and other types of the provider. */
  plantStrangers(zone: string, names: readonly string[]): void;
  /**
   * Every record of the zone in the provider's own form, so that two snapshots can be compared byte
   * by byte.
   */
  snapshot(zone: string): readonly unknown[];
  /** API calls since the last reset. */
  calls(): { readonly reads: number; readonly writes: number };
  resetCalls(): void;
  /** Makes the next call of the kind fail, or the next `times` calls. */
  fail(fault: ContractFault, kind: 'read' | 'write' | 'any', times?: number): void;
  /** The maximum number of calls of each verb in a small account; `apply` for one change. */
  readonly costs: { readonly zone: number; readonly records: number; readonly apply: number };
  /** What the API cannot do at all, so that the suite skips it. */
  readonly abilities: Abilities;
}

/** Creates an account with these zones and no records. */
export type ContractSetup = (zones: readonly string[]) => Promise<ContractWorld>;
