import { NAME_IN_DOUBT } from '../../src/dns/provider.ts';
import {
  type ErrorCode,
  type ErrorContext,
  IngressError,
  RETRIES,
  systemErrorCode,
} from '../../src/errors.ts';
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
  /** The RRsets that it changes, such as `app.example.com A`, for the error's details. */
  readonly records?: readonly string[];
  /** How to give the key the permission for it. */
  readonly permission?: Permission;
}

/** How to give the key a permission. */
export interface Permission {
  readonly hint: string;
  /** The statements of BIND that give it, for the error's details. */
  readonly bind: readonly string[];
}

/**
 * What may be wrong if a server refuses: its ACL (or update policy), one of the two clocks, the
 * name or algorithm of the key, its secret, or the zone, which the server may not hold.
 */
export type Suspect = 'acl' | 'clock' | 'key' | 'secret' | 'zone';

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
  const lacked = code === 'PROVIDER_PERMISSION_MISSING' ? operation.permission : undefined;
  return new IngressError(code, `${who(operation)} ${verb} to ${operation.doing}: ${name}`, {
    ...(lacked ? { hint: lacked.hint } : hintFor(code, name)),
    details: {
      rcode: name,
      ...(lacked ? { suspects: ['acl'], bind: lacked.bind } : {}),
      ...recordsOf(operation),
    },
  });
}

function recordsOf({ records }: Operation): Pick<Operation, 'records'> {
  return records ? { records } : {};
}

function hintFor(code: ErrorCode, rcode: string): ErrorContext {
  if (code === 'PROVIDER_UNAVAILABLE') {
    return { hint: 'Check the log of the name server, which says why it failed.', byItself: RETRIES };
  }
  if (rcode === 'NOTIMP') {
    return {
      hint: 'Set RFC2136_NAMESERVER to the primary of the zone, and let it accept dynamic updates (PowerDNS: dnsupdate=yes).',
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
      return badAnswer('unsigned', operation);
    case 'forged':
      return badAnswer('forged', operation);
    case 'mistimed':
      return mistimed(verdict.serverTime, operation, now);
    case 'refused':
      if (verdict.error === 'BADTIME') return mistimed(verdict.serverTime, operation, now);
      return isKnown && verdict.error === 'BADKEY' && operation.permission !== undefined
        ? notAllowed(operation, operation.permission)
        : badKey(verdict.error, operation);
  }
}

/**
 * Knot returns BADKEY to a key without the permission; other servers to a key that they no longer
 * know.
 */
function notAllowed(operation: Operation, { hint, bind }: Permission): IngressError {
  return new IngressError(
    'PROVIDER_PERMISSION_MISSING',
    `${who(operation)} refused to ${operation.doing}: BADKEY`,
    {
      hint: `${hint} The server gives the same answer for a key that was removed from its configuration.`,
      details: { tsigError: 'BADKEY', suspects: ['acl', 'key'], bind, ...recordsOf(operation) },
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
  const suspects: readonly Suspect[] = isTaken ? ['acl', 'zone'] : ['acl', 'clock', 'key', 'secret', 'zone'];
  const details = { rcode, signed: false, suspects, ...recordsOf(operation) };
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
  const { name, algorithm } = operation.key;
  const { what, hint, suspects } = faultOfKey(error, operation.key);
  return new IngressError(
    'PROVIDER_CREDENTIALS_REJECTED',
    `${who(operation)} refused to ${operation.doing}: ${what} (${error})`,
    { hint, details: { tsigError: error, suspects, key: name, algorithm } },
  );
}

interface KeyFault {
  readonly what: string;
  readonly hint: string;
  readonly suspects: readonly Suspect[];
}

function faultOfKey(error: string, { name, algorithm }: Key): KeyFault {
  if (error === 'BADSIG') {
    return {
      what: `RFC2136_TSIG_SECRET is not the secret of the key ${name}`,
      hint: 'Set RFC2136_TSIG_SECRET to the secret of the key, as the configuration of the name server has it.',
      suspects: ['secret'],
    };
  }
  const hint =
    'Set RFC2136_TSIG_KEY to the name of the key and RFC2136_TSIG_ALGORITHM to its algorithm, as the configuration of the name server has them.';
  if (error !== 'BADKEY') return { what: 'see the code', hint, suspects: ['key'] };
  return {
    what: `it knows no key ${name} of ${algorithm}`,
    hint: `${hint} Knot gives the same answer for a key that no acl of the zone names: docs/providers.md has the lines.`,
    suspects: ['key', 'acl'],
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
      details: {
        tsigError: 'BADTIME',
        suspects: ['clock'],
        ...(apart === undefined ? {} : { aheadSeconds: apart }),
      },
    },
  );
}

/** How a response violates the RFCs. */
const BAD_ANSWERS = {
  unsigned: 'without a signature',
  forged: 'with a signature that is not of the key',
  'other-message': 'something else',
  incomplete: 'half a message',
  empty: 'nothing',
  'not-dns': 'octets that are no DNS message',
  'outside-zone': 'records outside of the zone',
  'zone-without-records': 'a zone without records',
} as const;

/** The error for a response that violates the RFCs. */
export function badAnswer(
  reason: keyof typeof BAD_ANSWERS,
  operation: Operation,
  cause?: unknown,
): IngressError {
  return new IngressError(
    'PROVIDER_BAD_ANSWER',
    `${who(operation)} was asked to ${operation.doing} and answered ${BAD_ANSWERS[reason]}`,
    {
      hint: 'Check that RFC2136_NAMESERVER is the name server itself, not a proxy or resolver, and that it supports TSIG.',
      details: { reason },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** The error for a name server without a complete response. */
export function unreachable(cause: unknown, operation: Operation): IngressError {
  const words = clean(rootMessage(cause), [operation.key.secret]);
  const { host, port } = operation.server;
  const isUnknown = systemErrorCode(cause) === 'ENOTFOUND';
  return new IngressError(
    'PROVIDER_UNREACHABLE',
    `${who(operation)} could not be asked to ${operation.doing}: ${words}`,
    {
      ...(isUnknown
        ? { hint: `Correct RFC2136_NAMESERVER: the name ${host} was not found.` }
        : { hint: `Check that TCP to port ${port} of ${host} is open.`, byItself: RETRIES }),
      details: { reason: isUnknown ? 'name-not-found' : 'no-response', host, port },
      cause,
    },
  );
}

/** The error for a name that is in no zone of the server. */
export function noZone(name: string): IngressError {
  return new IngressError('ZONE_NOT_FOUND', `The name server has no zone that holds ${name}`, {
    hint: 'Set RFC2136_NAMESERVER to the primary of the zone, and allow the key to query it.',
    details: NAME_IN_DOUBT,
  });
}

/** The error for a name that the zone delegates to another one. */
export function delegated(zone: string, cut: string, name: string): IngressError {
  return new IngressError('ZONE_NOT_FOUND', `the zone ${zone} delegates ${cut}, which holds ${name}`, {
    hint: `Set RFC2136_NAMESERVER to the primary of ${cut}, or remove the NS records of ${cut}.`,
    details: { zone, cut, name },
  });
}

/**
 * The permission for a query. Some servers respond to queries about a zone only if its ACL names
 * the key.
 */
export const ZONE_PERMISSION: Permission = {
  hint: 'Let the key transfer and update the zone that holds the name: docs/providers.md has the lines.',
  bind: [],
};

/** The permission for a zone transfer. */
export function readPermission({ name }: Key, zone: string): Permission {
  const statement = `allow-transfer { key "${name}"; };`;
  return {
    hint: `Let the key transfer the zone. BIND, in the block of the zone ${zone}: ${statement} (Knot, PowerDNS: docs/providers.md). Where the server does not hold the zone, correct RFC2136_NAMESERVER or RFC2136_ZONE.`,
    bind: [statement],
  };
}

/** The permission for an update with these changes. */
export function writePermission(
  { name: key }: Key,
  zone: string,
  changes: readonly WireRecord[],
): Permission {
  const byName = Map.groupBy(changes, ({ name }) => name);
  const grants = [...byName].map(([name, records]) => {
    const isText = records.every(({ type }) => typeName(type) === 'TXT');
    return `grant "${key}" name ${name}. ${isText ? 'TXT' : 'A AAAA CNAME CAA'};`;
  });
  return {
    hint: `Let the key write these names. BIND, to be added to the update-policy of the zone ${zone}: ${grants.join(' ')} (Knot, PowerDNS: docs/providers.md).`,
    bind: grants,
  };
}
