import type { Authority, KeyType } from '../acme/issuance.ts';
import type { CertificateBundle, CertificateFacts, Names } from '../certificates/certificate.ts';
import type { CertificateStore } from '../certificates/store.ts';
import type { Clock } from '../clock.ts';
import type { DnsProvider } from '../dns/provider.ts';
import type { Query } from '../dns/query.ts';
import type { Resolver } from '../dns/resolver.ts';
import type { Identity } from '../dstack/identity.ts';
import type { Emit } from '../events.ts';
import type { CaaOwner } from '../records/desired.ts';
import type { ChallengeJournal } from '../records/journal.ts';
import type { AddressMode } from '../records/ownership.ts';
import type { WarnOf } from '../warnings.ts';
import type { ToldFault } from './unwritable.ts';

/** What is asked for, for all names: the part of the configuration that a round needs. */
export interface Spec {
  readonly gatewayDomain: string;
  /** The base name of the cluster's gateway, by the word of dstack (DSTACK_GATEWAY_DOMAIN). */
  readonly injectedGateway: string | undefined;
  readonly port: number;
  readonly txtPrefix: string;
  readonly addressMode: AddressMode;
  readonly setCaa: boolean;
  /** Of new certificates. */
  readonly keyType: KeyType;
  /** The profile that is ordered (ACME_PROFILE). */
  readonly profile: string | undefined;
  /** Days of life left at which a certificate is renewed at the latest (RENEW_DAYS_BEFORE). */
  readonly renewDaysBefore: number | undefined;
  /** See Requirement. */
  readonly noStaging: boolean;
  /** Milliseconds that published records may take to be seen everywhere. */
  readonly propagationTimeoutMs: number;
}

/** The certificate authorities. */
export interface Authorities {
  readonly primary: Authority;
  /** Asked when the primary one has failed for `afterMs` milliseconds. */
  readonly fallback: { readonly issuer: Authority; readonly afterMs: number } | undefined;
  /** Where the next attempt is proven first, after a validation that failed. */
  readonly staging: Authority | undefined;
}

/** What a round acts with. */
export interface Deps {
  readonly spec: Spec;
  readonly identify: (signal: AbortSignal) => Promise<Identity>;
  readonly provider: DnsProvider;
  readonly resolver: Resolver;
  /** How an authoritative name server is asked. */
  readonly ask: Query;
  readonly authorities: Authorities;
  /** The accounts that may issue, for CAA records. Throws ACME_* errors and STORE_FAILED. */
  readonly caaOwners: (signal: AbortSignal) => Promise<readonly CaaOwner[]>;
  /** The journal of a name's challenges. */
  readonly journalOf: (domain: string) => ChallengeJournal;
  readonly store: CertificateStore;
  /** Hands a certificate to the proxy for one name, and proves by a handshake that it is served. */
  readonly serve: (domain: string, bundle: CertificateBundle) => Promise<void>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  /** Reports what happens to the log and the status. */
  readonly emit: Emit;
  /** Says what a person should know; the same once only, since it may be true of several names. */
  readonly warn: (warning: string) => void;
  /** Says in every round what is wrong, for as long as it is. */
  readonly warnOf: WarnOf;
  readonly shared: SharedState;
}

/** One certificate that is kept: the names that share it, and what is remembered from round to round. */
export interface ManagedCertificate {
  readonly names: Names;
  readonly state: CertificateState;
}

/** What one round leaves to the next. Everything else is read anew. */
export interface CertificateState {
  /** SHA-256 fingerprint of the certificate that the proxy has shown, by name. */
  readonly served: Map<string, string>;
  /** Of the certificate that was last found on the volume, or issued. */
  latest: CertificateFacts | undefined;
  /** What was last said of its renewal. */
  renewal: string | undefined;
  /** A certificate that was issued but is not stored: it is served, never ordered again, and stored as soon as that works. */
  unsaved: UnsavedCertificate | undefined;
}

export interface UnsavedCertificate {
  readonly bundle: CertificateBundle;
  /** To be called once it is stored: the order is over. Throws STORE_FAILED. */
  readonly conclude: () => Promise<void>;
  /** Why it could not be stored; undefined before that was tried. */
  readonly failure: unknown;
}

/** What all certificates have in common. */
export interface SharedState {
  /** Names whose records were written and not yet seen at every name server. */
  readonly unseen: Set<string>;
  /** Names whose records this process has taken, or seen standing as its own (see claim.ts). */
  readonly claimed: Set<string>;
  /** Names of which nothing says that the public DNS looks for them in another zone than ours. */
  readonly placed: Set<string>;
  /** Until when a CA that did not answer is not asked for advice, in milliseconds of the epoch, by its directory URL. */
  readonly silentUntil: Map<string, number>;
  /** The app-address of another container, by the name that it has. */
  readonly rivals: Map<string, string>;
  /** What was said of places on the volume that take nothing. */
  readonly unwritable: Map<string, ToldFault>;
}

export function emptySharedState(): SharedState {
  return {
    unseen: new Set(),
    claimed: new Set(),
    placed: new Set(),
    rivals: new Map(),
    silentUntil: new Map(),
    unwritable: new Map(),
  };
}

export function manageCertificate(names: Names): ManagedCertificate {
  return {
    names,
    state: { served: new Map(), latest: undefined, renewal: undefined, unsaved: undefined },
  };
}
