import type { ProviderContext } from '../../providers/shared/context.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import type { DnsRecord } from '../../src/dns/record.ts';

/** Something that goes wrong with a call to the provider's API. */
export type ContractFault =
  /** Asks to wait; `retryAfter` as the header says it. */
  | { readonly kind: 'rate-limit'; readonly retryAfter: string }
  /**
   * `error` is the API's own failure, `echo` a refusal that repeats the credentials in its words, `nonsense` a whole
   * answer of success in the API's format that is in no documentation.
   */
  | { readonly kind: 'error' | 'echo' | 'reset' | 'hang' | 'stall' | 'html' | 'truncated' | 'nonsense' }
  /** The call is carried out, and its answer never arrives. */
  | { readonly kind: 'lost' };

export interface Limits {
  /** The only zones that the credentials reach. */
  readonly zones: readonly string[];
  /** Whether records may be written. */
  readonly write: boolean;
}

export interface Abilities {
  /** Zones may be other names than those that a registry sells: `sub.example.com`, `example.us.to`. */
  readonly anyZone: boolean;
  /** Credentials can be limited to some zones, and to reading. */
  readonly limitedCredentials: boolean;
  /** The list of zones cannot be limited with them: it shows zones that they do not reach. */
  readonly listsForeignZones?: boolean;
  /** False where the same refusal is given to an unknown key and to a clock that is off, which passes. Default: true. */
  readonly namesFaultOfKey?: boolean;
  /** False where the credentials are looked at only together with a zone, so that check() cannot tell. Default: true. */
  readonly checksCredentials?: boolean;
  /** TXT data may hold double quotes. Default: true. */
  readonly quotesInTxt?: boolean;
  /** Records that one zone may hold, and values of one type that one name may have. */
  readonly recordsPerZone: number;
  readonly valuesPerName: number;
  /** False where the API has no way to ask for slower calls. */
  readonly asksToWait?: boolean;
  /** CAA records may have flags other than 0. */
  readonly caaFlags: boolean;
}

/** One account of a provider for one test, with a way behind the provider's back. */
export interface ContractWorld extends AsyncDisposable {
  /** A provider with nothing in memory. The context is one whose clock does not wait, unless it is given. */
  open(options?: { readonly timeoutMs?: number; readonly context?: ProviderContext }): DnsProvider;
  /** A provider with credentials that may do less. */
  openLimited(limits: Limits): DnsProvider;
  /** A provider with credentials that are well-formed and not known. */
  openRejected(): DnsProvider;
  /** What must stand in no error. */
  readonly secrets: readonly string[];
  addZone(name: string): void;
  /** Plants a record in the spelling that the API itself would give it. */
  plant(zone: string, record: DnsRecord): void;
  /** Plants records that are nobody's business at these names: MX, SRV and whatever else the provider has. */
  plantStrangers(zone: string, names: readonly string[]): void;
  /** Every record of the zone in the provider's own words, so that two looks can be compared byte by byte. */
  snapshot(zone: string): readonly unknown[];
  /** API calls since the last reset. */
  calls(): { readonly reads: number; readonly writes: number };
  resetCalls(): void;
  /** Lets calls go wrong: the next one of the kind, or as many as said. */
  fail(fault: ContractFault, kind: 'read' | 'write' | 'any', times?: number): void;
  /** The most calls that each verb may cost in a small account; `apply` for one change. */
  readonly costs: { readonly zone: number; readonly records: number; readonly apply: number };
  /** What the API cannot do at all, so that nobody asks it for that. */
  readonly abilities: Abilities;
}

/** Makes an account that holds these zones and no records. */
export type ContractSetup = (zones: readonly string[]) => Promise<ContractWorld>;
