import { challengeName } from '../../src/dns/name.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import { removeChallenges } from '../../src/reconcile/apply.ts';
import { awaitChallenges, awaitRecords, writtenZone, type ZoneWait } from '../../src/reconcile/await-zone.ts';
import { type Deps, emptySharedState, manageCertificate } from '../../src/reconcile/deps.ts';
import type { Facts } from '../../src/reconcile/discover.ts';
import { applyZone } from '../../src/reconcile/group.ts';
import { readZone } from '../../src/reconcile/zones.ts';
import type { ChallengeValue, JournalEntry } from '../../src/records/challenges.ts';
import type { ChallengeJournal } from '../../src/records/journal.ts';
import { journalledChallenges } from '../../src/records/journal.ts';
import type { AddressMode } from '../../src/records/ownership.ts';
import type { Step } from './interleavings.ts';
import { type Kind, type OneZone, openProvider } from './one-zone.ts';

export const NAME = 'app.example.com';

/** The configuration of one container for the name. */
export interface Settings {
  /** Its app id, which also names it in the steps. */
  readonly id: string;
  readonly mode: AddressMode;
  /** The gateway domain of its cluster. */
  readonly gateway: string;
  readonly setCaa: boolean;
  /** Whether its certificate is due in the first run. */
  readonly orders: boolean;
}

export interface Container {
  readonly settings: Settings;
  /** One reconciliation as the program makes it, without the CA. */
  reconcile(orders: boolean): Promise<void>;
  /**
   * The first run. Resolves with `success`, or with the code of an error from which the next run
   * recovers; throws any other error.
   */
  start(): Promise<string>;
  /** The state of its process. */
  state(): unknown;
}

export interface Surroundings {
  readonly kind: Kind;
  readonly zone: OneZone;
  /** The records that the name server serves now. */
  readonly served: () => readonly DnsRecord[];
  readonly step: Step;
}

const ZONE = { id: 'zone', name: 'example.com' };
/** Milliseconds that every wait takes at least, as on a busy host. */
const SHORTEST_WAIT_MS = 5000;
const TIMEOUT_MS = 60_000;
const emit = () => undefined;

/** The program's reconciliation of one zone, without a CA, a volume and a network. */
export function startContainer(settings: Settings, { kind, zone, served, step }: Surroundings): Container {
  const { id, mode, gateway, setCaa } = settings;
  /** The results of its steps, as far as later steps depend on them. */
  let history: string[] = [];
  let phase = 'publish';
  let now = 0;
  /** The name server's answer since the last pause; all queries of one probe are one step. */
  let answered: readonly DnsRecord[] | undefined;
  const takeStep = async <T>(what: string, act: () => T): Promise<T> => {
    answered = undefined;
    try {
      const result = await step(id, `${id}: ${what}`, act);
      // After a query, another read makes a new plan, so earlier results no longer matter.
      if (history.at(-1)?.startsWith('ask ')) history = [];
      history.push(`${what} ${JSON.stringify(result)}`);
      return result;
    } catch (thrown) {
      history.push(`${what} ${String(thrown)}`);
      throw thrown;
    }
  };
  const ask = async () => {
    if (answered) return answered;
    const answer = await step(id, `${id}: ask`, served);
    answered = answer;
    history.push(`ask ${JSON.stringify(answer)}`);
    return answer;
  };
  const begin = (next: string) => {
    phase = next;
    now = 0;
    answered = undefined;
  };
  const clock = {
    now: () => new Date(now),
    async wait(ms: number) {
      now += Math.max(ms, SHORTEST_WAIT_MS);
      answered = undefined;
      while (history.at(-1)?.startsWith('ask ')) history.pop();
    },
  };
  const shared = emptySharedState();
  const unused = (): never => {
    throw new Error('not part of the simulation');
  };
  const journal = memoryJournal();
  const deps: Deps = {
    spec: {
      ...{ gatewayDomain: gateway, port: 443, txtPrefix: '_dstack-app-address', setCaa, addressMode: mode },
      ...{
        keyType: 'ecdsa',
        profile: undefined,
        renewDaysBefore: undefined,
        noStaging: false,
        injectedGateway: undefined,
      },
      propagationTimeoutMs: TIMEOUT_MS,
    },
    provider: openProvider(kind, zone, takeStep),
    async query(_, { name, type }) {
      const answers = (await ask()).filter((record) => record.name === name && record.type === type);
      return { rcode: 'NOERROR', answers, authorities: [] };
    },
    journalOf: () => journal,
    ...{ identify: unused, resolver: unused, caaOwners: unused, serve: unused, newId: unused },
    // A run without a CA does not use them.
    ...({} as Pick<Deps, 'authorities' | 'store'>),
    ...{ clock, random: () => 0, emit, warn: () => undefined, warnOf: () => undefined, shared },
  };
  const gatewayFacts = {
    gatewayDomain: gateway,
    ...{ configured: undefined, friendly: undefined, injected: undefined, failure: undefined },
    addresses: addressesOf(gateway),
  };
  const caa = setCaa ? [{ issuer: 'ca.example', accountUrl: `https://ca.example/acct/${id}` }] : undefined;
  const facts: Facts = {
    gateway: gatewayFacts,
    records: { appId: id, gateway: gatewayFacts, caa },
    failure: undefined,
    isUnidentified: false,
  };
  const servers = [{ hostname: 'ns1.example.net', address: '192.0.2.53', port: 53 }];
  const wait: ZoneWait = {
    certificate: manageCertificate([NAME]),
    urgent: true,
    findServers: async () => ({ apex: ZONE.name, servers, passedOver: new Set() }),
  };
  const { signal } = new AbortController();
  let ended: string | undefined;

  async function reconcile(orders: boolean): Promise<void> {
    const value: ChallengeValue = { domain: NAME, name: challengeName(NAME), value: `proof-${id}` };
    const publish = orders ? [{ ...value, isRenewal: false }] : [];
    begin('publish');
    const journalled = await journalledChallenges(deps, NAME);
    const unread = { zone: ZONE, names: [{ domain: NAME, certified: true }], journalled };
    const state = { ...unread, current: await readZone(deps, unread, signal) };
    const write = await applyZone(deps, state, { facts, publish, retain: [] }, signal);
    const failures = [...write.failed.values(), ...write.challenges.map(({ failure }) => failure)];
    for (const thrown of [...failures, write.pruneFailure]) if (thrown !== undefined) throw thrown;
    const zone = writtenZone(deps, write, signal);
    begin('records');
    await awaitRecords(deps, zone, NAME, wait, signal);
    begin('challenge');
    if (orders) await awaitChallenges(deps, zone, write.challenges, wait, signal);
    begin('removal');
    const left = await journalledChallenges(deps, NAME);
    if (left.length > 0 && !deps.provider.capabilities.rewritesZone)
      await removeChallenges(deps, state, left, signal);
  }

  return {
    settings,
    reconcile,
    async start() {
      const failure = await reconcile(settings.orders).catch((thrown: unknown) => thrown);
      if (failure === undefined) ended = 'success';
      else if (isIngressError(failure) && failure.code !== 'PROPAGATION_TIMEOUT') ended = failure.code;
      else throw failure;
      return ended;
    },
    state: () => [
      ...shared.otherOwners,
      ...shared.claimed,
      ...(ended ? [ended] : [phase, now, history, journal.current()]),
    ],
  };
}

function addressesOf(gateway: string) {
  return { ipv4: [gateway.startsWith('one') ? '192.0.2.1' : '192.0.2.2'], ipv6: [] };
}

function memoryJournal(): ChallengeJournal & { current(): unknown } {
  let all: readonly JournalEntry[] = [];
  const without = (some: readonly JournalEntry[]) =>
    all.filter((one) => !some.some(({ name, value }) => one.name === name && one.value === value));
  return {
    current: () => all,
    entries: async () => all,
    peek: async () => all,
    write: async (added) => {
      all = [...without(added), ...added];
    },
    remove: async (removed) => {
      all = without(removed);
    },
    whyUnwritable: async () => undefined,
  };
}
