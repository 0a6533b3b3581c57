import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import { IngressError } from '../../src/errors.ts';
import { summarize } from '../shared/errors.ts';
import { longestZone } from '../shared/zones.ts';
import type { ApiHostedZone } from './answers.ts';
import { nameOf } from './records.ts';

/** Chooses the hosted zone of an account for a name. Pure. */

/** A public hosted zone of the account. */
export interface HostedZone {
  readonly id: string;
  readonly name: string;
}

const CONSOLE = 'Route 53 console > Hosted zones';

/** `/hostedzone/Z1` -> `Z1` */
export function idOf(text: string): string {
  return text.replace(/^\/[a-z]+\//, '');
}

/** The public zones: private ones are served inside a VPC only. */
export function publicZones(zones: readonly ApiHostedZone[]): HostedZone[] {
  return zones
    .filter(({ Config }) => !Config?.PrivateZone)
    .map(({ Id, Name }) => ({ id: idOf(Id), name: nameOf(Name) }));
}

/**
 * The longest zone that contains the name. Undefined if several zones have that name: only the
 * registry knows which one is delegated, and records in the others are never served.
 */
export function chooseZone(zones: readonly HostedZone[], name: string): HostedZone | undefined {
  const zone = longestZone(zones, name);
  return zone && namesakes(zones, zone).length === 1 ? zone : undefined;
}

function namesakes(zones: readonly HostedZone[], { name }: HostedZone): HostedZone[] {
  return zones.filter((zone) => zone.name === name);
}

/** The error for a name for which no zone was chosen. */
export function zoneNotFound(zones: readonly HostedZone[], name: string): IngressError {
  const zone = longestZone(zones, name);
  if (zone) {
    const ids = namesakes(zones, zone).map(({ id }) => id);
    return new IngressError(
      'ZONE_NOT_FOUND',
      `The AWS account has several public hosted zones ${zone.name} (${ids.join(', ')}), and its API does not tell which one is delegated`,
      {
        hint: `Set AWS_HOSTED_ZONE_ID to the one whose name servers the domain has at its registrar (${CONSOLE} > the zone > Hosted zone details), or delete the others.`,
        details: { reason: 'several-zones', zone: zone.name, ids },
      },
    );
  }
  const has = zones.length > 0 ? `It has ${summarize(zones.map((one) => one.name))}. ` : '';
  return new IngressError('ZONE_NOT_FOUND', `The AWS account has no public hosted zone that holds ${name}`, {
    hint: `${has}Create it (${CONSOLE} > Create hosted zone > Public hosted zone), or use credentials of the account that has it.`,
    details: NAME_IN_DOUBT,
  });
}
