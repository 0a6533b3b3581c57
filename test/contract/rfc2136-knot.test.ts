import { nameServer, versionOf } from '../world/debian/installed-program.ts';
import { knot } from '../world/dns/knot.ts';
import { refusals } from './rfc2136-refusals.ts';
import { rfc2136Setup } from './rfc2136-world.ts';
import { providerContract } from './suite.ts';

const program = await nameServer('knotd', ['knot']);
const [major, minor] = versionOf(program, '-V');

const title = `RFC 2136: Knot ${major}.${minor}`;
// From 3.4, the refusal of an unknown key is a bare NOTAUTH.
const tellsKey = major === 3 && minor < 4;

const setup = rfc2136Setup(knot({ program }), {
  // A zone is read completely, whatever its size.
  recordsPerZone: 400,
  valuesPerName: 400,
  // Answers any known key about its own zones; responses about other zones are unsigned.
  listsForeignZones: true,
  checksCredentials: false,
  namesFaultOfKey: tellsKey,
  unknownTypes: true,
});
providerContract(title, setup);
refusals(title, knot({ program }), { tellsClock: true, tellsKey });
