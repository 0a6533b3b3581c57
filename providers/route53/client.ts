import type * as z from 'zod';
import type { ApiRecordSet } from './answers.ts';
import * as answers from './answers.ts';
import type { ApiChange } from './batches.ts';
import type { Operation } from './errors.ts';
import { nameOf } from './records.ts';
import type { Connection, Sdk } from './sdk.ts';

/** The position at which a list of RRsets starts. */
export interface Start {
  readonly name: string;
  readonly type?: string | undefined;
  readonly identifier?: string | undefined;
}

/** One page of a list of RRsets, and the start of the next. */
export interface Page {
  readonly sets: readonly answers.ApiRecordSet[];
  readonly next: Start | undefined;
}

/**
 * The API calls that this program makes. Each rejects with an IngressError or with the signal's
 * reason.
 */
export interface Route53 {
  zones(signal: AbortSignal): Promise<answers.ApiHostedZone[]>;
  /** RRsets of a zone in Route 53's order, at most 300. */
  page(zoneId: string, start: Start | undefined, most: number, signal: AbortSignal): Promise<Page>;
  /** Makes all changes or none, and returns the id of the change. */
  change(zoneId: string, changes: readonly ApiChange[], signal: AbortSignal): Promise<string>;
  /** `PENDING`, or `INSYNC`. */
  changeStatus(id: string, signal: AbortSignal): Promise<string>;
}

/** Makes one call with the SDK. */
export type Send = (sdk: Sdk, connection: Connection) => Promise<unknown>;
/** An operation as the calls describe it. */
export type Route53Operation = Omit<Operation, 'secrets'>;
/** Signs and sends a call, and parses its result with the schema. Throws an IngressError. */
export type Ask = <T extends z.ZodType>(
  operation: Route53Operation,
  signal: AbortSignal,
  schema: T,
  send: Send,
) => Promise<z.infer<T>>;

const ZONES_PER_PAGE = 100;

/** The API calls, made with a function that signs, sends and checks one call. */
export function createCalls(ask: Ask): Route53 {
  const inZone = (action: string, doing: string, id: string): Route53Operation => ({
    doing,
    action: `route53:${action}`,
    resource: `arn:aws:route53:::hostedzone/${id}`,
  });
  return {
    async zones(signal) {
      const operation = { doing: 'list the hosted zones', action: 'route53:ListHostedZones', resource: '*' };
      const zones: answers.ApiHostedZone[] = [];
      for (let marker: string | undefined; ; ) {
        const input = { MaxItems: ZONES_PER_PAGE, ...(marker === undefined ? {} : { Marker: marker }) };
        const page = await ask(operation, signal, answers.hostedZones, (sdk, connection) =>
          sdk.listHostedZones(connection, input),
        );
        zones.push(...page.HostedZones);
        marker = page.NextMarker ?? undefined;
        if (!page.IsTruncated || marker === undefined) return zones;
      }
    },
    async page(zoneId, start, most, signal) {
      const input = {
        HostedZoneId: zoneId,
        MaxItems: most,
        ...(start ? { StartRecordName: start.name } : {}),
        ...(start?.type ? { StartRecordType: start.type } : {}),
        ...(start?.identifier ? { StartRecordIdentifier: start.identifier } : {}),
      };
      const operation = inZone(
        'ListResourceRecordSets',
        `list the records of the hosted zone ${zoneId}`,
        zoneId,
      );
      const page = await ask(operation, signal, answers.recordSets, (sdk, connection) =>
        // Types go back to the API exactly as they came.
        sdk.listResourceRecordSets(connection, input as Parameters<Sdk['listResourceRecordSets']>[1]),
      );
      const { NextRecordName: name, NextRecordType: type, NextRecordIdentifier: identifier } = page;
      const next =
        page.IsTruncated && name
          ? { name, type: type ?? undefined, identifier: identifier ?? undefined }
          : undefined;
      return { sets: page.ResourceRecordSets, next };
    },
    async change(zoneId, changes, signal) {
      const records = recordsOf(changes);
      const operation = {
        ...inZone('ChangeResourceRecordSets', `write DNS records (${describe(records)})`, zoneId),
        records,
      };
      const input = {
        HostedZoneId: zoneId,
        ChangeBatch: { Comment: 'dstack-ingress', Changes: [...changes] },
      };
      const { ChangeInfo } = await ask(operation, signal, answers.change, (sdk, connection) =>
        // RRsets as the API returned them, and RRsets of the four types that this program creates.
        sdk.changeResourceRecordSets(connection, input as Parameters<Sdk['changeResourceRecordSets']>[1]),
      );
      return ChangeInfo.Id.replace(/^\/change\//, '');
    },
    async changeStatus(id, signal) {
      const resource = 'arn:aws:route53:::change/*';
      const operation = {
        doing: `tell whether the change ${id} is in force`,
        action: 'route53:GetChange',
        resource,
      };
      return (
        await ask(operation, signal, answers.change, (sdk, connection) => sdk.getChange(connection, id))
      ).ChangeInfo.Status;
    },
  };
}

/** The RRsets that the changes touch, such as `app.example.com A`. */
function recordsOf(changes: readonly ApiChange[]): string[] {
  const names = changes.map(({ ResourceRecordSet: { Name, Type } }) => `${Name.replace(/\.$/, '')} ${Type}`);
  return [...new Set(names)];
}

function describe(records: readonly string[]): string {
  const some = records.slice(0, 5).join(', ');
  return records.length > 5 ? `${some} and ${records.length - 5} others` : some;
}

/** Maximum page size. */
export const SETS_PER_PAGE = 300;

/**
 * Reads every RRset at these names. A list starts at the first name and continues in Route 53's
 * order, so names within 300 RRsets of each other cost one call. In a larger zone each of the
 * others costs one.
 */
export async function readNames(
  names: readonly string[],
  list: (start: Start) => Promise<Page>,
): Promise<ApiRecordSet[]> {
  const sets: ApiRecordSet[] = [];
  for (let left = inOrder(names); left[0] !== undefined; ) {
    const from = left[0];
    const run = await readFrom(from, list);
    const covered = new Set(left.filter((name) => isCovered(name, from, run.until)));
    sets.push(...run.sets.filter(({ Name }) => covered.has(nameOf(Name))));
    left = left.filter((name) => !covered.has(name));
  }
  return sets;
}

/** Reads pages from a name until they have passed it. */
async function readFrom(from: string, list: (start: Start) => Promise<Page>) {
  const sets: ApiRecordSet[] = [];
  for (let start: Start | undefined = { name: from }; start; ) {
    const page: Page = await list(start);
    sets.push(...page.sets);
    const until = page.next && nameOf(page.next.name);
    if (until !== from) return { sets, until };
    start = page.next;
  }
  return { sets, until: undefined };
}

/**
 * The order in which Route 53 lists names: by labels from last to first, each followed by a dot
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html). Pure.
 */

type Key = (name: string) => string;

const plain: Key = (name) => `${name.split('.').reverse().join('.')}.`;
const escaped: Key = (name) => plain(name).replaceAll('*', '\\052');

/**
 * The API reference does not say whether an asterisk sorts as itself or as its escape, so a
 * conclusion from the order has to hold for both.
 */
const ORDERS: readonly Key[] = [plain, escaped];

/** The names in the order of a list. */
export function inOrder(names: readonly string[]): string[] {
  return names.toSorted((a, b) => (plain(a) < plain(b) ? -1 : 1));
}

/** Whether a list from `from` up to `until` (exclusive) contains every record of a name. */
export function isCovered(name: string, from: string, until: string | undefined): boolean {
  if (name === from) return until !== from;
  return ORDERS.every((key) => key(name) > key(from) && (until === undefined || key(name) < key(until)));
}
