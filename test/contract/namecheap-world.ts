import { randomBytes } from 'node:crypto';
import { openNamecheap } from '../../providers/namecheap/provider.ts';
import type { ProviderContext } from '../../providers/shared/context.ts';
import { Secret } from '../../src/config/secret.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { createNamecheap, type NamecheapSimulator } from '../world/apis/namecheap.ts';
import { simulatedApi } from './simulated-api.ts';
import type { ContractSetup, ContractWorld } from './world.ts';

/** Namecheap's simulator as an account for the contract. */
export const namecheapSetup: ContractSetup = async (zones) =>
  toContractWorld(await createNamecheap({ zones }));

function toContractWorld(simulator: NamecheapSimulator): ContractWorld {
  const { username, apiKey, clientIp } = simulator;
  const open = (key: string, timeoutMs = 5000, context: ProviderContext = createTestContext()) =>
    openNamecheap(
      {
        username,
        apiKey: new Secret(key),
        clientIp,
        apiUser: undefined,
        sandbox: false,
        baseUrl: simulator.baseUrl,
        timeoutMs,
      },
      context,
    );
  return {
    secrets: [apiKey],
    // The read before a write, which is not repeated shortly after another; the write; the
    // verifying read.
    costs: { zone: 1, records: 1, apply: 3 },
    abilities: {
      anyZone: false,
      limitedCredentials: false,
      caaFlags: true,
      quotesInTxt: false,
      recordsPerZone: 150,
      valuesPerName: 150,
    },
    open: ({ timeoutMs, context } = {}) => open(apiKey, timeoutMs, context),
    openLimited: () => {
      throw new Error('a Namecheap key reaches the whole account');
    },
    openRejected: () => open(randomBytes(16).toString('hex')),
    addZone: (name) => void simulator.addZone(name),
    plant: (zone, record) => void simulator.zone(zone).plant(spell(zone, record)),
    plantStrangers: (zone, names) => plantStrangers(simulator, zone, names),
    snapshot: (zone) => simulator.snapshot(zone),
    ...simulatedApi(simulator, { status: 200, code: 1234, message: `what is ApiKey ${apiKey}?` }),
  };
}

// The API's spelling: relative names in lower case, targets with a dot, TXT without quotes.
function spell(zone: string, { name, type, value, ttl }: DnsRecord) {
  const owner = name.toLowerCase();
  return {
    Name: owner === zone ? '@' : owner.slice(0, -zone.length - 1),
    Type: type,
    Address: type === 'CNAME' ? `${value}.` : value,
    TTL: String(ttl),
  };
}

function plantStrangers(simulator: NamecheapSimulator, domain: string, names: readonly string[]): void {
  const zone = simulator.zone(domain);
  zone.emailType = 'MX';
  for (const name of names) {
    const Name = name === domain ? '@' : name.slice(0, -domain.length - 1);
    zone.plant({ Name, Type: 'MX', Address: 'mx.example.net.', MXPref: '20' });
    zone.plant({
      Name,
      Type: 'TXT',
      Address: 'v=DKIM1; p=A+B/C==; "no" quotes'.replaceAll('"', "'"),
      TTL: '60000',
    });
    zone.plant({ Name, Type: 'URL301', Address: 'https://example.net/?a=b&c=%20#<d>', TTL: '300' });
    zone.plant({ Name, Type: 'CAA', Address: '128 iodef "mailto:ops@example.com"' });
  }
  zone.plant({ Name: 'redirect', Type: 'FRAME', Address: 'http://example.net/' });
  zone.plant({ Name: 'sub', Type: 'NS', Address: 'ns1.example.net.' });
  zone.plant({ Name: 'aliased', Type: 'ALIAS', Address: 'other.example.net.', TTL: '300' });
  zone.plant({ Name: 'www', Type: 'CNAME', Address: 'parkingpage.namecheap.com.' });
}
