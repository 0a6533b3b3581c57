import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Answer } from 'dns-packet';
import type { Authority } from '../../src/acme/issuance.ts';
import { createLedger } from '../../src/acme/ledger/ledger.ts';
import { limitsOf } from '../../src/acme/ledger/limits.ts';
import { createOrderStore } from '../../src/acme/ledger/order-store.ts';
import {
  type CertificateBundle,
  type CertificateNames,
  readBundle,
} from '../../src/certificates/certificate.ts';
import { createCertificateStore } from '../../src/certificates/store.ts';
import { Secret } from '../../src/config/secret.ts';
import { query } from '../../src/dns/query.ts';
import { parseCaa } from '../../src/dns/record.ts';
import { type ErrorCode, IngressError } from '../../src/errors.ts';
import type { IngressEvent } from '../../src/events.ts';
import {
  type Deps,
  emptySharedState,
  type ManagedCertificate,
  manageCertificate,
  type Spec,
} from '../../src/reconcile/deps.ts';
import { caaOwnersOf } from '../../src/reconcile/discover.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import { decidingFailure, type ReconcileResult } from '../../src/reconcile/report.ts';
import { type ChallengeJournal, createChallengeJournals } from '../../src/records/journal.ts';
import { warningsBySubject } from '../../src/warnings.ts';
import { claimLoopback } from '../world/loopback.ts';
import { afterTest } from './after-test.ts';
import { makeCertificate } from './ca/certificates.ts';
import { createMemoryAcmeClient, type MemoryAcmeClient } from './ca/memory-acme-client.ts';
import { a, caa, cname, type DnsServer, soa, startDnsServer, txt } from './dns/dns-server.ts';
import {
  createMemoryProvider,
  type MemoryProvider,
  type MemoryProviderOptions,
} from './dns/memory-provider.ts';
import { delegation, type Knowledge, type MemoryResolver, memoryResolver, rr } from './dns/resolver.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { type LogLine, memoryLog } from './memory-log.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const DOMAIN = 'app.example.com';
export const GATEWAY = '_.cluster.example.net';
export const APP_ID = 'a'.repeat(40);
export const APP_ADDRESS = `_dstack-app-address.${DOMAIN}`;
export const CHALLENGE = `_acme-challenge.${DOMAIN}`;
/** The records after a reconciliation without CAA. */
export const RECORDS = [`${APP_ADDRESS} TXT ${APP_ID}:443`, `${DOMAIN} CNAME ${GATEWAY}`];

export interface Stage {
  /** Replaceable: the dependencies of reconcile. */
  deps: Deps;
  /** The certificates, one unless the options say otherwise. */
  readonly certificates: readonly [ManagedCertificate, ...ManagedCertificate[]];
  /** The challenge journal of the first name. */
  readonly journal: ChallengeJournal;
  /** The volume. */
  readonly root: string;
  readonly clock: FakeClock;
  readonly provider: MemoryProvider;
  readonly client: MemoryAcmeClient;
  readonly resolver: MemoryResolver;
  /** The resolver's answers. */
  readonly known: Knowledge;
  /** The only authoritative name server; it serves the provider's current records. */
  readonly nameServer: DnsServer;
  /** Whether a record, as `name TYPE value`, is served. */
  shows: (line: string) => boolean;
  /** The certificates installed in the proxy, in order. */
  readonly served: readonly CertificateBundle[];
  readonly lines: readonly LogLine[];
  /** The emitted events, in order. */
  readonly emitted: readonly IngressEvent[];
  /**
   * Stores a certificate of the given age in days, of 90, for the first certificate or for these
   * names.
   */
  store(age: number, names?: CertificateNames): Promise<CertificateBundle>;
  /** The log's events, in order. */
  events(): readonly unknown[];
}

export interface StageOptions {
  /** The names of each certificate. */
  readonly certificates?: readonly [CertificateNames, ...CertificateNames[]];
  readonly spec?: Partial<Spec>;
  readonly provider?: MemoryProviderOptions;
  readonly known?: Knowledge;
}

const DAY_MS = 86_400_000;
const DIRECTORY = 'https://ca.example/directory';

/** Everything that reconcile uses, either in memory or on loopback. */
export async function setStage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const loopback = await claimLoopback();
  afterTest(t, () => loopback[Symbol.asyncDispose]());
  const root = temporaryDirectory(t);
  const clock = createFakeClock();
  const provider = createMemoryProvider(options.provider);
  const client = createMemoryAcmeClient(clock);
  const where = { address: loopback.next(), port: 53 };
  const nameServer = await startDnsServer(
    t,
    ({ name, type }) => ({
      // The SOA of the zone, as in a negative answer.
      authorities: type === 'SOA' ? [soa('example.com')] : [],
      answers: provider.current.filter((line) => stage.shows(line)).flatMap(answersAt(name)),
    }),
    where,
  );
  const known = {
    ...delegation('example.com', { 'ns1.example.net': [where.address] }),
    ...gatewayNames(['192.0.2.80'], []),
    ...options.known,
  };
  const resolver = memoryResolver(known);
  const { emit, lines, events } = memoryLog();
  const certificates: readonly [CertificateNames, ...CertificateNames[]] = options.certificates ?? [[DOMAIN]];
  const [first, ...others] = certificates.map((names) => manageCertificate(names));
  assert.ok(first);
  const served: CertificateBundle[] = [];
  const noStaging = options.spec?.noStaging ?? false;
  const warn = (sentence: string) => emit({ type: 'warning', sentence });
  const store = createCertificateStore(root, { noStaging, clock, warn });
  const journalOf = createChallengeJournals(root, warn);
  const issuers = {
    primary: createAuthority(root, DIRECTORY, client, clock, warn),
    fallback: undefined,
    staging: undefined,
  };
  const warned = new Set<string>();
  let ids = 0;
  const stage: Stage = {
    ...{
      certificates: [first, ...others],
      clock,
      provider,
      client,
      resolver,
      known,
      nameServer,
      served,
      lines,
      emitted: events,
      root,
    },
    journal: journalOf(certificates[0][0]),
    shows: () => true,
    events: () => lines.map(({ event }) => event),
    async store(age, names = certificates[0]) {
      const notBefore = new Date(clock.now().getTime() - age * DAY_MS);
      const { chainPem, keyPem } = await makeCertificate({ names: [...names], notBefore });
      const bundle = readBundle(chainPem, new Secret(keyPem), clock.now());
      await store.save(names, bundle);
      return bundle;
    },
    deps: {
      spec: {
        ...{
          gatewayDomain: GATEWAY,
          injectedGateway: undefined,
          port: 443,
          txtPrefix: '_dstack-app-address',
          setCaa: false,
        },
        ...{ addressMode: 'claim', profile: undefined, renewDaysBefore: undefined },
        keyType: 'ecdsa',
        noStaging: false,
        propagationTimeoutMs: 10_000,
        ...options.spec,
      },
      identify: async () => ({ appId: APP_ID, source: 'guest agent', warning: undefined }),
      resolver: resolver.resolve,
      query,
      caaOwners: caaOwnersOf(issuers),
      serve: async (_, bundle) => void served.push(bundle),
      random: () => 0,
      newId: () => {
        ids += 1;
        return `attempt-${ids}`;
      },
      warn: (sentence) => {
        if (!warned.has(sentence)) warn(sentence);
        warned.add(sentence);
      },
      warnOf: warningsBySubject(emit),
      shared: emptySharedState(),
      ...{ provider, authorities: issuers, journalOf, store, clock, emit },
    },
  };
  return stage;
}

/** Replaces some of the dependencies. */
export function change(stage: Stage, deps: Partial<Deps>): void {
  stage.deps = { ...stage.deps, ...deps };
}

/** Drops all state that is not on the volume, like a restart. */
export function restart(stage: Stage): void {
  const { root, client, clock, deps } = stage;
  const primary = createAuthority(root, DIRECTORY, client, clock, deps.warn);
  change(stage, { authorities: { ...stage.deps.authorities, primary }, shared: emptySharedState() });
}

/** Another CA, with a ledger of its own on the same volume. */
export function secondCa({ root, clock, deps }: Stage): { authority: Authority; client: MemoryAcmeClient } {
  const client = createMemoryAcmeClient(clock);
  const authority = createAuthority(root, 'https://second.example/directory', client, clock, deps.warn);
  return { client, authority };
}

function createAuthority(
  root: string,
  directoryUrl: string,
  client: MemoryAcmeClient,
  clock: FakeClock,
  warn: (sentence: string) => void,
): Authority {
  return {
    ...{ directoryUrl, client, limits: limitsOf(directoryUrl) },
    ledger: createLedger(root, directoryUrl, clock, warn),
    orders: createOrderStore(root, directoryUrl, warn),
  };
}

/**
 * Reconciles the first certificate; rejects with the failure that determines the next attempt.
 */
export async function reconcileOne(stage: Stage, signal = new AbortController().signal): Promise<void> {
  const [result] = await reconcileAll({ ...stage, certificates: [stage.certificates[0]] }, signal);
  const deciding = result && decidingFailure(result);
  if (deciding) throw deciding.failure;
}

/** Reconciles all certificates. */
export function reconcileAll(
  { deps, certificates }: Stage,
  signal = new AbortController().signal,
): Promise<readonly ReconcileResult[]> {
  return reconcile(deps, certificates, signal);
}

/** The number of created orders. */
export function orders({ client }: Stage): number {
  return client.calls.filter((call) => call.startsWith('createOrder')).length;
}

export function failure(code: ErrorCode): IngressError {
  return new IngressError(code, `${code} for the test`);
}

/** Makes every call of one of the provider's methods fail. */
export function fails({ provider }: Stage, verb: string, code: ErrorCode): void {
  provider.before = (called) => {
    if (called === verb) throw failure(code);
  };
}

/** The gateway's two names, with the addresses of each. */
export function gatewayNames(configured: readonly string[], friendly: readonly string[]): Knowledge {
  const at = (name: string, addresses: readonly string[]) => ({
    [`${name} A`]: { answers: addresses.map((address) => rr(name, 'A', address)) },
    [`${name} AAAA`]: {},
  });
  return { ...at(GATEWAY, configured), ...at('gateway.cluster.example.net', friendly) };
}

const answersAt =
  (asked: string) =>
  (line: string): Answer[] => {
    const [name = '', type, ...rest] = line.split(' ');
    const value = rest.join(' ');
    if (name !== asked) return [];
    if (type === 'CNAME') return [cname(name, value)];
    if (type === 'A') return [a(name, value)];
    const parsed = parseCaa(value);
    return type === 'CAA' && parsed ? [caa(name, parsed.tag, parsed.value)] : [txt(name, value)];
  };
