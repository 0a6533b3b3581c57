import type * as z from 'zod';
import * as answers from './answers.ts';
import type { ApiChange } from './batches.ts';
import type { Asked } from './errors.ts';
import type { Connection, Sdk } from './sdk.ts';

/** Where a list of RRsets begins. */
export interface Start {
  readonly name: string;
  readonly type?: string | undefined;
  readonly identifier?: string | undefined;
}

export interface Page {
  readonly sets: readonly answers.ApiRecordSet[];
  readonly next: Start | undefined;
}

/** The calls that this program makes. Each rejects with an IngressError, or with the signal's reason. */
export interface Route53 {
  zones(signal: AbortSignal): Promise<answers.ApiHostedZone[]>;
  /** RRsets of a zone in its order, at most 300. */
  page(zoneId: string, start: Start | undefined, most: number, signal: AbortSignal): Promise<Page>;
  /** Makes all changes or none, and gives the id of the change. */
  change(zoneId: string, changes: readonly ApiChange[], signal: AbortSignal): Promise<string>;
  /** `PENDING`, or `INSYNC`. */
  changeStatus(id: string, signal: AbortSignal): Promise<string>;
}

export type Send = (sdk: Sdk, connection: Connection) => Promise<unknown>;
export type Asking = Omit<Asked, 'secrets'>;
export type Ask = <T extends z.ZodType>(
  asked: Asking,
  signal: AbortSignal,
  schema: T,
  send: Send,
) => Promise<z.infer<T>>;

const ZONES_PER_PAGE = 100;

/** The calls by their names, made of one that signs, carries and checks. */
export function createCalls(ask: Ask): Route53 {
  const inZone = (action: string, doing: string, id: string): Asking => ({
    doing,
    action: `route53:${action}`,
    resource: `arn:aws:route53:::hostedzone/${id}`,
  });
  return {
    async zones(signal) {
      const asked = { doing: 'list the hosted zones', action: 'route53:ListHostedZones', resource: '*' };
      const zones: answers.ApiHostedZone[] = [];
      for (let marker: string | undefined; ; ) {
        const input = { MaxItems: ZONES_PER_PAGE, ...(marker === undefined ? {} : { Marker: marker }) };
        const page = await ask(asked, signal, answers.hostedZones, (sdk, connection) =>
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
      const asked = inZone('ListResourceRecordSets', `list the records of the hosted zone ${zoneId}`, zoneId);
      const page = await ask(asked, signal, answers.recordSets, (sdk, connection) =>
        // The API's own words for a type go back to it as they came.
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
      const asked = inZone('ChangeResourceRecordSets', `write DNS records (${describe(changes)})`, zoneId);
      const input = {
        HostedZoneId: zoneId,
        ChangeBatch: { Comment: 'dstack-ingress', Changes: [...changes] },
      };
      const { ChangeInfo } = await ask(asked, signal, answers.change, (sdk, connection) =>
        // RRsets as the API gave them, and those of the four types that this program makes.
        sdk.changeResourceRecordSets(connection, input as Parameters<Sdk['changeResourceRecordSets']>[1]),
      );
      return ChangeInfo.Id.replace(/^\/change\//, '');
    },
    async changeStatus(id, signal) {
      const resource = 'arn:aws:route53:::change/*';
      const asked = {
        doing: `tell whether the change ${id} is in force`,
        action: 'route53:GetChange',
        resource,
      };
      return (await ask(asked, signal, answers.change, (sdk, connection) => sdk.getChange(connection, id)))
        .ChangeInfo.Status;
    },
  };
}

function describe(changes: readonly ApiChange[]): string {
  const names = changes.map(({ ResourceRecordSet: { Name, Type } }) => `${Name.replace(/\.$/, '')} ${Type}`);
  const unique = [...new Set(names)];
  const some = unique.slice(0, 5).join(', ');
  return unique.length > 5 ? `${some} and ${unique.length - 5} others` : some;
}
