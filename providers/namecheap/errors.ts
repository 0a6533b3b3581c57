import type { Secret } from '../../src/config/secret.ts';
import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import { type ErrorCode, type ErrorContext, IngressError } from '../../src/errors.ts';
import { clean, summarize } from '../shared/errors.ts';
import type { Verdict } from './changes.ts';

/** What was asked when it failed, so that the message can say what to do. */
export interface Operation {
  /** Completes "Namecheap refused to …". */
  readonly doing: string;
  /** Never part of a message, even when the other side repeats it. */
  readonly apiKey: Secret;
  readonly clientIp: string;
}

/** One refusal in Namecheap's words. */
export interface Refusal {
  readonly number: string;
  readonly message: string;
}

const NAME_SERVERS = 'Domain List > Manage > Nameservers > Namecheap BasicDNS';

/** Milliseconds without a call when the limit is exceeded and the API, as usual, does not say for how long. */
export const HOLD_MS = 300_000;

/** Items that a message names. */
const NAMED = 5;

// https://www.namecheap.com/support/api/global-parameters/, /error-codes/ and the page of each method.
const CREDENTIALS = new Set(
  `1010101 1010102 1011102 1030408 1017101 1019103 1016103 1017103 1017410 1017411
   1010105 1011105 1011150 1017150 1017105`.split(/\s+/),
);
const ADDRESS = new Set(['1010105', '1011105', '1011150', '1017150', '1017105']);
const NOT_OURS = new Set(['2019166', '2016166', '3019166', '3016166', '2030288']);
// The API's own failures, and those of the registries behind it.
const UNAVAILABLE = new Set(['1050900', '3050900', '5050900', '3031510', '4022288', '5019169']);

/** What a refusal means to this program. */
export function toIngressError(refusal: Refusal, operation: Operation): IngressError {
  const { number, message } = refusal;
  const code = codeOf(number);
  const words = clean(message, [operation.apiKey]).trim();
  const verb = code === 'PROVIDER_UNAVAILABLE' ? 'failed' : 'refused';
  const sentence = `Namecheap ${verb} to ${operation.doing}: ${words}${number === '' ? '' : ` (code ${number})`}`;
  // Of the account's own domain, that the name servers are others; of any other, that it is not the account's.
  const doubt = code === 'ZONE_NOT_FOUND' && number !== '2030288' ? NAME_IN_DOUBT : {};
  const details = { code: number, ...doubt };
  return new IngressError(code, sentence, { ...contextOf(code, refusal, operation), details });
}

function codeOf(number: string): ErrorCode {
  if (CREDENTIALS.has(number)) return 'PROVIDER_CREDENTIALS_REJECTED';
  if (NOT_OURS.has(number)) return 'ZONE_NOT_FOUND';
  if (number === '2030166') return 'PROVIDER_PERMISSION_MISSING';
  if (number === '500000') return 'PROVIDER_RATE_LIMITED';
  return UNAVAILABLE.has(number) ? 'PROVIDER_UNAVAILABLE' : 'PROVIDER_REJECTED';
}

function contextOf(code: ErrorCode, { number }: Refusal, { clientIp }: Operation): ErrorContext {
  if (code === 'PROVIDER_RATE_LIMITED') return { retryAfterMs: HOLD_MS };
  if (ADDRESS.has(number)) {
    return {
      hint: `Calls have to come from an address on the whitelist: add ${clientIp} at ${API_ACCESS} > Whitelisted IPs, and see that NAMECHEAP_CLIENT_IP is the IPv4 address from which this container really reaches the internet.`,
    };
  }
  if (code === 'PROVIDER_CREDENTIALS_REJECTED') {
    return {
      hint: `Turn API access on and set the key whole as NAMECHEAP_API_KEY, with its NAMECHEAP_USERNAME: ${API_ACCESS}. The sandbox has keys of its own (NAMECHEAP_SANDBOX). Namecheap answers the same where ${clientIp} is not on the whitelist of that page.`,
    };
  }
  if (number === '2030288') return { hint: `Point the domain at Namecheap's name servers: ${NAME_SERVERS}.` };
  if (code === 'ZONE_NOT_FOUND') {
    return {
      hint: 'NAMECHEAP_USERNAME has to be the account that holds the domain (Domain List).',
    };
  }
  if (code === 'PROVIDER_PERMISSION_MISSING') {
    return {
      hint: 'The account may not edit the DNS of the domain. Its owner gives the permission (Advanced DNS) at Domain List > Manage > Sharing & Transfer > Share Access.',
    };
  }
  return {};
}

/** An answer that is not what the documentation says. */
export function badAnswer({ doing }: Operation, what: string): IngressError {
  return new IngressError('PROVIDER_BAD_ANSWER', `Namecheap was asked to ${doing} and answered ${what}`);
}

/** HTTP 405, before anything was executed: that is how this API says that its limit is exceeded. */
export function limited(
  { doing }: Operation,
  status: number,
  retryAfterMs: number | undefined,
): IngressError {
  return new IngressError(
    'PROVIDER_RATE_LIMITED',
    `Namecheap was asked to ${doing} and answered HTTP ${status}: too many calls in this minute, hour or day`,
    { retryAfterMs: retryAfterMs ?? HOLD_MS },
  );
}

export function unavailable({ doing }: Operation, status: number): IngressError {
  return new IngressError('PROVIDER_UNAVAILABLE', `Namecheap failed to ${doing}: HTTP ${status}`);
}

export function otherNameServers(domain: string): IngressError {
  return new IngressError('ZONE_NOT_FOUND', `The name servers of ${domain} are not Namecheap's`, {
    hint: `Point the domain at Namecheap's name servers (${NAME_SERVERS}), or use the provider that answers for it.`,
  });
}

export function notUnderstood(domain: string, strange: readonly string[]): IngressError {
  return new IngressError(
    'ZONE_NOT_UNDERSTOOD',
    `The zone ${domain} was not written, because Namecheap's API could not keep everything in it: ${some(strange)}`,
    {
      hint: 'Change what the message names at Domain List > Manage > Advanced DNS, or publish below a domain without it.',
    },
  );
}

/** A write that a read afterwards does not confirm; `backup` is the file with what stood there before. */
export function unconfirmed(
  domain: string,
  { lost, mangled, undone }: Verdict,
  backup: string,
): IngressError {
  if (lost.length > 0) {
    return new IngressError(
      'ZONE_DAMAGED',
      `After a write the zone ${domain} lacks what nobody asked to touch: ${some(lost)}. What stood there before is kept in ${backup}`,
      {
        hint: `Unless somebody else removed it at that moment: docs/providers.md has the command that restores ${backup}, and Domain List > Manage > Advanced DNS shows what is missing.`,
        details: { lost, backup },
      },
    );
  }
  if (mangled.length > 0) {
    return new IngressError(
      'PROVIDER_REJECTED',
      `Namecheap stored something else in ${domain} than it was asked to: ${some(mangled)}. What stood there before is kept in ${backup}`,
      { hint: 'Nothing else was changed. Please report it with this message.', details: { mangled, backup } },
    );
  }
  return new IngressError(
    'PROVIDER_CONFLICT',
    `Namecheap took a write of ${domain} that is not to be seen: ${some(undone)}. What stood there before is kept in ${backup}`,
    { details: { undone, backup } },
  );
}

function some(items: readonly string[]): string {
  return summarize(items, NAMED, '; ');
}

/** Where Namecheap's website has the API key and the whitelist, as a person finds it. */
export const API_ACCESS =
  'ap.www.namecheap.com > Profile > Tools > Business & Dev Tools > Namecheap API Access > Manage';
