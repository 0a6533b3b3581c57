import { openRfc2136, type Rfc2136Options } from '../../providers/rfc2136/provider.ts';
import type { Algorithm } from '../../providers/rfc2136/variables.ts';
import type { ProviderContext } from '../../providers/shared/context.ts';
import { Secret } from '../../src/config/secret.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import type { TsigKey } from '../world/dns/bind-config.ts';
import { normalize } from '../world/dns/presentation.ts';
import { createKey, Primary } from '../world/dns/primary.ts';
import type { StartPrimaryServer } from '../world/dns/primary-server.ts';
import type { UpdateFault } from '../world/dns/update-front.ts';
import type { Abilities, ContractFault, ContractSetup, ContractWorld } from './world.ts';

/** Limits and deviations of the name server software. */
export interface Peculiarities
  extends Pick<
    Abilities,
    'listsForeignZones' | 'namesFaultOfKey' | 'checksCredentials' | 'valuesPerName' | 'recordsPerZone'
  > {
  /** Whether an update can add a record of an unknown type. */
  readonly unknownTypes: boolean;
}

/** A self-hosted name server as an account for the contract. */
export function rfc2136Setup(start: StartPrimaryServer, peculiarities: Peculiarities): ContractSetup {
  return async (zones) => {
    const leave = await enter();
    try {
      const world = toContractWorld(await Primary.start({ zones, start }), peculiarities);
      const dispose = async () => {
        await world[Symbol.asyncDispose]();
        leave();
      };
      return { ...world, [Symbol.asyncDispose]: dispose };
    } catch (thrown) {
      leave();
      throw thrown;
    }
  };
}

/**
 * All tests of a suite start at once; more name servers at once would exceed the tests' time
 * limits.
 */
const MOST_SERVERS = 4;
const waiting: (() => void)[] = [];
let running = 0;

async function enter(): Promise<() => void> {
  if (running >= MOST_SERVERS) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  return () => {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };
}

/** A provider that uses this primary through its front. */
export function openAt(
  primary: Primary,
  key: TsigKey = primary.key,
  more: Partial<Rfc2136Options> = {},
  context: ProviderContext = createTestContext(),
): DnsProvider {
  const settings: Rfc2136Options = {
    server: { host: '127.0.0.1', port: primary.front.port },
    keyName: key.name,
    secret: new Secret(key.secret),
    // These tests use only algorithms that the provider supports.
    algorithm: key.algorithm as Algorithm,
    zone: undefined,
    timeoutMs: 5000,
    ...more,
  };
  return openRfc2136(settings, context);
}

function toContractWorld(primary: Primary, { unknownTypes, ...abilities }: Peculiarities): ContractWorld {
  const { front, key } = primary;
  return {
    secrets: [key.secret],
    // A CNAME at the name costs one more query for the zone. An apply reads before it writes.
    costs: { zone: 2, records: 1, apply: 2 },
    abilities: {
      anyZone: true,
      limitedCredentials: true,
      namesWritePermission: ({ suspects }) => Array.isArray(suspects) && suspects.includes('acl'),
      asksToWait: false,
      caaFlags: true,
      ...abilities,
    },
    open: ({ timeoutMs = 5000, context } = {}) => openAt(primary, key, { timeoutMs }, context),
    openLimited({ zones: [zone = ''], write }) {
      return openAt(primary, primary.limitedKey(zone, write));
    },
    openRejected: () => openAt(primary, createKey('nobody')),
    addZone: (name) => primary.addZone(name),
    plant: (zone, record) => primary.plant(zone, line(record)),
    plantStrangers: (zone, names) => primary.plant(zone, ...strangers(zone, names, unknownTypes)),
    snapshot: (zone) => primary.recordsOf(zone),
    calls: () => ({
      reads: front.calls.filter((kind) => kind === 'read').length,
      writes: front.calls.filter((kind) => kind === 'write').length,
    }),
    resetCalls: () => front.resetCalls(),
    fail: (fault, kind, times = 1) => front.fail(toFault(fault), kind, times),
    [Symbol.asyncDispose]: () => primary[Symbol.asyncDispose](),
  };
}

// Names keep their case: servers preserve it.
function line({ name, type, value, ttl }: DnsRecord): string {
  const { data } = normalize({ name, type, ttl, data: value });
  return `add ${name}. ${ttl} IN ${type} ${type === 'CNAME' ? `${value}.` : data}`;
}

function strangers(zone: string, names: readonly string[], unknownTypes: boolean): string[] {
  return [
    ...names.flatMap((name) => [
      `add ${name}. 300 IN MX 10 MX.example.net.`,
      `add ${name}. 300 IN TXT "v=DKIM1; p=" "AAAA"`,
      `add ${name}. 300 IN TXT "\\000\\255"`,
      `add ${name}. 300 IN A 192.0.2.9`,
      `add ${name}. 300 IN URI 10 1 "https://example.net/?a=b&c=%20"`,
      ...(unknownTypes ? [`add ${name}. 300 IN TYPE65280 \\# 4 0A000001`] : []),
    ]),
    `add _https._tcp.${zone}. 300 IN SRV 1 2 443 srv.example.net.`,
  ];
}

function toFault(fault: ContractFault): UpdateFault {
  switch (fault.kind) {
    case 'rate-limit':
      throw new Error('a name server cannot ask for slower calls');
    case 'error':
      return 'servfail';
    case 'echo':
      return 'notauth';
    default:
      return fault.kind;
  }
}
