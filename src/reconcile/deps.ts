import type { Authority, KeyType } from '../acme/issuance.ts';
import type { CertificateBundle, CertificateFacts, CertificateNames } from '../certificates/certificate.ts';
import type { CertificateStore } from '../certificates/store.ts';
import type { Clock } from '../clock.ts';
import type { DnsProvider } from '../dns/provider.ts';
import type { Query } from '../dns/query.ts';
import type { Resolver } from '../dns/resolver.ts';
import type { Identity } from '../dstack/identity.ts';
import type { Emit } from '../events.ts';
import type { CaaOwner } from '../records/desired.ts';
import type { ChallengeJournal } from '../records/journal.ts';
import type { RecordSpec } from '../records/name-records.ts';
import type { AddressMode } from '../records/ownership.ts';
import type { GivenWarning, WarnOf } from '../warnings.ts';

/** The part of the configuration that reconciling needs, the same for all names. */
export interface Spec extends RecordSpec {
  /** The base name of the cluster's gateway according to dstack (DSTACK_GATEWAY_DOMAIN). */
  readonly injectedGateway: string | undefined;
  readonly addressMode: AddressMode;
  /** The key type of new certificates. */
  readonly keyType: KeyType;
  /** The profile to order (ACME_PROFILE). */
  readonly profile: string | undefined;
  /** Renews a certificate when at most this many days are left (RENEW_DAYS_BEFORE). */
  readonly renewDaysBefore: number | undefined;
  /** Whether certificates of a staging CA are unusable. */
  readonly noStaging: boolean;
  /** Milliseconds that published records may take to reach every name server. */
  readonly propagationTimeoutMs: number;
}

/** The configured CAs. */
export interface Authorities {
  readonly primary: Authority;
  /** Used once the primary CA has failed for `afterMs` milliseconds. */
  readonly fallback: { readonly authority: Authority; readonly afterMs: number } | undefined;
  /** After the CA has refused an order, validates the next one first (ACME_STAGING_DRY_RUN). */
  readonly staging: Authority | undefined;
}

/** The dependencies of a reconciliation. */
export interface Deps {
  readonly spec: Spec;
  readonly identify: (signal: AbortSignal) => Promise<Identity>;
  readonly provider: DnsProvider;
  readonly resolver: Resolver;
  /** Queries one authoritative name server. */
  readonly query: Query;
  readonly authorities: Authorities;
  /** The accounts that may issue, for CAA records. Throws ACME_* errors and STORE_FAILED. */
  readonly caaOwners: (signal: AbortSignal) => Promise<readonly CaaOwner[]>;
  /** The journal of a name's challenges. */
  readonly journalOf: (domain: string) => ChallengeJournal;
  readonly store: CertificateStore;
  /**
   * Installs a certificate for one name in the proxy. Resolves once a handshake has verified it.
   */
  readonly serve: (domain: string, bundle: CertificateBundle) => Promise<void>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  /** Reports an event to the log and the status. */
  readonly emit: Emit;
  /** Emits a warning once, however often it is given. */
  readonly warn: (warning: string) => void;
  /** Emits a warning in every run for as long as it is true. */
  readonly warnOf: WarnOf;
  readonly shared: SharedState;
}

/** The dependencies of `plan`, which serves nothing. */
export type ReadDeps = Omit<Deps, 'serve'>;

/** A certificate, and what this process remembers about it. */
export interface ManagedCertificate {
  readonly names: CertificateNames;
  readonly state: CertificateState;
}

/** What a run remembers about a certificate for the next run. Everything else is read again. */
export interface CertificateState {
  /** SHA-256 fingerprint of the certificate that the proxy serves, by name. */
  readonly served: Map<string, string>;
  /** The certificate that was last loaded or issued. */
  latest: CertificateFacts | undefined;
  /** The last logged reason of its renewal. */
  renewal: string | undefined;
  /**
   * Issued but not stored yet: it is served, not ordered again, and stored as soon as the volume
   * can be written.
   */
  unsaved: UnsavedCertificate | undefined;
}

export interface UnsavedCertificate {
  readonly bundle: CertificateBundle;
  /** Closes the order; call it once the certificate is stored. Throws STORE_FAILED. */
  readonly complete: () => Promise<void>;
  /** Why it could not be stored; undefined before the first attempt. */
  readonly failure: unknown;
}

/** What a run remembers about all certificates for the next run. Concurrent runs share it. */
export interface SharedState {
  /** Names whose records were written and have not propagated yet. */
  readonly pending: Set<string>;
  /** Names whose records this process has claimed, or found to be its own (see ownership.ts). */
  readonly claimed: Set<string>;
  /** Names that the public DNS is known to serve from the zone that we write. */
  readonly delegated: Set<string>;
  /**
   * Until when a CA that did not respond is not queried for renewal information, in milliseconds
   * since the epoch, by directory URL.
   */
  readonly silentUntil: Map<string, number>;
  /** The app-address of another container, by the name that it owns. */
  readonly otherOwners: Map<string, string>;
  /** The last warnings that a part of the volume cannot be written. */
  readonly unwritable: Map<string, GivenWarning>;
}

export function emptySharedState(): SharedState {
  return {
    pending: new Set(),
    claimed: new Set(),
    delegated: new Set(),
    otherOwners: new Map(),
    silentUntil: new Map(),
    unwritable: new Map(),
  };
}

export function manageCertificate(names: CertificateNames): ManagedCertificate {
  return {
    names,
    state: { served: new Map(), latest: undefined, renewal: undefined, unsaved: undefined },
  };
}

/** The key of a certificate's open order in the order store. */
export function orderKey([first]: CertificateNames): string {
  return first;
}
