import { type ErrorCode, type ErrorContext, IngressError, RETRIES } from '../../src/errors.ts';
import { clean, rootMessage } from '../shared/errors.ts';
import { typeName } from './records.ts';
import type { Key, Verdict } from './tsig.ts';
import type { Server } from './variables.ts';
import type { WireRecord } from './wire.ts';

/** The operation that failed, so that message and hint can name it. */
export interface Operation {
  /** Completes "The name server … refused to …". */
  readonly doing: string;
  readonly server: Server;
  readonly key: Key;
  /** The hint that says how to give the key the permission. */
  readonly permission?: string;
}

/** The response codes of RFC 1035 §4.1.1 and RFC 2136 §2.2. */
const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
] as const;

const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['SERVFAIL', 'PROVIDER_UNAVAILABLE'],
  // An update fails with one of these four only if a prerequisite does not hold.
  ['NXDOMAIN', 'PROVIDER_CONFLICT'],
  ['YXDOMAIN', 'PROVIDER_CONFLICT'],
  ['YXRRSET', 'PROVIDER_CONFLICT'],
  ['NXRRSET', 'PROVIDER_CONFLICT'],
  ['REFUSED', 'PROVIDER_PERMISSION_MISSING'],
  ['NOTAUTH', 'PROVIDER_PERMISSION_MISSING'],
  ['NOTIMP', 'PROVIDER_REJECTED'],
  ['NOTZONE', 'ZONE_MISMATCH'],
]);

/** The name of a response code, or its number. */
export function rcodeName(rcode: number): string {
  return RCODES[rcode] ?? `RCODE${rcode}`;
}

function who({ server: { host } }: Operation): string {
  return `The name server ${host}`;
}

/** The error for a signed error response. */
export function refused(name: string, operation: Operation): IngressError {
  const code = CODES.get(name) ?? 'PROVIDER_REJECTED';
  const verb = name === 'SERVFAIL' ? 'failed' : 'refused';
  return new IngressError(code, `${who(operation)} ${verb} to ${operation.doing}: ${name}`, {
    ...hintFor(code, name, operation),
    details: { rcode: name },
  });
}

function hintFor(code: ErrorCode, rcode: string, { permission }: Operation): ErrorContext {
  if (code === 'PROVIDER_PERMISSION_MISSING' && permission !== undefined) return { hint: permission };
  if (code === 'PROVIDER_UNAVAILABLE') {
    return { hint: 'The log of the name server says why it failed.', byItself: RETRIES };
  }
  if (rcode === 'NOTIMP') {
    return {
      hint: 'RFC2136_NAMESERVER has to be the primary of the zone, and take dynamic updates (PowerDNS: dnsupdate=yes).',
    };
  }
  if (code === 'ZONE_MISMATCH') return { hint: 'Correct or remove RFC2136_ZONE.' };
  return {};
}

/**
 * The error for a signature that the server or this program rejects. `isKnown`: the server has
 * accepted the key before.
 */
export function badSignature(
  verdict: Exclude<Verdict, { kind: 'good' }>,
  operation: Operation,
  now: Date,
  isKnown: boolean,
): IngressError {
  switch (verdict.kind) {
    case 'unsigned':
      return badAnswer('without a signature', operation);
    case 'forged':
      return badAnswer('with a signature that is not of the key', operation);
    case 'mistimed':
      return mistimed(verdict.serverTime, operation, now);
    case 'refused':
      if (verdict.error === 'BADTIME') return mistimed(verdict.serverTime, operation, now);
      return isKnown && verdict.error === 'BADKEY' && operation.permission !== undefined
        ? notLet(operation, operation.permission)
        : badKey(verdict.error, operation);
  }
}

/**
 * Knot returns BADKEY to a key without the permission; other servers to a key that they no longer
 * know.
 */
function notLet(operation: Operation, permission: string): IngressError {
  return new IngressError(
    'PROVIDER_PERMISSION_MISSING',
    `${who(operation)} refused to ${operation.doing}: BADKEY`,
    {
      hint: `${permission} A key that was taken out of the server's configuration is refused in the same words.`,
      details: { tsigError: 'BADKEY' },
    },
  );
}

/**
 * The error for an unsigned error response. Knot sends NOTAUTH to a key that it does not know or
 * that its ACL does not allow. PowerDNS sends NOTAUTH, or REFUSED to an update, also if the clocks
 * differ. `isTaken`: the server signed a response with our key a moment ago, so the key and the
 * clocks are good.
 */
export function bareRefusal(rcode: string, operation: Operation, isTaken: boolean): IngressError {
  const { name, algorithm } = operation.key;
  const sentence = `${who(operation)} refused to ${operation.doing}: ${rcode}, without a signature`;
  const details = { rcode };
  const acl = `does not allow the key ${name} to do this (Knot: acl; PowerDNS: TSIG-ALLOW-AXFR, TSIG-ALLOW-DNSUPDATE and allow-dnsupdate-from; docs/providers.md has the lines)`;
  if (isTaken) {
    return new IngressError('PROVIDER_PERMISSION_MISSING', sentence, {
      hint: `Check the server's ACL and its zones. The key and the clocks are valid, so either its ACL ${acl}, or it does not hold the zone.`,
      details,
    });
  }
  return new IngressError('PROVIDER_CREDENTIALS_REJECTED', sentence, {
    hint: `Check the server's log for which of these applies: its ACL ${acl}; the clocks of this host and of the server differ by more than 300 s; it does not know the key ${name} of ${algorithm} with this secret (check RFC2136_TSIG_KEY, RFC2136_TSIG_SECRET and RFC2136_TSIG_ALGORITHM); it does not hold the zone.`,
    byItself: RETRIES,
    retryable: true,
    details,
  });
}

function badKey(error: string, operation: Operation): IngressError {
  const { what, hint } = faultOfKey(error, operation.key);
  return new IngressError(
    'PROVIDER_CREDENTIALS_REJECTED',
    `${who(operation)} refused to ${operation.doing}: ${what} (${error})`,
    { hint, details: { tsigError: error } },
  );
}

function faultOfKey(error: string, { name, algorithm }: Key): { what: string; hint: string } {
  if (error === 'BADSIG') {
    return {
      what: `RFC2136_TSIG_SECRET is not the secret of the key ${name}`,
      hint: 'Set RFC2136_TSIG_SECRET to the secret of the key, as the configuration of the name server has it.',
    };
  }
  const hint =
    'Set RFC2136_TSIG_KEY to the name of the key and RFC2136_TSIG_ALGORITHM to its algorithm, as the configuration of the name server has them.';
  if (error !== 'BADKEY') return { what: 'see the code', hint };
  return {
    what: `it knows no key ${name} of ${algorithm}`,
    hint: `${hint} Knot gives the same answer for a key that no acl of the zone names: docs/providers.md has the lines.`,
  };
}

function mistimed(serverTime: Date | undefined, operation: Operation, now: Date): IngressError {
  const apart = serverTime && Math.round((now.getTime() - serverTime.getTime()) / 1000);
  const how =
    apart === undefined ? '' : ` by ${Math.abs(apart)} s: ${apart < 0 ? 'ours is behind' : 'ours is ahead'}`;
  return new IngressError(
    'PROVIDER_CREDENTIALS_REJECTED',
    `${who(operation)} cannot ${operation.doing}: its clock and ours differ${how} (BADTIME)`,
    {
      hint: 'Set the clocks of this host and of the name server: they may differ by at most 300 s. The key is valid.',
      retryable: true,
      details: { tsigError: 'BADTIME' },
    },
  );
}

/** The error for a response that violates the RFCs. */
export function badAnswer(how: string, operation: Operation, cause?: unknown): IngressError {
  return new IngressError(
    'PROVIDER_BAD_ANSWER',
    `${who(operation)} was asked to ${operation.doing} and answered ${how}`,
    {
      hint: 'Check that RFC2136_NAMESERVER is the name server itself, not a proxy or resolver, and that it supports TSIG.',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

export function unreachable(cause: unknown, operation: Operation): IngressError {
  const words = clean(rootMessage(cause), [operation.key.secret]);
  return new IngressError(
    'PROVIDER_UNREACHABLE',
    `${who(operation)} could not be asked to ${operation.doing}: ${words}`,
    {
      ...(isUnknownHost(cause)
        ? { hint: `Correct RFC2136_NAMESERVER: the name ${operation.server.host} was not found.` }
        : {
            hint: `Check that TCP to port ${operation.server.port} of ${operation.server.host} is open.`,
            byItself: RETRIES,
          }),
      cause,
    },
  );
}

function isUnknownHost(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOTFOUND';
}

/**
 * The hint for a query. Some servers respond to queries about a zone only if its ACL names the key.
 */
export const ZONE_PERMISSION =
  'Let the key transfer and update the zone that holds the name: docs/providers.md has the lines.';

/** The hint for a zone transfer. */
export function readPermission({ name }: Key, zone: string): string {
  return `Let the key transfer the zone. BIND, in the block of the zone ${zone}: allow-transfer { key "${name}"; }; (Knot, PowerDNS: docs/providers.md). Where the server does not hold the zone, correct RFC2136_NAMESERVER or RFC2136_ZONE.`;
}

/** The hint for an update with these changes. */
export function writePermission({ name: key }: Key, zone: string, changes: readonly WireRecord[]): string {
  const byName = Map.groupBy(changes, ({ name }) => name);
  const grants = [...byName].map(([name, records]) => {
    const isText = records.every(({ type }) => typeName(type) === 'TXT');
    return `grant "${key}" name ${name}. ${isText ? 'TXT' : 'A AAAA CNAME CAA'};`;
  });
  return `Let the key write these names. BIND, to be added to the update-policy of the zone ${zone}: ${grants.join(' ')} (Knot, PowerDNS: docs/providers.md).`;
}
