import { randomBytes } from 'node:crypto';
import { openRoute53 } from '../../providers/route53/provider.ts';
import type { ProviderContext } from '../../providers/shared/context.ts';
import { Secret } from '../../src/config/secret.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { createRoute53, type Route53Simulator } from '../world/apis/route53.ts';
import { simulatedApi } from './simulated-api.ts';
import type { ContractSetup, ContractWorld } from './world.ts';

/** Route 53's simulator as an account for the contract. */
export const route53Setup: ContractSetup = async (zones) => toContractWorld(await createRoute53({ zones }));

/** The settings for a user's keys and the simulator's URL. */
export function settingsFor(
  simulator: Route53Simulator,
  { accessKeyId, secretAccessKey }: { readonly accessKeyId: string; readonly secretAccessKey: string },
) {
  return {
    accessKeyId: new Secret(accessKeyId),
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: undefined,
    region: 'us-east-1',
    roleArn: undefined,
    externalId: undefined,
    hostedZoneId: undefined,
    route53Url: simulator.baseUrl,
    stsUrl: simulator.baseUrl,
    timeoutMs: 5000,
  };
}

function toContractWorld(simulator: Route53Simulator): ContractWorld {
  const open = (
    user: Parameters<typeof settingsFor>[1],
    timeoutMs = 5000,
    context: ProviderContext = createTestContext(),
  ) => openRoute53({ ...settingsFor(simulator, user), timeoutMs }, context);
  return {
    secrets: [simulator.user.secretAccessKey],
    costs: { zone: 1, records: 1, apply: 1 },
    abilities: {
      anyZone: true,
      limitedCredentials: true,
      namesWritePermission: ({ action }) => action === 'route53:ChangeResourceRecordSets',
      listsForeignZones: true,
      recordsPerZone: 10_000,
      valuesPerName: 400,
      caaFlags: true,
    },
    open: ({ timeoutMs, context } = {}) => open(simulator.user, timeoutMs, context),
    openLimited({ zones, write }) {
      const grants = zones.map((zone) => [simulator.zoneId(zone), { read: true, write }] as const);
      return open(simulator.addUser({ zones: Object.fromEntries(grants) }));
    },
    openRejected: () =>
      open({
        accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
        secretAccessKey: 'unknown',
      }),
    addZone: (name) => void simulator.addZone(name),
    plant: (zone, record) => plant(simulator, zone, record),
    plantStrangers: (zone, names) => plantStrangers(simulator, zone, names),
    snapshot: (zone) => snapshot(simulator, zone),
    ...simulatedApi(simulator, {
      status: 400,
      code: 1234,
      message: `what is ${simulator.user.secretAccessKey}?`,
    }),
  };
}

/**
 * Adds a value to its RRset, in the API's spelling: escaped names, quoted strings of at most 255
 * characters.
 */
function plant(simulator: Route53Simulator, zone: string, { name, type, value, ttl }: DnsRecord): void {
  const Name = `${name.toLowerCase().replaceAll('*', '\\052')}.`;
  const current = simulator
    .setsOf(zone)
    .find((set) => set.Name === Name && set.Type === type && set.others['SetIdentifier'] === undefined);
  const values = [...(current?.values ?? []), type === 'TXT' ? quote(value) : value];
  simulator.plant(zone, { Name, Type: type, TTL: ttl, values });
}

function quote(value: string): string {
  const strings = value.match(/.{1,255}/gs) ?? [''];
  return strings.map((string) => `"${string.replace(/["\\]/g, '\\$&')}"`).join(' ');
}

/** One line for each value, because an RRset gains values beside unchanged ones. */
function snapshot(simulator: Route53Simulator, zone: string): string[] {
  return simulator.setsOf(zone).flatMap(({ Name, Type, TTL, values, others }) => {
    const lines = values.length > 0 ? values : [''];
    return lines.map((value) => JSON.stringify({ Name, Type, TTL, value, others }));
  });
}

function plantStrangers(simulator: Route53Simulator, zone: string, names: readonly string[]): void {
  const alias = { HostedZoneId: 'Z35SXDOTRQ7X7K', EvaluateTargetHealth: 'false' };
  for (const name of names) {
    const Name = `${name}.`;
    simulator.plant(zone, {
      Name,
      Type: 'MX',
      TTL: 300,
      values: ['10 mx.example.net', '20 MX2.example.net.'],
    });
    // A TTL belongs to the whole RRset, so it is the one that the suite writes.
    const values = ['"older"', '"v=DKIM1; p=" "AAAA"', '"a \\303\\251 \\"b\\""'];
    simulator.plant(zone, { Name, Type: 'TXT', TTL: 3600, values });
    simulator.plant(zone, {
      Name,
      Type: 'A',
      values: [],
      others: { AliasTarget: { ...alias, DNSName: 'dualstack.lb.us-east-1.elb.amazonaws.com.' } },
    });
    for (const [identifier, Weight] of Object.entries({ blue: '10', green: '90' })) {
      const others = {
        SetIdentifier: identifier,
        Weight,
        HealthCheckId: 'abcdef11-2222-3333-4444-555555fedcba',
      };
      simulator.plant(zone, { Name, Type: 'AAAA', TTL: 60, values: ['2001:DB8::1'], others });
    }
  }
  const values = ['1 2 443 srv.example.net'];
  simulator.plant(zone, { Name: `_https._tcp.${zone}.`, Type: 'SRV', TTL: 300, values });
}
