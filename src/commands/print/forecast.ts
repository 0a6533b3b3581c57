import type { PastFailure } from '../../acme/ledger/deferral.ts';
import type { CertificateFacts } from '../../certificates/certificate.ts';
import { visible } from '../../config/quote.ts';
import { type Change, type CurrentRecord, type DnsRecord, describeRecord } from '../../dns/record.ts';
import type { CertificateForecast, Forecast, ZoneForecast } from '../../reconcile/forecast.ts';

/** A forecast as text for a terminal, with warnings. Pure. */
export function describeForecast(found: Forecast, warnings: readonly string[]): string {
  const { names, zones, certificates, provider } = found;
  const blocks = [
    ...zones.map((zone) => describeZone(zone, provider)),
    ...(certificates.length > 0 ? [describeCertificates(certificates)] : []),
    ...(warnings.length > 0 ? [describeWarnings(warnings)] : []),
  ];
  const title = `What a start would do for ${listed(names)}:`;
  const verdict = `${verdictOf(found)} This was a plan: nothing was written.`;
  const lines = [title, '', ...blocks.flatMap((block) => [...block, '']), verdict];
  return `${lines.map(visible).join('\n')}\n`;
}

const LISTED = 3;

function listed(names: readonly string[]): string {
  return names.length > LISTED ? `${names.length} names` : names.join(', ');
}

function describeZone({ zone, changes, leftovers, unchanged }: ZoneForecast, provider: string): string[] {
  return [
    `Records in the zone ${zone.name ?? zone.id} (${provider})`,
    ...changes.flatMap(describeChange),
    ...leftovers.map((record) => line('remove', `${full(record)}, left by an earlier run`)),
    ...unchanged.map((record) => line('right', full(record))),
  ];
}

function describeCertificates(certificates: readonly CertificateForecast[]): string[] {
  const [only, ...others] = certificates;
  if (only && others.length === 0) return ['Certificate', ...describeCertificate(only)];
  return certificates.flatMap((certificate) => [
    `Certificate for ${certificate.names.join(', ')}`,
    ...describeCertificate(certificate),
  ]);
}

function describeWarnings(warnings: readonly string[]): string[] {
  return ['Warnings', ...warnings.map((warning) => `  ${warning}`)];
}

/** The warnings if no plan can be made; empty if there are none. Pure. */
export function describeOnlyWarnings(warnings: readonly string[]): string {
  return warnings.length === 0 ? '' : `${describeWarnings(warnings).map(visible).join('\n')}\n`;
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

function describeCertificate(certificate: CertificateForecast): string[] {
  const { stored, decision, deferral, refused, lastRefusal } = certificate;
  return [
    ...(stored ? [line('stored', `serial ${stored.serial}, ${describeLife(stored, certificate)}`)] : []),
    line(decision.action, decision.reason),
    ...(refused ? [line('but', `${refused.message} (${refused.code})`)] : []),
    ...(lastRefusal && !deferral && !refused ? [line('last', describeRefusal(lastRefusal))] : []),
    ...(deferral ? [line('later', `not before ${deferral.until.toISOString()}: ${deferral.reason}`)] : []),
  ];
}

function describeLife({ notAfter }: CertificateFacts, { ending }: CertificateForecast): string {
  return ending ? `which ${ending.words}` : `valid until ${notAfter.toISOString()}`;
}

function describeRefusal({ at, code, message }: PastFailure): string {
  return `refused at ${at.toISOString()}: ${message === undefined ? code : `${message} (${code})`}`;
}

function verdictOf({ names, unplanned, zones, certificates }: Forecast): string {
  const changed = zones.reduce((sum, { changes, leftovers }) => sum + changes.length + leftovers.length, 0);
  const ordered = certificates.filter(
    ({ decision, deferral, refused }) => decision.action === 'order' && !deferral && !refused,
  ).length;
  const known =
    changed === 0 ? 'No record would change' : `${changed} record${changed === 1 ? '' : 's'} would change`;
  const unknown = `which records would change for ${listed(unplanned)} is not known`;
  const isNothingKnown = unplanned.length === names.length;
  const records = isNothingKnown
    ? capitalized(unknown)
    : unplanned.length > 0
      ? `${known}, ${unknown}`
      : known;
  const orders = ordered > 1 ? `${ordered} certificates` : `${ordered === 1 ? 'a' : 'no'} certificate`;
  return `${records}, ${orders} would be ordered.`;
}

function capitalized(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function line(what: string, words: string): string {
  return `  ${what.padEnd(8)}${words}`;
}

function full(record: DnsRecord & Pick<CurrentRecord, 'overriddenBy'>): string {
  const { ttl, overriddenBy } = record;
  const instead = overriddenBy === undefined ? '' : `, answered by ${overriddenBy}`;
  return `${describeRecord(record)} (TTL ${ttl}${instead})`;
}
