import type { CertificateAuthority } from '../acme/authority.ts';
import type { ChallengeValue } from '../acme/challenges.ts';
import type { ChallengeJournal } from '../acme/journal.ts';
import type { KeyType } from '../acme/request.ts';
import type { CertificateBundle } from '../certificates/certificate.ts';
import type { CertificateStore } from '../certificates/store.ts';
import type { Clock } from '../clock.ts';
import type { DnsProvider, Zone } from '../dns/provider.ts';
import type { Resolver } from '../dns/resolver.ts';
import type { Identity } from '../guest/identity.ts';
import type { Log } from '../log.ts';

/** What is asked for, for one name: the part of the configuration that a pass needs. */
export interface Goal {
  readonly domain: string;
  readonly gatewayDomain: string;
  readonly port: number;
  readonly txtPrefix: string;
  readonly setCaa: boolean;
  /** Of new certificates. */
  readonly keyType: KeyType;
  /** See Requirement. */
  readonly noStaging: boolean;
  /** Milliseconds that published records may take to be seen everywhere. */
  readonly propagationTimeoutMs: number;
}

/** What a pass acts with. */
export interface Parts {
  readonly goal: Goal;
  readonly identify: (signal: AbortSignal) => Promise<Identity>;
  readonly provider: DnsProvider;
  readonly resolver: Resolver;
  readonly authority: CertificateAuthority;
  readonly journal: ChallengeJournal;
  readonly store: CertificateStore;
  /** Hands a certificate to the proxy and proves by a handshake that it is served. */
  readonly serve: (bundle: CertificateBundle) => Promise<void>;
  readonly clock: Clock;
  /** Says of which name each line is. */
  readonly log: Log;
}

/** What one pass over a name leaves to the next. Everything else is read anew. */
export interface Memory {
  /** SHA-256 fingerprint of the certificate that the proxy has shown. */
  served: string | undefined;
  /** A certificate that was issued but is not stored: it is served, never ordered again, and stored as soon as that works. */
  unsaved: { readonly bundle: CertificateBundle; readonly failure: unknown } | undefined;
  /** Records were written and not yet seen at every name server. */
  unseen: boolean;
  /** A first start's write of records and challenge failed: the next one writes the records first, and orders after that. */
  recordsFirst: boolean;
  /** No order before this moment. */
  orderNotBefore: Date | undefined;
  readonly shared: SharedMemory;
}

/** What the passes of all names know of each other. */
export interface SharedMemory {
  /** Warnings that were logged already: what is true of several names is said once. */
  readonly told: Set<string>;
  /**
   * Owner names of challenges that were published: for which name, and until when resolvers, the CA's among them, may remember
   * that. `example.com` and `*.example.com` have their challenges at one owner name.
   */
  readonly challenged: Map<string, { readonly domain: string; readonly until: Date }>;
}

export function emptySharedMemory(): SharedMemory {
  return { told: new Set(), challenged: new Map() };
}

export function emptyMemory(shared = emptySharedMemory()): Memory {
  return {
    served: undefined,
    unsaved: undefined,
    unseen: false,
    recordsFirst: false,
    orderNotBefore: undefined,
    shared,
  };
}

/** What the records step finds out for the certificate step. */
export interface ZoneKnowledge {
  readonly zone: Zone;
  /** See aliasOfChallenge. */
  readonly challengeAlias: string | undefined;
}

/** Where the certificate step publishes its challenge. */
export interface ChallengePlace {
  /** Reads no more than it must. Throws what the provider throws. */
  find(): Promise<ZoneKnowledge>;
  /** Writes the values and resolves when every authoritative name server serves them. */
  publish(values: readonly ChallengeValue[]): Promise<void>;
}
