/**
 * The property that one CAA record holds, and the value of `issue` and `issuewild` (RFC 8659 §4). Pure.
 */

export interface CaaProperty {
  /** One octet; the critical flag is 128 (RFC 8659 §4.1). */
  readonly flags: number;
  /** Lower case: tags are compared without regard to it. */
  readonly tag: string;
  readonly value: string;
}

/**
 * Reads `flags tag "value"`; undefined for anything else. It takes what a name server can send and no provider would:
 * any characters in a tag, line breaks in a value. A tag that nobody can know may be critical all the same.
 */
export function readProperty(text: string): CaaProperty | undefined {
  const opening = text.indexOf('"');
  const closing = text.lastIndexOf('"');
  if (opening === closing || text.slice(closing + 1).trim() !== '') return undefined;
  const [flags = '', ...tag] = text.slice(0, opening).trim().split(/\s+/);
  if (!/^\d{1,3}$/.test(flags) || Number(flags) > 255 || tag.length === 0) return undefined;
  return { flags: Number(flags), tag: tag.join(' ').toLowerCase(), value: text.slice(opening + 1, closing) };
}

export interface Parameter {
  readonly tag: string;
  readonly value: string;
}

/** Who may issue, and under which conditions. */
export interface IssueValue {
  /** The issuer's domain name as it is written; empty when nobody may issue. */
  readonly issuer: string;
  /** In their order; a tag may be there more than once. */
  readonly parameters: readonly Parameter[];
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
// Of all white space the grammar knows the space and the tab (WSP, RFC 5234 appendix B.1). Where nothing else is in
// the text, `trim` takes off no more than these.
const ALPHABET = /^[\t\x20-\x7e]*$/;
const PARAMETER_VALUE = /^[\x21-\x3a\x3c-\x7e]*$/;

/**
 * Reads the value of an `issue` or `issuewild` property by the grammar of RFC 8659 §4.2. Gives undefined for a malformed
 * one, which permits nobody.
 */
export function parseIssueValue(value: string): IssueValue | undefined {
  if (!ALPHABET.test(value)) return undefined;
  const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
  if (issuer !== '' && !issuer.split('.').every((label) => LABEL.test(label))) return undefined;
  // One semicolon may stand without a parameter behind it, a further one may not.
  if (rest.length === 1 && rest[0] === '') return { issuer, parameters: [] };
  const parameters = rest.flatMap((text) => parseParameter(text) ?? []);
  return parameters.length === rest.length ? { issuer, parameters } : undefined;
}

function parseParameter(text: string): Parameter | undefined {
  const equals = text.indexOf('=');
  const tag = text.slice(0, Math.max(equals, 0)).trim();
  const value = text.slice(equals + 1).trim();
  return LABEL.test(tag) && PARAMETER_VALUE.test(value) ? { tag, value } : undefined;
}
