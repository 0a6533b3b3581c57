import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import type { PrimaryZone } from '../../dns/bind-config.ts';
import type { ZoneRecord } from '../../dns/publisher.ts';
import { assertPublishable } from '../../dns/zones.ts';
import { type OpenServer, openServer } from '../../open-server.ts';

export interface ZoneEndpointOptions {
  readonly address: string;
  /** 0 selects a free port. */
  readonly port: number;
  readonly zones: readonly PrimaryZone[];
  /**
   * Replaces the content of the zone. Resolves once the server answers it; rejects if it is
   * refused.
   */
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
 * The HTTP endpoint through which a name server receives its zones: `PUT /zones/<zone>` with all
 * records of the zone in JSON. 204 means that the server answers them; 400, 404, 405 and 422 have
 * the reason in the body.
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
  if (zone === undefined) throw new Refusal(404, `not found: ${request.url}`);
  if (request.method !== 'PUT') throw new Refusal(405, `a zone supports PUT only, not ${request.method}`);
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
    throw new Refusal(400, 'the body is not a JSON list of records');
  }
}

function refuse(response: ServerResponse, thrown: unknown): void {
  const status = thrown instanceof Refusal ? thrown.status : 500;
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(thrown instanceof Error ? thrown.message : String(thrown));
}
