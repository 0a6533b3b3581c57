import { formatCaa } from '../record.ts';
import { type CaaProperty, type Parameter, parseIssueValue, readProperty } from './property.ts';

/** A certificate that an account requests for one name, and how the name is validated. */
export interface CaaRequest {
  /** Whether the name is a wildcard. */
  readonly wildcard: boolean;
  /** The CA's issuer domain names (RFC 8555 §7.1.1, `caaIdentities`). */
  readonly issuers: readonly string[];
  /** The URLs of the account at the CA; empty before it is registered. */
  readonly accountUrls: readonly string[];
  readonly method: 'dns-01';
}

/** Why a record does not permit a request. */
export type CaaReason =
  /**
   * Its critical flag is set and its tag is unknown, so the whole set permits nothing (RFC 8659
   * §4.1).
   */
  | 'critical'
  /** It breaks the grammar of RFC 8659 §4.2 or RFC 8657, so it permits no CA. */
  | 'malformed'
  /** It names no issuer, so it permits no CA. */
  | 'nobody'
  | 'other-issuer'
  | 'other-account'
  | 'other-method';

/** One record that does not permit a request. */
export interface CaaFault {
  /** `flags tag "value"`, as it was given. */
  readonly record: string;
  readonly reason: CaaReason;
  /** A phrase whose subject is the record. */
  readonly says: string;
}

/** Why an RRset does not permit a request, and what would. */
export interface CaaRefusal {
  /** At least one, in the order of the set. */
  readonly faults: readonly CaaFault[];
  /** The records to remove, because no other record can make up for them. */
  readonly remove: readonly string[];
  /**
   * The record that permits the request if it is added to the others; undefined if none is missing.
   */
  readonly add: string | undefined;
}

const CRITICAL = 128;

// Tags that every CA knows. Only `issue` and `issuewild` restrict the names of a certificate: RFC
// 8659 §4.4, the Baseline Requirements for TLS appendix A.1, RFC 9495, the requirements for mark
// certificates.
const KNOWN_TAGS: readonly string[] = [
  'issue',
  'issuewild',
  'iodef',
  'contactemail',
  'contactphone',
  'issuemail',
  'issuevmc',
];

/**
 * Judges a request by the relevant RRset of its name (RFC 8659 §4, RFC 8657). `set` has its values
 * as `flags tag "value"`; an empty set forbids nothing. Returns undefined if the request is
 * permitted, for which one permitting record suffices. A value that is no property is ignored; the
 * CA decides what it means.
 */
export function judgeCaa(set: readonly string[], request: CaaRequest): CaaRefusal | undefined {
  const properties = set.flatMap((record) => {
    const property = readProperty(record);
    return property ? [{ record, ...property }] : [];
  });
  const critical = properties.filter(({ flags, tag }) => flags & CRITICAL && !KNOWN_TAGS.includes(tag));
  const tag = relevantTag(properties, request);
  const relevant = properties.filter((property) => property.tag === tag);
  const refusing = relevant.flatMap(({ record, value }) => {
    const fault = faultIn(value, request);
    return fault ? [{ record, ...fault }] : [];
  });
  const permitted = relevant.length === 0 || refusing.length < relevant.length;
  if (permitted && critical.length === 0) return undefined;
  return {
    faults: [...critical.map(criticalFault), ...(permitted ? [] : refusing)],
    remove: critical.map(({ record }) => record),
    add: permitted ? undefined : permittingRecord(tag, request),
  };
}

// RFC 8659 §4.3: `issuewild` applies only to wildcards, and replaces `issue` for them.
function relevantTag(properties: readonly CaaProperty[], { wildcard }: CaaRequest): string {
  return wildcard && properties.some(({ tag }) => tag === 'issuewild') ? 'issuewild' : 'issue';
}

function criticalFault({ record, tag }: CaaProperty & { readonly record: string }): CaaFault {
  return { record, reason: 'critical', says: `is critical, and ${tag} is unknown, so no CA may issue` };
}

type Fault = Omit<CaaFault, 'record'>;

function faultIn(value: string, request: CaaRequest): Fault | undefined {
  const parsed = parseIssueValue(value);
  if (!parsed) return malformed('is malformed');
  const { issuer, parameters } = parsed;
  if (issuer === '') return { reason: 'nobody', says: 'permits no CA' };
  const isOurs = request.issuers.some((own) => own.toLowerCase() === issuer.toLowerCase());
  if (!isOurs) return { reason: 'other-issuer', says: `permits ${issuer} only` };
  // Unknown parameters are left to the CA (RFC 8659 §4.2), which ignores them.
  return accountFault(parameters, request) ?? methodFault(parameters, request);
}

/** RFC 8657 §3: the account URL must be equal, character by character. */
function accountFault(parameters: readonly Parameter[], { accountUrls }: CaaRequest): Fault | undefined {
  const [url, ...more] = valuesOf(parameters, 'accounturi');
  if (url === undefined) return undefined;
  if (more.length > 0) return malformed('has accounturi more than once');
  return accountUrls.includes(url)
    ? undefined
    : { reason: 'other-account', says: `permits the account ${url} only` };
}

const METHODS = /^[a-z0-9-]+(?:,[a-z0-9-]+)*$/i;

/** RFC 8657 §4: the methods are separated by commas, without white space. */
function methodFault(parameters: readonly Parameter[], { method }: CaaRequest): Fault | undefined {
  const [methods, ...more] = valuesOf(parameters, 'validationmethods');
  if (methods === undefined) return undefined;
  if (more.length > 0) return malformed('has validationmethods more than once');
  if (methods === '') return { reason: 'other-method', says: 'permits no validation method' };
  if (!METHODS.test(methods)) return malformed('has a malformed list of validationmethods');
  return methods.split(',').includes(method)
    ? undefined
    : { reason: 'other-method', says: `permits validation by ${methods.replaceAll(',', ', ')} only` };
}

function malformed(what: string): Fault {
  return { reason: 'malformed', says: `${what}, so it permits no CA` };
}

function valuesOf(parameters: readonly Parameter[], wanted: string): string[] {
  return parameters.filter(({ tag }) => tag === wanted).map(({ value }) => value);
}

/**
 * The narrowest record that permits the request: this CA, this method and, once it is registered,
 * this account.
 */
function permittingRecord(tag: string, { issuers, accountUrls, method }: CaaRequest): string | undefined {
  const [issuer] = issuers;
  const [accountUrl] = accountUrls;
  if (issuer === undefined) return undefined;
  // `plan` has a placeholder, not a URL, for an account that is not registered yet.
  const account = accountUrl !== undefined && URL.canParse(accountUrl) ? `;accounturi=${accountUrl}` : '';
  return formatCaa(0, tag, `${issuer};validationmethods=${method}${account}`);
}
