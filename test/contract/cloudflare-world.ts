import { randomBytes } from 'node:crypto';
import { openCloudflare } from '../../providers/cloudflare/provider.ts';
import type { ProviderContext } from '../../providers/shared/context.ts';
import { Secret } from '../../src/config/secret.ts';
import { type DnsRecord, parseCaa } from '../../src/dns/record.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { type CloudflareSimulator, createCloudflare } from '../world/apis/cloudflare.ts';
import { simulatedApi } from './simulated-api.ts';
import type { ContractSetup, ContractWorld } from './world.ts';

/** Cloudflare's simulator as an account for the contract. */
export const cloudflareSetup: ContractSetup = async (zones) =>
  toContractWorld(await createCloudflare({ zones }));

function toContractWorld(simulator: CloudflareSimulator): ContractWorld {
  const secrets = [simulator.token];
  const open = (token: string, timeoutMs = 5000, context: ProviderContext = createTestContext()) =>
    openCloudflare(
      { token: new Secret(token), zoneId: undefined, baseUrl: simulator.baseUrl, timeoutMs },
      context,
    );
  return {
    secrets,
    costs: { zone: 1, records: 1, apply: 1 },
    abilities: {
      anyZone: true,
      limitedCredentials: true,
      namesWritePermission: ({ permission }) => permission === 'Zone / DNS / Edit',
      recordsPerZone: 3500,
      valuesPerName: 3500,
      caaFlags: true,
    },
    open: ({ timeoutMs, context } = {}) => open(simulator.token, timeoutMs, context),
    openLimited({ zones, write }) {
      const permissions = { zoneRead: true, dnsRead: true, dnsEdit: write };
      return open(
        simulator.addToken({ zones: Object.fromEntries(zones.map((zone) => [zone, permissions])) }),
      );
    },
    openRejected: () => open(randomBytes(20).toString('hex')),
    addZone: (name) => void simulator.addZone(name),
    plant: (zone, record) => void simulator.addRecord(zone, spell(record)),
    plantStrangers: (zone, names) => plantStrangers(simulator, zone, names),
    snapshot: (zone) => structuredClone(simulator.recordsOf(zone)),
    ...simulatedApi(simulator, { status: 400, code: 1234, message: `what is Bearer ${simulator.token}?` }),
  };
}

// The API's spelling: quoted strings of at most 255 characters, CAA in parts.
function spell({ name, type, value, ttl }: DnsRecord) {
  if (type === 'CAA') return { name, type, content: value, ttl, data: { ...parseCaa(value) } };
  if (type !== 'TXT') return { name, type, content: value, ttl };
  const strings = value.match(/.{1,255}/gs) ?? [''];
  const content = strings.map((string) => `"${string.replace(/["\\]/g, '\\$&')}"`).join(' ');
  return { name, type, content, ttl };
}

function plantStrangers(simulator: CloudflareSimulator, zone: string, names: readonly string[]): void {
  for (const name of names) {
    simulator.addRecord(zone, { name, type: 'MX', content: 'mx.example.net', priority: 10, ttl: 1 });
    simulator.addRecord(zone, { name, type: 'TXT', content: 'older than quotes', comment: 'Who knows' });
    simulator.addRecord(zone, { name, type: 'TXT', content: '"v=DKIM1; p=" "AAAA"', tags: ['team:mail'] });
    simulator.addRecord(zone, { name, type: 'A', content: '192.0.2.9', proxied: true });
    simulator.addRecord(zone, {
      name,
      type: 'URI',
      content: '10 1 "https://example.net/?a=b&c=%20"',
      data: { target: 'https://example.net/?a=b&c=%20', weight: 1 },
      priority: 10,
    });
  }
  const data = { priority: 1, weight: 2, port: 443, target: 'srv.example.net' };
  simulator.addRecord(zone, {
    name: `_https._tcp.${zone}`,
    type: 'SRV',
    content: '2 443 srv.example.net',
    data,
  });
}
