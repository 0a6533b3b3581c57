import { isIP } from 'node:net';
import { z } from 'zod';
import type { ZoneRecord } from '../dns/publisher.ts';
import { invalidBatch, invalidInput } from './route53-refusal.ts';
import type { XmlTree } from './route53-xml.ts';

/**
 * An RRset as the API stores it: with the API's field names; the name is escaped and has a final
 * dot.
 */
export interface StoredSet {
  readonly Name: string;
  readonly Type: string;
  readonly TTL?: number;
  readonly values: readonly string[];
  /** Everything else: AliasTarget, SetIdentifier, Weight, HealthCheckId, … */
  readonly others: XmlTree;
}

const tree: z.ZodType<XmlTree> = z.lazy(() => z.record(z.string(), z.union([z.string(), tree])));
const schema = z
  .object({
    Name: z.string().max(1024),
    Type: z.enum([
      'A',
      'AAAA',
      'CAA',
      'CNAME',
      'DS',
      'HTTPS',
      'MX',
      'NAPTR',
      'NS',
      'PTR',
      'SOA',
      'SPF',
      'SRV',
      'TXT',
    ]),
    TTL: z.coerce.number().int().min(0).max(2_147_483_647).optional(),
    ResourceRecords: z.object({ ResourceRecord: z.array(z.object({ Value: z.string() })).min(1) }).optional(),
  })
  .catchall(z.union([z.string(), tree]));

const MOST_VALUES = 400;
const MOST_TXT = 4000;
const CAA = /^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]) [A-Za-z0-9]+ ".*"$/;
const HOST = /^(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+$/;
const STRINGS = /^"(?:[^"\\]|\\.)*"(?: +"(?:[^"\\]|\\.)*")*$/;

/** Validates one RRset of a request and returns it as it is stored. Throws Refusal. */
export function readSet(element: unknown, action: string): StoredSet {
  const parsed = schema.safeParse(element);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalidInput(`1 validation error detected: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { Name, Type, TTL, ResourceRecords, ...others } = parsed.data;
  const values = (ResourceRecords?.ResourceRecord ?? []).map(({ Value }) => Value);
  const plain = TTL !== undefined && values.length > 0;
  const kinds = [others['AliasTarget'], plain || undefined, others['TrafficPolicyInstanceId']].filter(
    Boolean,
  );
  if (kinds.length !== 1) {
    throw invalidInput(
      `Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found ${kinds.length === 0 ? 'none' : 'more than one'} in Change with [Action=${action}, Name=${Name}, Type=${Type}, SetIdentifier=${others['SetIdentifier'] ?? 'null'}]`,
    );
  }
  checkValues(Type, values);
  const name = escapeName(Name);
  return { Name: name, Type, ...(TTL === undefined ? {} : { TTL }), values, others };
}

function checkValues(type: string, values: readonly string[]): void {
  if (values.length > MOST_VALUES)
    throw invalidBatch(`Number of records in ${type} exceeds the limit of ${MOST_VALUES}.`);
  for (const [index, value] of values.entries()) {
    if (values.indexOf(value) !== index) throw invalidBatch(`Duplicate Resource Record: '${value}'`);
    const fault = faultOf(type, value);
    if (fault)
      throw invalidBatch(`Invalid Resource Record: 'FATAL problem: ${fault} encountered with '${value}''`);
  }
  if (type === 'CNAME' && values.length > 1) {
    throw invalidBatch('CNAME RRSet has more than one resource record');
  }
}

// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
function faultOf(type: string, value: string): string | undefined {
  switch (type) {
    case 'A':
      return isIP(value) === 4 ? undefined : 'ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)';
    case 'AAAA':
      return isIP(value) === 6
        ? undefined
        : 'AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)';
    case 'CNAME':
    case 'NS':
      return HOST.test(value.replace(/\.?$/, '.'))
        ? undefined
        : 'UnsupportedCharacter (Value contains unsupported characters)';
    case 'CAA':
      return CAA.test(value) ? undefined : 'CAARRDATAInvalid (Value should be flags, tag and a quoted value)';
    case 'TXT':
      return faultOfTxt(value);
    default:
      return undefined;
  }
}

function faultOfTxt(value: string): string | undefined {
  if (!STRINGS.test(value)) return 'InvalidCharacterString (Value should be enclosed in quotation marks)';
  if (/[^\x20-\x7e]/.test(value)) return 'UnsupportedCharacter (Value contains unsupported characters)';
  const strings = value.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
  const lengths = strings.map((string) => string.slice(1, -1).replace(/\\(?:[0-3][0-7]{2}|.)/g, 'x').length);
  const tooLong = value.length > MOST_TXT || lengths.some((length) => length > 255);
  return tooLong ? 'CharacterStringTooLong (Value is too long)' : undefined;
}

/**
 * Lower case, a final dot, and every character but letters, digits, `-`, `_` and dots as three
 * octal digits.
 */
function escapeName(name: string): string {
  const plain = unescapeName(name).toLowerCase();
  const escaped = plain.replace(
    /[^a-z0-9_.-]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return escaped.replace(/\.?$/, '.');
}

export function unescapeName(name: string): string {
  return name.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** The elements of the RRset in the API's order. */
export function toTree({ Name, Type, TTL, values, others }: StoredSet): XmlTree {
  const { SetIdentifier, AliasTarget, HealthCheckId, ...policy } = others;
  const ResourceRecords =
    values.length > 0 ? { ResourceRecord: values.map((Value) => ({ Value })) } : undefined;
  return { Name, Type, SetIdentifier, ...policy, TTL, ResourceRecords, AliasTarget, HealthCheckId };
}

/** The targets of aliases, as far as tests need them. */
const ALIASED: Readonly<Record<string, string>> = { A: '198.51.100.53', AAAA: '2001:db8:53::1' };

/** What Route 53's name servers answer for the RRset; for an alias, the addresses of its target. */
export function toZoneRecords({ Name, Type, TTL = 60, values, others }: StoredSet): ZoneRecord[] {
  const name = unescapeName(Name);
  const aliased = others['AliasTarget'] === undefined ? undefined : ALIASED[Type];
  const data = aliased === undefined ? values : [aliased];
  return data.map((value) => ({
    name,
    type: Type,
    ttl: TTL,
    data: Type === 'TXT' ? toDecimal(value) : value,
  }));
}

// Zone files use decimal escapes, this API octal ones.
function toDecimal(value: string): string {
  return value.replace(/\\([0-3][0-7]{2}|.)/g, (whole, escaped: string) =>
    escaped.length === 3 ? `\\${String(Number.parseInt(escaped, 8)).padStart(3, '0')}` : whole,
  );
}
