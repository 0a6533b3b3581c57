import { z } from 'zod';
import type { ApiRequest } from './api-simulator.ts';
import type { Identity } from './route53-identity.ts';
import { readSet, type StoredSet, toTree } from './route53-record-set.ts';
import { invalidInput, refusals } from './route53-refusal.ts';
import { parseXml, type XmlTree } from './route53-xml.ts';
import { labelsReversed, type StoredZone, type ZoneChange } from './route53-zone.ts';

/** A change as GetChange returns it. */
export interface StoredChange {
  readonly id: string;
  readonly submittedAt: Date;
  /** Whether every name server has it. */
  inForce(): boolean;
}

interface Account {
  readonly zones: readonly StoredZone[];
  change(id: string): StoredChange | undefined;
  submit(): StoredChange;
}

/** A successful response, and the zone that was written. */
export interface Reply {
  readonly root: string;
  readonly content: XmlTree;
  readonly written?: StoredZone;
}

interface Context {
  readonly request: ApiRequest;
  readonly who: Identity;
  readonly account: Account;
}

const VERSION = '/2013-04-01';
const ROUTES: readonly (readonly [
  method: string,
  path: RegExp,
  carryOut: (context: Context, id: string) => Reply,
])[] = [
  ['GET', new RegExp(`^${VERSION}/hostedzone$`), listZones],
  ['GET', new RegExp(`^${VERSION}/hostedzone/([^/]+)/rrset/?$`), listSets],
  ['POST', new RegExp(`^${VERSION}/hostedzone/([^/]+)/rrset/?$`), changeSets],
  ['GET', new RegExp(`^${VERSION}/change/([^/]+)$`), getChange],
];

/** Carries out a request of a known principal. Throws Refusal. */
export function route(context: Context): Reply {
  for (const [method, path, carryOut] of ROUTES) {
    const match = method === context.request.method ? path.exec(context.request.path) : null;
    if (match) return carryOut(context, match[1] ?? '');
  }
  throw refusals.noSuchRoute();
}

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZones.html
function listZones({ request: { query }, who, account }: Context): Reply {
  who.requireListZones();
  const most = maxItems(query, 100);
  const marker = query.get('marker');
  const start = marker === null ? 0 : account.zones.findIndex(({ id }) => id === marker);
  if (start < 0) throw invalidInput(`The marker ${marker} is not known.`);
  const page = account.zones.slice(start, start + most);
  const next = account.zones[start + most];
  const HostedZone = page.map((zone) => ({
    Id: `/hostedzone/${zone.id}`,
    Name: `${zone.name}.`,
    CallerReference: zone.id.toLowerCase(),
    Config: { PrivateZone: zone.isPrivate },
    ResourceRecordSetCount: zone.sets().length,
  }));
  return {
    root: 'ListHostedZonesResponse',
    content: {
      HostedZones: { HostedZone },
      Marker: marker ?? undefined,
      IsTruncated: next !== undefined,
      NextMarker: next?.id,
      MaxItems: most,
    },
  };
}

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
function listSets({ request: { query }, who, account }: Context, id: string): Reply {
  who.requireRead(id);
  const sets = zoneOf(account, id).sets();
  const most = maxItems(query, 300);
  const [name, type, identifier] = ['name', 'type', 'identifier'].map((key) => query.get(key));
  if (type && !name) throw invalidInput('The Type parameter needs a Name.');
  if (identifier && !type) throw invalidInput('The Identifier parameter needs a Type.');
  const position = (set: StoredSet) => [
    labelsReversed(set.Name),
    set.Type,
    String(set.others['SetIdentifier'] ?? ''),
  ];
  const wanted = name ? [labelsReversed(name), type ?? '', identifier ?? ''] : [];
  const found = sets.findIndex((set) => compare(position(set), wanted) >= 0);
  const start = found < 0 ? sets.length : found;
  const next = sets[start + most];
  return {
    root: 'ListResourceRecordSetsResponse',
    content: {
      ResourceRecordSets: { ResourceRecordSet: sets.slice(start, start + most).map(toTree) },
      IsTruncated: next !== undefined,
      MaxItems: most,
      NextRecordName: next?.Name,
      NextRecordType: next?.Type,
      NextRecordIdentifier: next?.others['SetIdentifier'],
    },
  };
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index] ?? '';
    if (part !== other) return part < other ? -1 : 1;
  }
  return 0;
}

const batch = z.object({
  ChangeResourceRecordSetsRequest: z.object({
    ChangeBatch: z.object({
      Comment: z.string().max(256).optional(),
      Changes: z.object({
        Change: z
          .array(z.object({ Action: z.enum(['CREATE', 'DELETE', 'UPSERT']), ResourceRecordSet: z.unknown() }))
          .min(1),
      }),
    }),
  }),
});

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
function changeSets({ request, who, account }: Context, id: string): Reply {
  const parsed = batch.safeParse(readXml(request.body));
  if (!parsed.success) throw invalidInput(`Invalid XML: ${parsed.error.issues[0]?.path.join('.')}`);
  const { Change } = parsed.data.ChangeResourceRecordSetsRequest.ChangeBatch.Changes;
  const changes = Change.map(
    ({ Action, ResourceRecordSet }): ZoneChange => ({
      action: Action,
      set: readSet(ResourceRecordSet, Action),
    }),
  );
  who.requireWrite(
    id,
    changes.map(({ action, set }) => ({ action, type: set.Type, name: set.Name.replace(/\.$/, '') })),
  );
  const zone = zoneOf(account, id);
  zone.change(changes);
  return { ...changeInfo('ChangeResourceRecordSetsResponse', account.submit()), written: zone };
}

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html
function getChange({ who, account }: Context, id: string): Reply {
  who.requireGetChange(id);
  const change = account.change(id);
  if (!change) throw refusals.noSuchChange(id);
  return changeInfo('GetChangeResponse', change);
}

function changeInfo(root: string, change: StoredChange): Reply {
  const Status = change.inForce() ? 'INSYNC' : 'PENDING';
  const ChangeInfo = { Id: `/change/${change.id}`, Status, SubmittedAt: change.submittedAt.toISOString() };
  return { root, content: { ChangeInfo } };
}

function zoneOf({ zones }: Account, id: string): StoredZone {
  const zone = zones.find((candidate) => candidate.id === id);
  if (!zone) throw refusals.noSuchZone(id);
  return zone;
}

function maxItems(query: URLSearchParams, most: number): number {
  const text = query.get('maxitems');
  if (text === null) return most;
  if (!/^[1-9]\d*$/.test(text)) throw invalidInput('maxitems is not a number.');
  return Math.min(most, Number(text));
}

function readXml(body: string): unknown {
  try {
    return parseXml(body);
  } catch {
    throw refusals.notXml();
  }
}
