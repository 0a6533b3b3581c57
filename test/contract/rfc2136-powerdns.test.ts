import { nameServer, versionOf } from '../world/debian/installed-program.ts';
import { powerDns } from '../world/dns/powerdns.ts';
import { refusals } from './rfc2136-refusals.ts';
import { rfc2136Setup } from './rfc2136-world.ts';
import { providerContract } from './suite.ts';

const program = await nameServer('pdns_server', ['pdns-server', 'pdns-backend-sqlite3']);
const title = `RFC 2136: PowerDNS ${versionOf(program, '--version').join('.')}`;

const setup = rfc2136Setup(powerDns({ program }), {
  // A zone is read completely, whatever its size.
  recordsPerZone: 400,
  valuesPerName: 400,
  listsForeignZones: true,
  namesFaultOfKey: false,
  unknownTypes: false,
});
providerContract(title, setup);
refusals(title, powerDns({ program }), { tellsClock: false, tellsKey: false });
