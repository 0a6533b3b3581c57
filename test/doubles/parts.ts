import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Answer } from 'dns-packet';
import { createChallengeJournal } from '../../src/acme/journal.ts';
import { type CertificateBundle, readBundle } from '../../src/certificates/certificate.ts';
import { createCertificateStore } from '../../src/certificates/store.ts';
import { Secret } from '../../src/config/secret.ts';
import { parseCaa } from '../../src/dns/record.ts';
import { type ErrorCode, IngressError } from '../../src/errors.ts';
import { emptyMemory, type Goal, type Memory, type Parts } from '../../src/reconcile/parts.ts';
import { pass } from '../../src/reconcile/pass.ts';
import { claimLoopback } from '../world/loopback.ts';
import { afterTest } from './after-test.ts';
import { makeCertificate } from './certificates.ts';
import { a, caa, cname, type DnsServer, startDnsServer, txt } from './dns-server.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createMemoryAuthority, type MemoryAuthority } from './memory-authority.ts';
import { type LogLine, memoryLog } from './memory-log.ts';
import { createMemoryProvider, type MemoryProvider, type MemoryProviderOptions } from './memory-provider.ts';
import { delegation, type Knowledge, type MemoryResolver, memoryResolver, rr } from './resolver.ts';

export const DOMAIN = 'app.example.com';
export const GATEWAY = '_.cluster.example.net';
export const APP_ID = 'a'.repeat(40);
export const APP_ADDRESS = `_dstack-app-address.${DOMAIN}`;
export const CHALLENGE = `_acme-challenge.${DOMAIN}`;
/** What stands after a pass without CAA. */
export const RECORDS = [`${APP_ADDRESS} TXT ${APP_ID}:443`, `${DOMAIN} CNAME ${GATEWAY}`];

export interface Stage {
  /** Replaceable: what a pass is given. */
  parts: Parts;
  readonly memory: Memory;
  readonly clock: FakeClock;
  readonly provider: MemoryProvider;
  readonly authority: MemoryAuthority;
  readonly resolver: MemoryResolver;
  /** What the resolver knows. */
  readonly known: Knowledge;
  /** The one authoritative name server; it serves what stands at the provider. */
  readonly nameServer: DnsServer;
  /** Whether a record, as `name TYPE value`, is served. */
  shows: (line: string) => boolean;
  /** What the proxy got, in order. */
  readonly served: readonly CertificateBundle[];
  readonly lines: readonly LogLine[];
  /** Stores a certificate of the given age in days, of 90. */
  store(age: number): Promise<CertificateBundle>;
  /** The log's events, in order. */
  events(): readonly unknown[];
}

export interface StageOptions {
  readonly goal?: Partial<Goal>;
  readonly provider?: MemoryProviderOptions;
  readonly known?: Knowledge;
}

const DAY_MS = 86_400_000;

/** Everything that a pass acts with, each part in memory or on loopback. */
export async function setStage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const loopback = await claimLoopback();
  afterTest(t, () => loopback[Symbol.asyncDispose]());
  const root = mkdtempSync(join(tmpdir(), 'pass-'));
  afterTest(t, () => rmSync(root, { recursive: true, force: true }));
  const clock = createFakeClock();
  const provider = createMemoryProvider(options.provider);
  const authority = createMemoryAuthority(clock);
  const where = { address: loopback.next(), port: 53 };
  const nameServer = await startDnsServer(
    t,
    ({ name }) => ({
      answers: provider.standing.filter((line) => stage.shows(line)).flatMap(answersAt(name)),
    }),
    where,
  );
  const known = {
    ...delegation('example.com', { 'ns1.example.net': [where.address] }),
    ...options.known,
  };
  const resolver = memoryResolver(known);
  const { log, lines } = memoryLog();
  const domain = options.goal?.domain ?? DOMAIN;
  const served: CertificateBundle[] = [];
  const noStaging = options.goal?.noStaging ?? false;
  const store = createCertificateStore(root, { noStaging, clock });
  const stage: Stage = {
    ...{ memory: emptyMemory(), clock, provider, authority, resolver, known, nameServer, served, lines },
    shows: () => true,
    events: () => lines.map(({ event }) => event),
    async store(age) {
      const notBefore = new Date(clock.now().getTime() - age * DAY_MS);
      const { chainPem, keyPem } = await makeCertificate({ names: [domain], notBefore });
      const bundle = readBundle(chainPem, new Secret(keyPem));
      await store.save(domain, bundle);
      return bundle;
    },
    parts: {
      goal: {
        ...{ domain, gatewayDomain: GATEWAY, port: 443, txtPrefix: '_dstack-app-address', setCaa: false },
        keyType: 'ecdsa',
        noStaging: false,
        propagationTimeoutMs: 10_000,
        ...options.goal,
      },
      identify: async () => ({ appId: APP_ID, source: 'guest agent', warning: undefined }),
      resolver: resolver.resolve,
      journal: createChallengeJournal(root, domain, (sentence) => log.warn(sentence)),
      serve: async (bundle) => void served.push(bundle),
      ...{ provider, authority, store, clock, log },
    },
  };
  return stage;
}

/** Replaces parts of what a pass is given. */
export function change(stage: Stage, parts: Partial<Parts>): void {
  stage.parts = { ...stage.parts, ...parts };
}

export function runPass({ parts, memory }: Stage, signal = new AbortController().signal): Promise<void> {
  return pass(parts, memory, signal);
}

/** How many orders were made. */
export function orders({ authority }: Stage): number {
  return authority.calls.filter((call) => call.startsWith('createOrder')).length;
}

export function failure(code: ErrorCode): IngressError {
  return new IngressError(code, `${code} for the test`);
}

/** Lets every call of a verb of the provider fail. */
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
