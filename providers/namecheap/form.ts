import type { Host } from './hosts.ts';
import type { DomainParts } from './suffix.ts';

/** Requests as forms. Pure. */

export type Form = readonly (readonly [key: string, value: string])[];

/** The call that makes these hosts the whole zone (https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/). */
export function setHostsForm({ sld, tld }: DomainParts, emailType: string, hosts: readonly Host[]): Form {
  const parts = hosts.flatMap(({ name, type, address, mxPref, ttl }, index): [string, string][] => {
    const n = index + 1;
    return [
      [`HostName${n}`, name],
      [`RecordType${n}`, type],
      [`Address${n}`, address],
      ...(mxPref === undefined ? [] : [[`MXPref${n}`, mxPref] satisfies [string, string]]),
      [`TTL${n}`, ttl],
    ];
  });
  const command = 'namecheap.domains.dns.setHosts';
  return [['Command', command], ['SLD', sld], ['TLD', tld], ['EmailType', emailType], ...parts];
}

export function encodeForm(form: Form): string {
  return form.map(encodePart).join('&');
}

/**
 * The same form, one parameter on each line, for a person to read and for `curl --data @FILE` to send: curl leaves out the
 * line breaks, so each line begins with the separator.
 */
export function formLines(form: Form): string {
  return `${form.map(encodePart).join('\n&')}\n`;
}

function encodePart([key, value]: readonly [string, string]): string {
  return `${encodeURIComponent(key)}=${encodeURIComponent(value)}`;
}
