/**
 * The property of a CAA record, and the value of `issue` and `issuewild` (RFC 8659 §4). Pure.
 */

/** One CAA record's data (RFC 8659 §4.1). */
export interface CaaProperty {
  /** One octet; the critical flag is 128. */
  readonly flags: number;
  /** Lower case, because tags are compared case-insensitively. */
  readonly tag: string;
  readonly value: string;
}

/**
 * Reads `flags tag "value"`; undefined for anything else. More lenient than `parseCaa`, because a
 * name server can send what no provider accepts: any characters in a tag, line breaks in a value.
 * An invalid tag may still be critical.
 */
export function readProperty(text: string): CaaProperty | undefined {
  const opening = text.indexOf('"');
  const closing = text.lastIndexOf('"');
  if (opening === closing || text.slice(closing + 1).trim() !== '') return undefined;
  const [flags = '', ...tag] = text.slice(0, opening).trim().split(/\s+/);
  if (!/^\d{1,3}$/.test(flags) || Number(flags) > 255 || tag.length === 0) return undefined;
  return { flags: Number(flags), tag: tag.join(' ').toLowerCase(), value: text.slice(opening + 1, closing) };
}

/** A parameter of an `issue` or `issuewild` value. */
export interface Parameter {
  readonly tag: string;
  readonly value: string;
}

/** An issuer and its parameters. */
export interface IssueValue {
  /** The issuer domain name as written; empty if no CA may issue. */
  readonly issuer: string;
  /** In order; a tag may occur more than once. */
  readonly parameters: readonly Parameter[];
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
// The only white space of the grammar is the space and the tab (WSP, RFC 5234 appendix B.1). A text
// of this alphabet has no other, so `trim` removes only these.
const ALPHABET = /^[\t\x20-\x7e]*$/;
const PARAMETER_VALUE = /^[\x21-\x3a\x3c-\x7e]*$/;

/**
 * Reads the value of an `issue` or `issuewild` property by the grammar of RFC 8659 §4.2. Undefined
 * for a malformed one, which permits no CA.
 */
export function parseIssueValue(value: string): IssueValue | undefined {
  if (!ALPHABET.test(value)) return undefined;
  const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
  if (issuer !== '' && !issuer.split('.').every((label) => LABEL.test(label))) return undefined;
  // The grammar allows one semicolon without a parameter, and no more.
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
