import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import type { PrimaryZone } from '../../dns/bind-config.ts';
import type { ZoneRecord } from '../../dns/publisher.ts';
import { assertPublishable } from '../../dns/zones.ts';
import { type OpenServer, openServer } from '../../open-server.ts';

export interface ZoneEndpointOptions {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly zones: readonly PrimaryZone[];
  /** Makes the records the content of the zone; resolves when they are answered, rejects when they are refused. */
  readonly update: (zone: string, records: readonly ZoneRecord[]) => Promise<void>;
}

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const content = z.array(
  z.strictObject({ name: z.string(), type: z.string(), ttl: z.int().nonnegative(), data: z.string() }),
);

/**
 * Where a name server takes what its zones hold: `PUT /zones/<zone>` with all records of the zone in JSON. 204 says that the
 * server answers them; 400, 404, 405 and 422 say in a sentence why it does not.
 */
export async function openZoneEndpoint(options: ZoneEndpointOptions): Promise<OpenServer> {
  const server = createServer(async (request, response) => {
    try {
      await take(request, options);
      response.writeHead(204).end();
    } catch (thrown) {
      refuse(response, thrown);
    }
  });
  return openServer(server, { host: options.address, port: options.port });
}

async function take(request: IncomingMessage, { zones, update }: ZoneEndpointOptions): Promise<void> {
  const zone = /^\/zones\/([^/?]+)$/.exec(request.url ?? '')?.[1];
  if (zone === undefined) throw new Refusal(404, `there is nothing at ${request.url}`);
  if (request.method !== 'PUT') throw new Refusal(405, `a zone takes PUT, not ${request.method}`);
  const records = readRecords((await request.setEncoding('utf8').toArray()).join(''));
  try {
    await update(assertPublishable(zones, zone, records), records);
  } catch (thrown) {
    throw new Refusal(422, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function readRecords(text: string): readonly ZoneRecord[] {
  try {
    return content.parse(JSON.parse(text));
  } catch {
    throw new Refusal(400, 'the body is not a list of records in JSON');
  }
}

function refuse(response: ServerResponse, thrown: unknown): void {
  const status = thrown instanceof Refusal ? thrown.status : 500;
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(thrown instanceof Error ? thrown.message : String(thrown));
}
