import { challengeName } from '../../src/dns/name.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { isIngressError } from '../../src/errors.ts';
import { type Deps, emptySharedState } from '../../src/reconcile/deps.ts';
import { draftName } from '../../src/reconcile/draft.ts';
import { publish, type ZoneWork } from '../../src/reconcile/publish.ts';
import type { Waiting } from '../../src/reconcile/seen.ts';
import { waitForChallenges } from '../../src/reconcile/wait-for-challenges.ts';
import { waitForRecords } from '../../src/reconcile/wait-for-records.ts';
import { lookAtZone } from '../../src/reconcile/zone-look.ts';
import { type ChallengeValue, notedChallenges, removeChallenges } from '../../src/records/challenges.ts';
import type { ChallengeJournal, JournalEntry } from '../../src/records/journal.ts';
import type { AddressMode } from '../../src/records/ownership.ts';
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
  const parts: Deps = {
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
  const draft = draftName(
    parts,
    { domain: NAME, zone: ZONE, certified: true },
    {
      identity: { appId: id, source: 'guest agent', warning: undefined },
      gateway: {
        gatewayDomain: gateway,
        ...{ configured: undefined, friendly: undefined, injected: undefined, failure: undefined },
        addresses: addressesOf(gateway),
      },
      caa: setCaa ? [{ issuer: 'ca.example', accountUrl: `https://ca.example/acct/${id}` }] : undefined,
    },
  );
  const servers = [{ hostname: 'ns1.example.net', address: '192.0.2.53', port: 53 }];
  const waiting: Waiting = {
    ...{ domain: NAME, zone: ZONE, certificate: [NAME] },
    urgent: true,
    servers: async () => ({ apex: ZONE.name, servers, givenUp: new Set() }),
  };
  const { signal } = new AbortController();
  let ended: string | undefined;

  async function removeOwn(): Promise<void> {
    const { entries } = await notedChallenges(parts, [NAME]);
    if (entries.length > 0) await removeChallenges(parts, entries, signal);
  }

  async function round(orders: boolean): Promise<void> {
    const values: ChallengeValue[] = orders
      ? [{ domain: NAME, name: challengeName(NAME), value: `proof-${id}` }]
      : [];
    begin('publish');
    if (!orders) await removeOwn();
    const look = await lookAtZone(parts, ZONE, [draft], signal);
    const work: ZoneWork = { zone: ZONE, look, recordsTried: false, failed: new Map(), challenges: [] };
    const { challenge, failure } = await publish(parts, work, values, () => false, signal);
    for (const thrown of [...work.failed.values(), failure]) if (thrown !== undefined) throw thrown;
    begin('records');
    await waitForRecords(parts, waiting, work, signal);
    begin('challenge');
    if (challenge.length > 0) await waitForChallenges(parts, waiting, work, challenge, signal);
    begin('removal');
    if (!parts.provider.capabilities.rewritesZone) await removeOwn();
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
      ...shared.rivals,
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
    remove: async (removed) => {
      all = without(removed);
    },
    whyUnwritable: async () => undefined,
  };
}
