import * as z from 'zod';

/**
 * Schemas of the API's responses, as far as this program reads them
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html).
 * Every response is parsed by one: the SDK accepts any XML as a result, and an HTML page as one
 * without values.
 */

/** The SDK returns no list if the XML has an empty one. */
function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((list) => list ?? []);
}

const hostedZone = z.object({
  Id: z.string(),
  Name: z.string(),
  Config: z.object({ PrivateZone: z.boolean().nullish() }).nullish(),
});
export type ApiHostedZone = z.infer<typeof hostedZone>;

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZones.html */
export const hostedZones = z.object({
  HostedZones: listOf(hostedZone),
  IsTruncated: z.boolean(),
  NextMarker: z.string().nullish(),
});

/** A whole RRset. Unknown properties are kept, because a removal has to repeat all of it. */
const recordSet = z.looseObject({
  Name: z.string(),
  Type: z.string(),
  TTL: z.number().optional(),
  ResourceRecords: z.array(z.object({ Value: z.string() })).optional(),
  AliasTarget: z
    .object({ HostedZoneId: z.string(), DNSName: z.string(), EvaluateTargetHealth: z.boolean() })
    .optional(),
  SetIdentifier: z.string().optional(),
});
export type ApiRecordSet = z.infer<typeof recordSet>;

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html */
export const recordSets = z.object({
  ResourceRecordSets: listOf(recordSet),
  IsTruncated: z.boolean(),
  NextRecordName: z.string().nullish(),
  NextRecordType: z.string().nullish(),
  NextRecordIdentifier: z.string().nullish(),
});

/** PENDING, or INSYNC once every name server has the change. */
export const change = z.object({ ChangeInfo: z.object({ Id: z.string(), Status: z.string() }) });

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export const assumedRole = z.object({
  Credentials: z.object({
    AccessKeyId: z.string().min(1),
    SecretAccessKey: z.string().min(1),
    SessionToken: z.string().min(1),
    Expiration: z.date(),
  }),
});

/** An error as AWS reports it. */
export interface Refusal {
  /** `AccessDenied`, `Throttling`, …; undefined when the body is not an error of AWS. */
  readonly code: string | undefined;
  readonly message: string;
  readonly requestId: string | undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/**
 * Reads the body of an error response: `<ErrorResponse><Error><Code>…`, or, as documented for
 * ChangeResourceRecordSets, `<InvalidChangeBatch><Messages><Message>…`.
 */
export function refusalOf(body: string): Refusal {
  const texts = (tag: string) =>
    [...body.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, text = '']) => unescapeXml(text));
  const root = /<InvalidChangeBatch[\s>]/.test(body) ? 'InvalidChangeBatch' : undefined;
  return {
    code: texts('Code')[0]?.trim() ?? root,
    message: texts('Message').join(', '),
    requestId: texts('RequestId')[0],
  };
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
