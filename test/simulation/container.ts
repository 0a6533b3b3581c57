import { challengeName } from '../../src/dns/name.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import { applyZone, removeChallenges } from '../../src/reconcile/apply.ts';
import { awaitChallenges, awaitRecords, writtenZone, type ZoneWait } from '../../src/reconcile/await-zone.ts';
import { type Deps, emptySharedState, manageCertificate } from '../../src/reconcile/deps.ts';
import type { Facts } from '../../src/reconcile/discover.ts';
import { readZone } from '../../src/reconcile/zones.ts';
import type { ChallengeValue, JournalEntry } from '../../src/records/challenges.ts';
import type { AddressMode } from '../../src/records/ownership.ts';
import type { ChallengeJournal } from '../../src/records/registry.ts';
import { registeredChallenges } from '../../src/records/registry.ts';
import type { Step } from './interleavings.ts';
import { type Kind, type OneZone, openProvider } from './one-zone.ts';

export const NAME = 'app.example.com';

/** One container with the name: what it is given. */
export interface Settings {
  /** Its app id, and its name in what is told. */
  readonly id: string;
  readonly mode: AddressMode;
  /** The gateway of its cluster. */
  readonly gateway: string;
  readonly setCaa: boolean;
  /** Whether its certificate is due in the first round. */
  readonly orders: boolean;
}

export interface Container {
  readonly settings: Settings;
  /** A round as the program makes it, but for the CA. */
  round(orders: boolean): Promise<void>;
  /** The first round. Gives `well`, or the code of a failure that the next round gets over; throws any other. */
  start(): Promise<string>;
  /** What its process knows. */
  state(): unknown;
}

export interface Surroundings {
  readonly kind: Kind;
  readonly zone: OneZone;
  /** What the name server answers now. */
  readonly served: () => readonly DnsRecord[];
  readonly step: Step;
}

const ZONE = { id: 'zone', name: 'example.com' };
/** The host is busy: whoever waits sleeps for as long as that, in milliseconds. */
const SHORTEST_WAIT_MS = 5000;
const TIMEOUT_MS = 60_000;
const emit = () => undefined;

/** The real round over a zone, without a CA, a volume and a network. */
export function startContainer(settings: Settings, { kind, zone, served, step }: Surroundings): Container {
  const { id, mode, gateway, setCaa } = settings;
  /** What came of its steps, as far as it decides what follows. */
  let history: string[] = [];
  let phase = 'publish';
  let now = 0;
  /** What the name server has said since the last pause; all questions of one look are one step. */
  let said: readonly DnsRecord[] | undefined;
  const taking = async <T>(what: string, act: () => T): Promise<T> => {
    said = undefined;
    try {
      const result = await step(id, `${id}: ${what}`, act);
      // Whoever looks again after having asked plans anew; what was there before decides nothing any more.
      if (history.at(-1)?.startsWith('ask ')) history = [];
      history.push(`${what} ${JSON.stringify(result)}`);
      return result;
    } catch (thrown) {
      history.push(`${what} ${String(thrown)}`);
      throw thrown;
    }
  };
  const ask = async () => {
    if (said) return said;
    const answer = await step(id, `${id}: ask`, served);
    said = answer;
    history.push(`ask ${JSON.stringify(answer)}`);
    return answer;
  };
  const begin = (next: string) => {
    phase = next;
    now = 0;
    said = undefined;
  };
  const clock = {
    now: () => new Date(now),
    async wait(ms: number) {
      now += Math.max(ms, SHORTEST_WAIT_MS);
      said = undefined;
      while (history.at(-1)?.startsWith('ask ')) history.pop();
    },
  };
  const shared = emptySharedState();
  const unused = (): never => {
    throw new Error('no part of what is played here');
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
    provider: openProvider(kind, zone, taking),
    async ask(_, { name, type }) {
      const answers = (await ask()).filter((record) => record.name === name && record.type === type);
      return { rcode: 'NOERROR', answers, authorities: [] };
    },
    journalOf: () => journal,
    ...{ identify: unused, resolver: unused, caaOwners: unused, serve: unused, newId: unused },
    // Nothing of them is asked of in a round without a CA.
    ...({} as Pick<Deps, 'authorities' | 'store'>),
    ...{ clock, random: () => 0, emit, warn: () => undefined, warnOf: () => undefined, shared },
  };
  const gatewayLookUp = {
    gatewayDomain: gateway,
    ...{ configured: undefined, friendly: undefined, injected: undefined, failure: undefined },
    addresses: addressesOf(gateway),
  };
  const caa = setCaa ? [{ issuer: 'ca.example', accountUrl: `https://ca.example/acct/${id}` }] : undefined;
  const facts: Facts = {
    gateway: gatewayLookUp,
    records: { appId: id, gateway: gatewayLookUp, caa },
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

  async function round(orders: boolean): Promise<void> {
    const value: ChallengeValue = { domain: NAME, name: challengeName(NAME), value: `proof-${id}` };
    const publish = orders ? [{ ...value, isRenewal: false }] : [];
    begin('publish');
    const registered = await registeredChallenges(deps, NAME);
    const unread = { zone: ZONE, names: [{ domain: NAME, certified: true }], registered };
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
    const left = await registeredChallenges(deps, NAME);
    if (left.length > 0 && !deps.provider.capabilities.rewritesZone)
      await removeChallenges(deps, state, left, signal);
  }

  return {
    settings,
    round,
    async start() {
      const failure = await round(settings.orders).catch((thrown: unknown) => thrown);
      if (failure === undefined) ended = 'well';
      else if (isIngressError(failure) && failure.code !== 'PROPAGATION_TIMEOUT') ended = failure.code;
      else throw failure;
      return ended;
    },
    state: () => [
      ...shared.otherOwners,
      ...shared.claimed,
      ...(ended ? [ended] : [phase, now, history, journal.standing()]),
    ],
  };
}

function addressesOf(gateway: string) {
  return { ipv4: [gateway.startsWith('one') ? '192.0.2.1' : '192.0.2.2'], ipv6: [] };
}

function memoryJournal(): ChallengeJournal & { standing(): unknown } {
  let all: readonly JournalEntry[] = [];
  const without = (some: readonly JournalEntry[]) =>
    all.filter((one) => !some.some(({ name, value }) => one.name === name && one.value === value));
  return {
    standing: () => all,
    entries: async () => all,
    peek: async () => all,
    write: async (added) => {
      all = [...without(added), ...added];
    },
    remove: async (struck) => {
      all = without(struck);
    },
    whyUnwritable: async () => undefined,
  };
}
