import { visible } from '../config/quote.ts';
import { type Change, type DnsRecord, describeRecord, type LiveRecord } from '../dns/record.ts';
import type { Forecast } from '../reconcile/forecast.ts';

/** A forecast as lines for a person. Pure. */
export function describeForecast({ domain, provider, zone, ...found }: Forecast): string {
  const records = [
    ...found.changes.flatMap(describeChange),
    ...found.leftovers.map((record) => line('remove', `${full(record)}, left by an earlier run`)),
    ...found.standing.map((record) => line('right', full(record))),
  ];
  const lines = [
    `What a start would do for ${domain}:`,
    '',
    `Records in the zone ${zone.name ?? zone.id} (${provider})`,
    ...records,
    '',
    'Certificate',
    ...describeCertificate(found.certificate),
    ...(found.warnings.length > 0 ? ['', 'Warnings'] : []),
    ...found.warnings.map((warning) => `  ${warning}`),
    '',
    `${verdict(found)} This was a plan: nothing was written.`,
  ];
  return `${lines.map(visible).join('\n')}\n`;
}

function describeChange(change: Change): string[] {
  switch (change.action) {
    case 'create':
      return [line('create', full(change.record))];
    case 'replace':
      return [line('replace', full(change.replaced)), line('by', full(change.record))];
    case 'remove':
      return [line('remove', full(change.removed))];
  }
}

function describeCertificate({ stored, decision }: Forecast['certificate']): string[] {
  const held = stored
    ? [line('stored', `serial ${stored.serial}, valid until ${stored.notAfter.toISOString()}`)]
    : [];
  return [...held, line(decision.action, decision.reason)];
}

function verdict({ changes, leftovers, certificate }: Omit<Forecast, 'domain' | 'provider' | 'zone'>) {
  const count = changes.length + leftovers.length;
  const records =
    count === 0 ? 'No record would change' : `${count} record${count === 1 ? '' : 's'} would change`;
  return `${records}, ${certificate.decision.action === 'order' ? 'a' : 'no'} certificate would be ordered.`;
}

function line(what: string, words: string): string {
  return `  ${what.padEnd(8)}${words}`;
}

function full(record: DnsRecord & Pick<LiveRecord, 'overriddenBy'>): string {
  const { ttl, overriddenBy } = record;
  const instead = overriddenBy === undefined ? '' : `, answered by ${overriddenBy}`;
  return `${describeRecord(record)} (TTL ${ttl}${instead})`;
}
