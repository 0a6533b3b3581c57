import { visible } from '../config/quote.ts';
import { type Change, type DnsRecord, describeRecord, type LiveRecord } from '../dns/record.ts';
import type { Forecast } from '../reconcile/forecast.ts';

/**
 * Forecasts as lines for a person, one after the other; `general` are the warnings that are about no name of them. One
 * alone has these among its own. Pure.
 */
export function describeForecasts(found: readonly Forecast[], general: readonly string[]): string {
  const [only, ...others] = found;
  const blocks =
    only && others.length === 0
      ? [describe({ ...only, warnings: [...general, ...only.warnings] })]
      : [...found.map(describe), ...(general.length > 0 ? [describeWarnings(general)] : [])];
  const verdict = `${verdictOf(found)} This was a plan: nothing was written.`;
  const lines = [...blocks.flatMap((block) => [...block, '']), verdict];
  return `${lines.map(visible).join('\n')}\n`;
}

function describe({ domain, provider, zone, ...found }: Forecast): string[] {
  const records = [
    ...found.changes.flatMap(describeChange),
    ...found.leftovers.map((record) => line('remove', `${full(record)}, left by an earlier run`)),
    ...found.standing.map((record) => line('right', full(record))),
  ];
  return [
    `What a start would do for ${domain}:`,
    '',
    `Records in the zone ${zone.name ?? zone.id} (${provider})`,
    ...records,
    '',
    'Certificate',
    ...describeCertificate(found.certificate),
    ...(found.warnings.length > 0 ? ['', ...describeWarnings(found.warnings)] : []),
  ];
}

function describeWarnings(warnings: readonly string[]): string[] {
  return ['Warnings', ...warnings.map((warning) => `  ${warning}`)];
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

function verdictOf(found: readonly Forecast[]): string {
  const changed = found.reduce((sum, { changes, leftovers }) => sum + changes.length + leftovers.length, 0);
  const ordered = found.filter(({ certificate }) => certificate.decision.action === 'order').length;
  const records =
    changed === 0 ? 'No record would change' : `${changed} record${changed === 1 ? '' : 's'} would change`;
  const certificates = ordered > 1 ? `${ordered} certificates` : `${ordered === 1 ? 'a' : 'no'} certificate`;
  return `${records}, ${certificates} would be ordered.`;
}

function line(what: string, words: string): string {
  return `  ${what.padEnd(8)}${words}`;
}

function full(record: DnsRecord & Pick<LiveRecord, 'overriddenBy'>): string {
  const { ttl, overriddenBy } = record;
  const instead = overriddenBy === undefined ? '' : `, answered by ${overriddenBy}`;
  return `${describeRecord(record)} (TTL ${ttl}${instead})`;
}
