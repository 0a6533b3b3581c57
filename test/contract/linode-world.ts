import { randomBytes } from 'node:crypto';
import { openLinode } from '../../providers/linode/provider.ts';
import type { ProviderContext } from '../../providers/shared/context.ts';
import { Secret } from '../../src/config/secret.ts';
import { type DnsRecord, parseCaa } from '../../src/dns/record.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { createLinode, type LinodeSimulator } from '../world/apis/linode.ts';
import { simulatedApi } from './simulated-api.ts';
import type { ContractSetup, ContractWorld } from './world.ts';

/** Linode's simulator as an account for the contract. */
export const linodeSetup: ContractSetup = async (zones) => toContractWorld(await createLinode({ zones }));

function toContractWorld(simulator: LinodeSimulator): ContractWorld {
  const secrets = [simulator.token];
  const open = (token: string, timeoutMs = 5000, context: ProviderContext = createTestContext()) =>
    openLinode({ token: new Secret(token), baseUrl: simulator.baseUrl, timeoutMs }, context);
  return {
    secrets,
    // A write reads first, because the API stores duplicates.
    costs: { zone: 1, records: 1, apply: 2 },
    abilities: {
      anyZone: true,
      limitedCredentials: true,
      namesWritePermission: ({ reason }) => reason === 'user-lacks-grant',
      recordsPerZone: 12_000,
      valuesPerName: 12_000,
      caaFlags: false,
    },
    open: ({ timeoutMs, context } = {}) => open(simulator.token, timeoutMs, context),
    openLimited({ zones, write }) {
      const access = write ? 'read_write' : 'read_only';
      return open(simulator.addToken({ grants: Object.fromEntries(zones.map((zone) => [zone, access])) }));
    },
    openRejected: () => open(randomBytes(32).toString('hex')),
    addZone: (name) => void simulator.addDomain(name),
    plant: (zone, record) => void simulator.addRecord(zone, spell(zone, record)),
    plantStrangers: (zone, names) => plantStrangers(simulator, zone, names),
    snapshot: (zone) => structuredClone(simulator.recordsOf(zone)),
    ...simulatedApi(simulator, { status: 400, code: 0, message: `what is Bearer ${simulator.token}?` }),
  };
}

// The API's spelling: relative names, CAA in parts, TXT as it is.
function spell(zone: string, { name, type, value, ttl }: DnsRecord) {
  const common = { type, name: relative(zone, name), ttl_sec: ttl };
  const caa = type === 'CAA' ? parseCaa(value) : undefined;
  return caa ? { ...common, tag: caa.tag, target: caa.value } : { ...common, target: value };
}

function relative(zone: string, name: string): string {
  return name.slice(0, -zone.length).replace(/\.$/, '');
}

function plantStrangers(simulator: LinodeSimulator, zone: string, names: readonly string[]): void {
  for (const fqdn of names) {
    const name = relative(zone, fqdn);
    simulator.addRecord(zone, { type: 'MX', name, target: 'mx.example.net', priority: 10 });
    simulator.addRecord(zone, { type: 'TXT', name, target: '"quoted by somebody"', ttl_sec: 120 });
    simulator.addRecord(zone, { type: 'TXT', name, target: 'v=DKIM1; p=AAAA' });
    simulator.addRecord(zone, { type: 'NS', name, target: 'ns.example.net' });
    simulator.addRecord(zone, { type: 'A', name, target: '192.0.2.9', ttl_sec: 30 });
  }
  const service = { service: '_https', protocol: '_tcp', priority: 1, weight: 2, port: 443 };
  simulator.addRecord(zone, { type: 'SRV', name: '_https._tcp', target: 'srv.example.net', ...service });
}
