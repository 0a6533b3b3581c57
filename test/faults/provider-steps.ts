import { eventually } from '../e2e/support.ts';
import type { Call, Fault } from '../world/apis/cloudflare.ts';
import type { Environment } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { passMinutes } from './later.ts';
import type { Scene, Trial } from './survive.ts';

/** Something that the provider is asked for. */
export interface Ask {
  readonly what: string;
  /** Which call it is, of those from then on at which `prepare` is done. */
  readonly is: (call: Call, writesBefore: number) => boolean;
  /** What has to be so before the start. Default: nothing. */
  readonly before?: (world: World, environment: Environment) => void;
  /** From an ingress that has just started to the moment before it is asked. Default: nothing is needed. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  /** Whether nobody asks for another round. */
  readonly alone?: boolean;
}

const isWrite = ({ kind }: Call) => kind === 'write';

export const writes: readonly Ask[] = [
  { what: 'the write of records and challenge', is: (call, before) => isWrite(call) && before === 0 },
  // What is left in the zone is no reason for anybody to ask.
  {
    what: 'the removal of the challenge',
    is: (call, before) => isWrite(call) && before === 1,
    alone: true,
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
  // No renewal: one order in a hundred for the same name gets an authorization that is valid already, and no challenge.
  {
    what: 'the write of a challenge alone',
    is: (call, before) => isWrite(call) && before === 0,
    before: publishRecords,
  },
];

/** The records are there as the ingress would publish them. */
function publishRecords(
  { cloudflare, zone, gatewayDomain, guestAgent }: World,
  { DOMAIN = '', PORT = '' }: Environment,
): void {
  cloudflare.addRecord(zone, { name: DOMAIN, type: 'CNAME', content: `gateway.${gatewayDomain}` });
  const content = `"${guestAgent.appId}:${PORT}"`;
  cloudflare.addRecord(zone, { name: `_dstack-app-address.${DOMAIN}`, type: 'TXT', content });
}

export const reads: readonly Ask[] = [
  { what: 'the list of zones', is: ({ path }) => path === '/zones' },
  { what: 'the list of records', is: ({ kind, path }) => kind === 'read' && path.endsWith('/dns_records') },
];

/** How a call is answered. */
export interface Answer {
  /** For a person. */
  readonly how: string;
  readonly fault: Fault;
  /** Only calls with it are meant. Default: all. */
  readonly token?: string;
  /** What happens at the same time. */
  readonly meanwhile?: (world: World) => void;
}

/** The call is answered so, once. */
export function answered(ask: Ask, { how, fault, token, meanwhile }: Answer): Trial {
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
    asked: !ask.alone,
    begin(world, { environment }) {
      ask.before?.(world, environment);
      if (!ask.prepare) fail(world);
    },
    async met(scene) {
      if (ask.prepare) {
        await ask.prepare(scene);
        fail(scene.world);
        // From here on the ingress may begin its next round by itself.
        await passMinutes(scene);
        scene.ingress.signal('SIGHUP');
      }
      await eventually(`${ask.what} is asked for`, () => met || undefined);
    },
    ...(token === undefined ? {} : { environment: { CLOUDFLARE_API_TOKEN: token }, stays: true }),
  };
}

/** Nobody is there from the call on, until a round has failed. */
export function downFrom(ask: Ask): Trial {
  const trial = answered(ask, {
    how: 'down from then on',
    fault: { kind: 'reset' },
    meanwhile: ({ cloudflare }) => void cloudflare.stop(),
  });
  return {
    ...trial,
    async met(scene) {
      await trial.met(scene);
      await scene.ingress.seen('pass-failed');
    },
    end: ({ world: { cloudflare } }) => cloudflare.start(),
  };
}
