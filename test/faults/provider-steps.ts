import { eventually } from '../e2e/support.ts';
import type { Call, Fault } from '../world/apis/cloudflare.ts';
import type { Environment } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { passMinutes } from './later.ts';
import type { Scene, Trial } from './survive.ts';

/** A call of the provider's API. */
export interface ProviderCall {
  readonly what: string;
  /** Recognizes the call, given the number of writes since `prepare`. */
  readonly is: (call: Call, writesBefore: number) => boolean;
  /** Prepares the world before the start. Default: nothing. */
  readonly before?: (world: World, environment: Environment) => void;
  /** Brings a started ingress to the point before the call. Default: nothing. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  /** Whether the ingress recovers without a SIGHUP. */
  readonly recoversAlone?: boolean;
}

const isWrite = ({ kind }: Call) => kind === 'write';

export const writes: readonly ProviderCall[] = [
  { what: 'the write of records and challenge', is: (call, before) => isWrite(call) && before === 0 },
  // A challenge that is left in the zone must be pruned without a SIGHUP.
  {
    what: 'the removal of the challenge',
    is: (call, before) => isWrite(call) && before === 1,
    recoversAlone: true,
  },
  {
    what: 'the write of records alone',
    is: (call, before) => isWrite(call) && before === 0,
    async prepare({ world, environment, ingress }) {
      await ingress.seen('pass-finished');
      for (const { id, name } of world.cloudflare.recordsOf(world.zone))
        if (name.endsWith(environment['DOMAIN'] ?? '')) world.cloudflare.removeRecord(world.zone, id);
    },
  },
  // Not a renewal: Pebble reuses a valid authorization for one order in a hundred, which then has
  // no challenge.
  {
    what: 'the write of a challenge alone',
    is: (call, before) => isWrite(call) && before === 0,
    before: publishRecords,
  },
];

/** Publishes the records that the ingress would publish. */
function publishRecords(
  { cloudflare, zone, gatewayDomain, guestAgent }: World,
  { DOMAIN = '', PORT = '' }: Environment,
): void {
  cloudflare.addRecord(zone, { name: DOMAIN, type: 'CNAME', content: `gateway.${gatewayDomain}` });
  const content = `"${guestAgent.appId}:${PORT}"`;
  cloudflare.addRecord(zone, { name: `_dstack-app-address.${DOMAIN}`, type: 'TXT', content });
}

export const reads: readonly ProviderCall[] = [
  { what: 'the list of zones', is: ({ path }) => path === '/zones' },
  { what: 'the list of records', is: ({ kind, path }) => kind === 'read' && path.endsWith('/dns_records') },
];

/** A faulty response to a call. */
export interface FaultyResponse {
  /** Describes the fault in titles. */
  readonly how: string;
  readonly fault: Fault;
  /** Restricts the fault to calls with this token. Default: all calls. */
  readonly token?: string;
  /** Runs at the same time. */
  readonly meanwhile?: (world: World) => void;
}

/** The call gets the faulty response once. */
export function faultyCall(ask: ProviderCall, { how, fault, token, meanwhile }: FaultyResponse): Trial {
  let met = false;
  const fail = (world: World) => {
    let before = 0;
    const isMet = (call: Call) => {
      if (token !== undefined && call.headers.authorization !== `Bearer ${token}`) return false;
      const isIt = !met && ask.is(call, before);
      if (isWrite(call)) before += 1;
      met ||= isIt;
      if (isIt) meanwhile?.(world);
      return isIt;
    };
    world.cloudflare.failWhen(isMet, fault);
  };
  return {
    title: `${ask.what}: ${how}`,
    needsSighup: !ask.recoversAlone,
    begin(world, { environment }) {
      ask.before?.(world, environment);
      if (!ask.prepare) fail(world);
    },
    async triggered(scene) {
      if (ask.prepare) {
        await ask.prepare(scene);
        fail(scene.world);
        // From here on the ingress may start its next run by itself.
        await passMinutes(scene);
        scene.ingress.signal('SIGHUP');
      }
      await eventually(`${ask.what} is called`, () => met || undefined);
    },
    ...(token === undefined ? {} : { environment: { CLOUDFLARE_API_TOKEN: token }, stays: true }),
  };
}

/** The provider is down from the call on, until a run has failed. */
export function downFrom(ask: ProviderCall): Trial {
  const trial = faultyCall(ask, {
    how: 'down from then on',
    fault: { kind: 'reset' },
    meanwhile: ({ cloudflare }) => void cloudflare.stop(),
  });
  return {
    ...trial,
    async triggered(scene) {
      await trial.triggered(scene);
      await scene.ingress.seen('pass-failed');
    },
    end: ({ world: { cloudflare } }) => cloudflare.start(),
  };
}
