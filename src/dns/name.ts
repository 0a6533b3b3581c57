import { domainToASCII, domainToUnicode } from 'node:url';

/**
 * Domain names as text (RFC 1034 §3.1, RFC 5890). Canonical: lower case, A-labels, no trailing dot.
 * Pure.
 */

const MAX_NAME = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const A_LABEL = /(?:^|\.)xn--/i;
const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Lower case, no trailing dot. Names from an API or a name server are compared in this form only.
 */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * Parses a name from the configuration: U-labels become A-labels (so that a homograph is visible),
 * upper case becomes lower case. Undefined for anything but a domain name of at least two labels; a
 * label may start with an underscore.
 */
export function parseName(text: string): string | undefined {
  const name = canonicalName(toAscii(text));
  const labels = name.split('.');
  const fits = name.length <= MAX_NAME && labels.length >= 2 && labels.every((label) => LABEL.test(label));
  // With an all-numeric last label it is an IPv4 address, or would be taken for one (RFC 3696 §2).
  return fits && !/^\d+$/.test(labels.at(-1) ?? '') ? name : undefined;
}

/** Parses a name of a certificate: a host name (RFC 5280 §4.2.1.6, RFC 1123) or a wildcard. */
export function parseCertificateName(text: string): string | undefined {
  const wildcard = text.startsWith('*.');
  const name = parseName(wildcard ? text.slice(2) : text);
  if (name === undefined || !name.split('.').every((label) => HOST_LABEL.test(label))) return undefined;
  return wildcard ? `*.${name}` : name;
}

// Only text beyond ASCII is passed to domainToASCII, which also decodes percent signs and reads odd
// numbers as addresses. It accepts invalid A-labels; domainToUnicode leaves these unchanged.
function toAscii(text: string): string {
  if (/[\s%\u0000-\u0020\u007f]/u.test(text)) return '';
  const ascii = /[^\u0021-\u007e]/u.test(text) ? domainToASCII(text) : text;
  if (!A_LABEL.test(ascii)) return ascii;
  return A_LABEL.test(domainToUnicode(ascii)) ? '' : ascii;
}

/** Whether a name starts with `*.`. */
export function isWildcard(name: string): boolean {
  return name.startsWith('*.');
}

/** `*.example.com` -> `example.com`; any other name is its own base name. */
export function baseName(name: string): string {
  return isWildcard(name) ? name.slice(2) : name;
}

/** Whether `name` is `zone` or below it, by whole labels. */
export function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** The name and its ancestors, closest first: `a.b.c` -> `a.b.c`, `b.c`, `c`. */
export function selfAndAncestors(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

/** The owner name of a dns-01 challenge (RFC 8555 §8.4); a name and its wildcard share it. */
export function challengeName(name: string): string {
  return `_acme-challenge.${baseName(name)}`;
}
