import { formatCaa } from '../record.ts';
import { type CaaProperty, type Parameter, parseIssueValue, readProperty } from './property.ts';

/** Who wants a certificate, and how the name is validated. */
export interface CaaRequest {
  /** Whether the name is `*.` and a name. */
  readonly wildcard: boolean;
  /** The names that the CA calls its own in CAA records (RFC 8555 §7.1.1, `caaIdentities`). */
  readonly issuers: readonly string[];
  /** The URLs by which the CA knows the account; empty while there is none. */
  readonly accountUrls: readonly string[];
  readonly method: 'dns-01';
}

/** Why a record does not permit a request. */
export type CaaReason =
  /** Its critical flag is set, and nobody knows its tag: the whole set permits nothing (RFC 8659 §4.1). */
  | 'critical'
  /** It is not as RFC 8659 §4.2 or RFC 8657 wants it, so it permits nobody. */
  | 'malformed'
  /** It names no issuer, so that nobody may issue. */
  | 'nobody'
  | 'other-issuer'
  | 'other-account'
  | 'other-method';

/** One record that stands in the way. */
export interface CaaFault {
  /** `flags tag "value"`, as it was given. */
  readonly record: string;
  readonly reason: CaaReason;
  /** What it says, as the rest of a sentence that starts with the record. */
  readonly says: string;
}

/** What a set says against a request. */
export interface CaaRefusal {
  /** At least one, in the order of the set. */
  readonly faults: readonly CaaFault[];
  /** The records that have to go, because no other can make up for them. */
  readonly remove: readonly string[];
  /** The record that would permit the request where it stands beside the others; undefined when none is missing. */
  readonly add: string | undefined;
}

const CRITICAL = 128;

// Every CA knows these tags. What is not `issue` or `issuewild` is no restriction for the names of a certificate:
// RFC 8659 §4.4, the Baseline Requirements for TLS appendix A.1, RFC 9495, the requirements for mark certificates.
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
 * Judges a request by the one RRset that decides for its name (RFC 8659 §4, RFC 8657). `set` are its values as
 * `flags tag "value"`; without any, nothing is forbidden. Gives undefined when the request is permitted. Any one record
 * is enough for that. What cannot be read as a property at all is passed over, and left to the CA.
 */
export function judgeCaa(set: readonly string[], request: CaaRequest): CaaRefusal | undefined {
  const properties = set.flatMap((record) => {
    const property = readProperty(record);
    return property ? [{ record, ...property }] : [];
  });
  const critical = properties.filter(({ flags, tag }) => flags & CRITICAL && !KNOWN_TAGS.includes(tag));
  const tag = decidingTag(properties, request);
  const deciding = properties.filter((property) => property.tag === tag);
  const refusing = deciding.flatMap(({ record, value }) => {
    const fault = faultIn(value, request);
    return fault ? [{ record, ...fault }] : [];
  });
  const permitted = deciding.length === 0 || refusing.length < deciding.length;
  if (permitted && critical.length === 0) return undefined;
  return {
    faults: [...critical.map(criticalFault), ...(permitted ? [] : refusing)],
    remove: critical.map(({ record }) => record),
    add: permitted ? undefined : permittingRecord(tag, request),
  };
}

// RFC 8659 §4.3: issuewild counts for wildcards alone, and where there is one, issue does not count for them.
function decidingTag(properties: readonly CaaProperty[], { wildcard }: CaaRequest): string {
  return wildcard && properties.some(({ tag }) => tag === 'issuewild') ? 'issuewild' : 'issue';
}

function criticalFault({ record, tag }: CaaProperty & { readonly record: string }): CaaFault {
  return { record, reason: 'critical', says: `is critical, and ${tag} is not known, so nobody may issue` };
}

type Fault = Omit<CaaFault, 'record'>;

function faultIn(value: string, request: CaaRequest): Fault | undefined {
  const parsed = parseIssueValue(value);
  if (!parsed) return malformed('is malformed');
  const { issuer, parameters } = parsed;
  if (issuer === '') return { reason: 'nobody', says: 'permits nobody' };
  const isOurs = request.issuers.some((own) => own.toLowerCase() === issuer.toLowerCase());
  if (!isOurs) return { reason: 'other-issuer', says: `permits ${issuer} only` };
  // A CA passes over parameters that it does not know (RFC 8659 §4.2 leaves them to it), and so does this.
  return accountFault(parameters, request) ?? methodFault(parameters, request);
}

/** RFC 8657 §3: the account's URL, character by character. */
function accountFault(parameters: readonly Parameter[], { accountUrls }: CaaRequest): Fault | undefined {
  const [url, ...more] = valuesOf(parameters, 'accounturi');
  if (url === undefined) return undefined;
  if (more.length > 0) return malformed('names accounturi more than once');
  return accountUrls.includes(url)
    ? undefined
    : { reason: 'other-account', says: `permits the account ${url} only` };
}

const METHODS = /^[a-z0-9-]+(?:,[a-z0-9-]+)*$/i;

/** RFC 8657 §4: a list with commas and nothing else between the methods. */
function methodFault(parameters: readonly Parameter[], { method }: CaaRequest): Fault | undefined {
  const [methods, ...more] = valuesOf(parameters, 'validationmethods');
  if (methods === undefined) return undefined;
  if (more.length > 0) return malformed('names validationmethods more than once');
  if (methods === '') return { reason: 'other-method', says: 'permits no method of validation' };
  if (!METHODS.test(methods)) return malformed('has a malformed list of validationmethods');
  return methods.split(',').includes(method)
    ? undefined
    : { reason: 'other-method', says: `permits validation by ${methods.replaceAll(',', ', ')} only` };
}

function malformed(what: string): Fault {
  return { reason: 'malformed', says: `${what}, so it permits nobody` };
}

function valuesOf(parameters: readonly Parameter[], wanted: string): string[] {
  return parameters.filter(({ tag }) => tag === wanted).map(({ value }) => value);
}

/** As narrow as it can be: this CA, this method and, where there is one already, this account. */
function permittingRecord(tag: string, { issuers, accountUrls, method }: CaaRequest): string | undefined {
  const [issuer] = issuers;
  const [accountUrl] = accountUrls;
  if (issuer === undefined) return undefined;
  // What a plan writes for an account that is yet to be made is nothing to copy.
  const account = accountUrl !== undefined && URL.canParse(accountUrl) ? `;accounturi=${accountUrl}` : '';
  return formatCaa(0, tag, `${issuer};validationmethods=${method}${account}`);
}
