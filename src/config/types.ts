import { isIP } from 'node:net';
import * as z from 'zod';
import { parseCertificateName, parseName } from '../dns/name.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { type FaultKind, invalid, type ValueFault } from './faults.ts';
import { type CertGroup, parseGroups, parseNames, parseRoutingMap, type RoutingMap } from './lists.ts';
import { splitSeveral, withAdvice } from './name-advice.ts';
import { quote } from './quote.ts';
import { Secret } from './secret.ts';
import type { VariableType } from './variable.ts';

/**
 * The types that a variable can have. Each turns text into a value, or says in a few words what is
 * wrong with it; the fix is in the table of variables.
 */

/** Makes a type from a function that returns the value, or `{ wrong }`; `wrong` may be a list. */
export function type<T>(label: string, read: (text: string) => T | Wrong): VariableType<T> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text);
    if (!isWrong(value)) return value;
    for (const wrong of [value.wrong].flat()) {
      const fault = typeof wrong === 'string' ? { kind: 'malformed' as const, problem: wrong } : wrong;
      context.addIssue({ code: 'custom', message: fault.problem, params: { fault } });
    }
    return z.NEVER;
  });
  return { label, schema };
}

/** A union rather than one object, so that TypeScript can tell it from a value. */
type Wrong = { wrong: string } | { wrong: ValueFault } | { wrong: ValueFault[] };

function isWrong(value: unknown): value is Wrong {
  return typeof value === 'object' && value !== null && 'wrong' in value;
}

/**
 * Text that matches a pattern. `problem` completes "<VARIABLE> …": "is not 32 hexadecimal digits".
 */
export function text(
  label: string,
  pattern: RegExp,
  problem: string,
  kind: FaultKind = 'malformed',
): VariableType<string> {
  return type(label, (value) => (pattern.test(value) ? value : invalid(kind, problem)));
}

/** A token or key: printable ASCII without spaces, as HTTP headers need it. */
export const secretText: VariableType<Secret> = type('secret', (value) =>
  /^[\x21-\x7e]+$/.test(value)
    ? new Secret(value)
    : invalid('invalid-characters', 'contains a space, a line break or a character outside ASCII'),
);

// The two alphabets of RFC 4648 (§4, §5), with or without padding. One digit more than a multiple
// of four encodes no byte.
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/**
 * A binary key, kept as base64url without padding (RFC 7515 §2). Standard base64 and padding are
 * accepted too, because the tools of some CAs print them.
 */
export const base64urlKey: VariableType<Secret> = type('base64url', (value) => {
  const isMixed = /[-_]/.test(value) && /[+/]/.test(value);
  const standard = value.replaceAll('-', '+').replaceAll('_', '/');
  if (isMixed || !BASE64.test(standard)) return { wrong: 'is not base64url' };
  return new Secret(standard.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''));
});

/** One name of a certificate, which may be a wildcard. */
export const certificateName: VariableType<string> = type(
  'domain name, or *.domain',
  (value) => parseCertificateName(value) ?? { wrong: notOneName(value) },
);

function notAName(value: string): ValueFault {
  return withAdvice(value, { kind: 'not-a-domain-name', problem: `is not a domain name: ${quote(value)}` });
}

function notOneName(value: string): ValueFault {
  const several = splitSeveral(value);
  if (several === undefined) return notAName(value);
  // DOMAINS may contain others already.
  const fix = `Remove it, and add these to DOMAINS: ${several.join(',')}`;
  const problem = `takes one name, but this is more than one: ${quote(value)}`;
  return { kind: 'several-values', problem, fix, details: { names: several } };
}

/** Names separated by line breaks or commas; `#` starts a comment. */
export const certificateNames: VariableType<readonly string[]> = type('domain name, …', parseNames);

/**
 * Groups of names separated by line breaks or `;`, the names of a group by commas or spaces; `#`
 * starts a comment.
 */
export const certGroups: VariableType<readonly CertGroup[]> = type('domain name, …; …', parseGroups);

/** A domain name of at least two labels. */
export const domainName: VariableType<string> = type(
  'domain name',
  (value) => parseName(value) ?? { wrong: notAName(value) },
);

/** The address of an app, see parseEndpoint. */
export const endpoint: VariableType<Endpoint> = type('[scheme://]host:port', parseEndpoint);

/** `name=endpoint` entries, separated like names. */
export const routingMap: VariableType<RoutingMap> = type('name=endpoint, …', parseRoutingMap);

/** `true` or `false`; yes, no, on, off, 1 and 0 are accepted too. */
export const flag: VariableType<boolean> = type('true or false', (value) => {
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  if (/^(false|0|no|off)$/i.test(value)) return false;
  return invalid('unknown-value', `is neither true nor false: ${quote(value)}`);
});

/** A version of the PROXY protocol, or none. */
export const proxyHeader: VariableType<'off' | 'v1' | 'v2'> = type('off, v1, v2', (value) => {
  if (/^(off|false|0|no)$/i.test(value)) return 'off';
  if (/^v1$/i.test(value)) return 'v1';
  // ACCEPT_PROXY_PROTOCOL is true or false, so operators may write that here too.
  if (/^(v2|true|1|yes|on)$/i.test(value)) return 'v2';
  return invalid('unknown-value', `is none of off, v1, v2: ${quote(value)}`);
});

/** A whole number from `least` to `most`. */
export function integer(label: string, least: number, most: number): VariableType<number> {
  return type(label, (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    const kind = /^-?\d+$/.test(value) ? 'out-of-range' : 'not-a-number';
    return invalid(kind, `is not a whole number from ${least} to ${most}: ${quote(value)}`);
  });
}

export const port: VariableType<number> = integer('port', 1, 65_535);

const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

// HAProxy stores times as signed 32-bit milliseconds.
const LONGEST_MS = 2_147_483_647;

/**
 * A duration with a unit in HAProxy's notation (us, ms, s, m, h, d); the value is whole
 * milliseconds, at least 1.
 */
export const duration: VariableType<number> = type('duration', (value) => {
  const match = /^(\d{1,12})(us|ms|s|m|h|d)$/.exec(value);
  if (!match?.[1] || !match[2])
    return invalid('not-a-number', `is not a number with a unit: ${quote(value)}`);
  const ms = Math.ceil(Number(match[1]) * (UNIT_MS[match[2]] ?? 0));
  if (ms >= 1 && ms <= LONGEST_MS) return ms;
  return invalid('out-of-range', `is not between 1ms and 24d: ${quote(value)}`);
});

/** One DNS label for owner names, such as `_dstack-app-address`. */
export const ownerLabel: VariableType<string> = text(
  'DNS label',
  /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,52}[A-Za-z0-9_])?$/,
  'is not one DNS label of at most 54 letters, digits, "-" and "_"',
);

/** One plain email address. */
export const email: VariableType<string> = text(
  'email address',
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/,
  'is not one plain email address',
);

/** An app id or instance id of dstack: 40 hexadecimal digits, kept in lower case. */
export const dstackId: VariableType<string> = type('40 hexadecimal digits', (value) =>
  /^[0-9a-f]{40}$/i.test(value)
    ? value.toLowerCase()
    : { wrong: `is not 40 hexadecimal digits: ${quote(value)}` },
);

/** An http or https URL without credentials; the value has no trailing slash. */
export const url: VariableType<string> = type('URL', (value) => {
  const parsed = /^https?:\/\/[\x21-\x7e]+$/i.test(value) ? URL.parse(value) : null;
  if (value.includes('@')) {
    const problem = 'contains credentials, which do not belong in a URL';
    return invalid('contains-credentials', problem);
  }
  if (!parsed) return invalid('not-a-url', `is not an http or https URL: ${quote(value)}`);
  return value.replace(/\/$/, '');
});

/** An absolute path of plain characters, safe in HAProxy's configuration. */
export const path: VariableType<string> = text(
  'absolute path',
  /^\/[A-Za-z0-9._@+/-]*$/,
  'is not an absolute path of letters, digits and ._@+-/',
);

/** A program: a path, or a name to find in PATH. */
export const program: VariableType<string> = text(
  'program',
  /^[A-Za-z0-9._@+/-]+$/,
  'is not a program name or path',
);

/** The IP address and port of a DNS server. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

/** DNS servers, as `ip[:port]` or `[ipv6]:port`, separated by commas. */
export const serverAddresses: VariableType<readonly ServerAddress[]> = type('ip[:port], …', (value) => {
  const servers: ServerAddress[] = [];
  for (const part of value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)) {
    const server = parseServerAddress(part);
    if (!server) {
      const problem = `contains something that is not an IP address with an optional port: ${quote(part)}`;
      return invalid('not-an-address', problem);
    }
    servers.push(server);
  }
  return servers.length > 0 ? servers : invalid('empty', 'contains no address');
});

function parseServerAddress(part: string): ServerAddress | undefined {
  const match = isIP(part) ? [part, part] : /^\[?([^[\]]+?)\]?(?::(\d{1,5}))?$/.exec(part);
  const address = match?.[1] ?? '';
  const portNumber = Number(match?.[2] ?? 53);
  return isIP(address) && portNumber >= 1 && portNumber <= 65_535 ? { address, port: portNumber } : undefined;
}

/** Common mistakes for ALPN names; none of these is ever negotiated. */
const MISNAMED = /^(?:h2c|grpc|http\/?2(?:\.0)?|http\/?1|http1\.1)$/;

/** Names of application protocols (RFC 7301), the preferred one first, separated by commas. */
export const protocols: VariableType<readonly string[]> = type('protocol, …', (value) => {
  const names = value.split(',').map((item) => item.trim());
  const strange = names.find((name) => !/^[a-z0-9][a-z0-9./+_-]{0,31}$/.test(name));
  if (strange !== undefined) return { wrong: `contains something that is not a protocol: ${quote(strange)}` };
  const misnamed = names.find((name) => MISNAMED.test(name));
  if (misnamed !== undefined) {
    const problem = `contains ${misnamed}, but in ALPN HTTP/2 is h2 and HTTP/1.1 is http/1.1`;
    return invalid('unknown-value', problem);
  }
  const isUnique = new Set(names).size === names.length;
  if (isUnique && names.length <= 16) return names;
  const problem = 'contains a protocol twice, or more than 16';
  return invalid(isUnique ? 'too-many' : 'duplicate', problem);
});

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): VariableType<T> {
  return type(words.join(', '), (value) => {
    const word = words.find((candidate) => candidate === value.toLowerCase());
    const problem = `is none of ${words.join(', ')}: ${quote(value)}`;
    return word ?? invalid('unknown-value', problem);
  });
}
