import { canonicalName, isWithin } from '../../src/dns/names.ts';
import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import { IngressError } from '../../src/errors.ts';
import type { ApiHostedZone } from './answers.ts';
import { nameOf } from './records.ts';

/** Which of an account's hosted zones answers for a name. Pure. */

export interface HostedZone {
  readonly id: string;
  readonly name: string;
}

/** Zones that a message names. */
const SEEN_ZONES = 5;
const CONSOLE = 'Route 53 console > Hosted zones';

/** `/hostedzone/Z1` -> `Z1` */
export function idOf(text: string): string {
  return text.replace(/^\/[a-z]+\//, '');
}

/** The zones that the internet sees: private ones answer inside a VPC only. */
export function publicZones(zones: readonly ApiHostedZone[]): HostedZone[] {
  return zones
    .filter(({ Config }) => !Config?.PrivateZone)
    .map(({ Id, Name }) => ({ id: idOf(Id), name: nameOf(Name) }));
}

/**
 * The longest zone that holds the name, by whole labels; undefined when none does. Throws ZONE_NOT_FOUND when there are
 * several of that name: only the registry knows which one is delegated, and what is written to the other is never seen.
 */
export function chooseZone(zones: readonly HostedZone[], fqdn: string): HostedZone | undefined {
  const name = canonicalName(fqdn);
  const holding = zones.filter((zone) => isWithin(name, zone.name));
  const longest = Math.max(...holding.map((zone) => zone.name.length));
  const [zone, ...twins] = holding.filter((candidate) => candidate.name.length === longest);
  if (zone && twins.length > 0) throw ambiguous(zone, twins);
  return zone;
}

function ambiguous(zone: HostedZone, twins: readonly HostedZone[]): IngressError {
  const ids = [zone, ...twins].map(({ id }) => id).join(', ');
  return new IngressError(
    'ZONE_NOT_FOUND',
    `The AWS account has several public hosted zones ${zone.name} (${ids}), and does not tell which one is delegated`,
    {
      hint: `Set AWS_HOSTED_ZONE_ID to the one whose name servers the domain has at its registrar (${CONSOLE} > the zone > Hosted zone details), or delete the others.`,
    },
  );
}

/** Says what the account has instead of a zone for the name. */
export function noZone(zones: readonly HostedZone[], name: string): IngressError {
  const seen = zones.map((zone) => zone.name);
  const some = `${seen.slice(0, SEEN_ZONES).join(', ')}${seen.length > SEEN_ZONES ? ' and others' : ''}`;
  const has = seen.length > 0 ? `It has ${some}. ` : '';
  return new IngressError('ZONE_NOT_FOUND', `The AWS account has no public hosted zone that holds ${name}`, {
    hint: `${has}Create it (${CONSOLE} > Create hosted zone > Public hosted zone), or use credentials of the account that has it.`,
    details: NAME_IN_DOUBT,
  });
}
