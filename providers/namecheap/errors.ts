import type { Secret } from '../../src/config/secret.ts';
import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import { type DnsRecord, describeRecord } from '../../src/dns/record.ts';
import { type ErrorCode, IngressError, isIngressError, messageOf } from '../../src/errors.ts';
import { clean, summarize } from '../shared/errors.ts';
import type { Unwritable } from './hosts.ts';

/** The operation that failed, so that message and hint can name it. */
export interface Operation {
  /** Completes "Namecheap refused to …". */
  readonly doing: string;
  /** Never part of a message, even if the server repeats it. */
  readonly apiKey: Secret;
  readonly clientIp: string;
}

/** An error as Namecheap reports it. */
export interface Refusal {
  readonly number: string;
  readonly message: string;
}

const NAME_SERVERS = 'Domain List > Manage > Nameservers > Namecheap BasicDNS';

/** Milliseconds to pause when the limit is exceeded and the API, as usual, sends no Retry-After. */
const HOLD_MS = 300_000;

/** Maximum number of items named in a message. */
const NAMED = 5;

// https://www.namecheap.com/support/api/global-parameters/, /error-codes/ and the page of each
// method.
const CREDENTIALS = new Set(
  `1010101 1010102 1011102 1030408 1017101 1019103 1016103 1017103 1017410 1017411
   1010105 1011105 1011150 1017150 1017105`.split(/\s+/),
);
const ADDRESS = new Set(['1010105', '1011105', '1011150', '1017150', '1017105']);
const NOT_OURS = new Set(['2019166', '2016166', '3019166', '3016166', '2030288']);
// The API's own failures, and those of the registries behind it.
const UNAVAILABLE = new Set(['1050900', '3050900', '5050900', '3031510', '4022288', '5019169']);

/** The error of this program for one of Namecheap. */
export function toIngressError(refusal: Refusal, operation: Operation): IngressError {
  const { number, message } = refusal;
  const code = codeOf(number);
  const words = clean(message, [operation.apiKey]).trim();
  const verb = code === 'PROVIDER_UNAVAILABLE' ? 'failed' : 'refused';
  const sentence = `Namecheap ${verb} to ${operation.doing}: ${words}${number === '' ? '' : ` (code ${number})`}`;
  // 2030288 is about a domain of the account with other name servers; the other numbers are about a
  // domain that the account does not hold.
  const doubt = code === 'ZONE_NOT_FOUND' && number !== '2030288' ? NAME_IN_DOUBT : {};
  const { reason, ...context } = adviceFor(code, refusal, operation);
  const details = { code: number, ...(reason === undefined ? {} : { reason }), ...doubt };
  return new IngressError(code, sentence, { ...context, details });
}

function codeOf(number: string): ErrorCode {
  if (CREDENTIALS.has(number)) return 'PROVIDER_CREDENTIALS_REJECTED';
  if (NOT_OURS.has(number)) return 'ZONE_NOT_FOUND';
  if (number === '2030166') return 'PROVIDER_PERMISSION_MISSING';
  if (number === '500000') return 'PROVIDER_RATE_LIMITED';
  return UNAVAILABLE.has(number) ? 'PROVIDER_UNAVAILABLE' : 'PROVIDER_REJECTED';
}

/** Pause and hint, if there is a better one than the registry's, and the reason for the details. */
interface Advice {
  readonly retryAfterMs?: number;
  readonly hint?: string;
  readonly reason?: 'address-not-allowed' | 'key-rejected' | 'other-name-servers' | 'domain-not-in-account';
}

function adviceFor(code: ErrorCode, { number }: Refusal, { clientIp }: Operation): Advice {
  if (code === 'PROVIDER_RATE_LIMITED') return { retryAfterMs: HOLD_MS };
  if (ADDRESS.has(number)) {
    return {
      reason: 'address-not-allowed',
      hint: `Add ${clientIp} at ${API_ACCESS} > Whitelisted IPs, and check that NAMECHEAP_CLIENT_IP is the IPv4 address from which this container reaches the internet.`,
    };
  }
  if (code === 'PROVIDER_CREDENTIALS_REJECTED') {
    return {
      reason: 'key-rejected',
      hint: `Turn API access on and set the key in full as NAMECHEAP_API_KEY, with its NAMECHEAP_USERNAME: ${API_ACCESS}. The sandbox has its own keys (NAMECHEAP_SANDBOX). Namecheap gives the same answer if ${clientIp} is not on the whitelist of that page.`,
    };
  }
  if (number === '2030288') {
    return {
      reason: 'other-name-servers',
      hint: `Point the domain at Namecheap's name servers: ${NAME_SERVERS}.`,
    };
  }
  if (code === 'ZONE_NOT_FOUND') {
    return {
      reason: 'domain-not-in-account',
      hint: 'Set NAMECHEAP_USERNAME to the account that holds the domain (Domain List).',
    };
  }
  if (code === 'PROVIDER_PERMISSION_MISSING') {
    return {
      hint: 'Let the owner of the domain give the account the permission Advanced DNS: Domain List > Manage > Sharing & Transfer > Share Access.',
    };
  }
  return {};
}

/** The error for a response that is not documented. */
export function badAnswer({ doing }: Operation, what: string): IngressError {
  return new IngressError('PROVIDER_BAD_ANSWER', `Namecheap was asked to ${doing} and answered ${what}`);
}

/**
 * The error for HTTP 405 (or 429), by which this API says that a limit is exceeded. Nothing was
 * executed.
 */
export function limited(
  { doing }: Operation,
  status: number,
  retryAfterMs: number | undefined,
): IngressError {
  return new IngressError(
    'PROVIDER_RATE_LIMITED',
    `Namecheap was asked to ${doing} and answered HTTP ${status}: too many calls in this minute, hour or day`,
    { retryAfterMs: retryAfterMs ?? HOLD_MS, details: { status } },
  );
}

/** The error for a status of 500 or above. */
export function unavailable({ doing }: Operation, status: number): IngressError {
  return new IngressError('PROVIDER_UNAVAILABLE', `Namecheap failed to ${doing}: HTTP ${status}`, {
    details: { status },
  });
}

/** The error for a domain that is delegated to other name servers. */
export function otherNameServers(domain: string): IngressError {
  return new IngressError('ZONE_NOT_FOUND', `The name servers of ${domain} are not Namecheap's`, {
    hint: `Point the domain at Namecheap's name servers (${NAME_SERVERS}), or choose the provider that serves it.`,
    details: { reason: 'other-name-servers', domain },
  });
}

/** The error for a zone that setHosts cannot write back as it is. */
export function notUnderstood(domain: string, unwritable: readonly Unwritable[]): IngressError {
  return new IngressError(
    'ZONE_NOT_UNDERSTOOD',
    `the zone ${domain} was not written, because Namecheap's API cannot represent everything in it: ${some(unwritable.map(({ words }) => words))}`,
    {
      hint: 'Change what the message names at Domain List > Manage > Advanced DNS, or publish below a domain without it.',
      details: { reasons: unwritable.map(({ reason }) => reason) },
    },
  );
}

/** What a read after a write shows. */
export interface Verdict {
  /** Hosts that no change named and that are missing or changed, in words. */
  readonly lost: readonly string[];
  /** Our hosts that were stored differently, in words: as written, and as stored. */
  readonly mangled: readonly string[];
  /** Our hosts that are missing, and removed ones that still exist, in words. */
  readonly undone: readonly string[];
}

/**
 * The error for a write that the next read does not confirm. `backup` is the file with the former
 * content.
 */
export function unconfirmed(
  domain: string,
  { lost, mangled, undone }: Verdict,
  backup: string,
): IngressError {
  if (lost.length > 0) {
    return new IngressError(
      'ZONE_DAMAGED',
      `after a write the zone ${domain} lacks records that no change named: ${some(lost)}. The former content is in ${backup}`,
      {
        hint: `Restore ${backup} with the command in docs/providers.md, unless another client removed the records at that moment. Domain List > Manage > Advanced DNS shows what is missing.`,
        details: { lost, backup },
      },
    );
  }
  if (mangled.length > 0) {
    return new IngressError(
      'PROVIDER_REJECTED',
      `Namecheap stored other records in ${domain} than were sent: ${some(mangled)}. The former content is in ${backup}`,
      { hint: 'Report this message. Nothing else was changed.', details: { mangled, backup } },
    );
  }
  return new IngressError(
    'PROVIDER_CONFLICT',
    `Namecheap accepted a write of ${domain} that has no effect: ${some(undone)}. The former content is in ${backup}`,
    { details: { undone, backup } },
  );
}

/**
 * The error for a write whose verification failed. `thrown` is the error of that read, `backup` the
 * file with the former content.
 */
export function unverified(domain: string, thrown: unknown, backup: string): IngressError {
  const known = isIngressError(thrown) ? thrown : undefined;
  return new IngressError(
    known?.code ?? 'PROVIDER_BAD_ANSWER',
    `the zone ${domain} was written but not verified: ${messageOf(thrown)}. The former content is in ${backup}`,
    {
      cause: thrown,
      ...(known ? { hint: known.hint } : {}),
      ...(known?.retryAfterMs === undefined ? {} : { retryAfterMs: known.retryAfterMs }),
      details: { ...known?.details, written: true, backup },
    },
  );
}

/** The error for a zone with more hosts than Namecheap stores. Nothing was written. */
export function tooManyHosts(domain: string, hosts: number, most: number): IngressError {
  return new IngressError(
    'PROVIDER_REJECTED',
    `the zone ${domain} would have ${hosts} hosts, but Namecheap stores at most ${most}; nothing was written`,
    {
      hint: 'Remove unneeded hosts at Domain List > Manage > Advanced DNS.',
      details: { hosts, most },
    },
  );
}

/** The error for a record that a CNAME excludes. Nothing was written. */
export function conflict(record: DnsRecord, other: DnsRecord): IngressError {
  const described = describeRecord(record);
  return new IngressError(
    'PROVIDER_CONFLICT',
    `nothing was written to Namecheap: ${described} is not allowed beside ${other.type} ${other.value}`,
    { details: { record: described, beside: describeRecord(other) } },
  );
}

/** The error for an address or alias at the name of a redirect. Nothing was written. */
export function redirected(record: DnsRecord, other: DnsRecord): IngressError {
  const described = describeRecord(record);
  return new IngressError(
    'PROVIDER_REJECTED',
    `${described} was not written, because the same name has ${other.type} ${other.value}`,
    {
      hint: 'Remove the redirect at Domain List > Manage > Advanced DNS. Namecheap would answer with both.',
      details: { reason: 'redirect', record: described, beside: describeRecord(other) },
    },
  );
}

function some(items: readonly string[]): string {
  return summarize(items, NAMED, '; ');
}

/** Where Namecheap's website has the API key and the whitelist, as a person finds it. */
export const API_ACCESS =
  'ap.www.namecheap.com > Profile > Tools > Business & Dev Tools > Namecheap API Access > Manage';
