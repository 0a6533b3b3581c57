import type { ZonePublisher } from '../dns/publisher.ts';
import type { AnsweredFault, Call } from './api-fault.ts';
import { type ApiAnswer, type ApiReply, type ApiRequest, ApiSimulator } from './api-simulator.ts';
import { type StoredRecord, toZoneRecord } from './cloudflare-record.ts';
import { Refusal, refusals } from './cloudflare-refusal.ts';
import { type Reply, route } from './cloudflare-routes.ts';
import { authenticate, StoredToken, type TokenOptions } from './cloudflare-token.ts';
import { StoredZone, type ZoneStatus } from './cloudflare-zone.ts';

export type { ApiFault as Fault, Call } from './api-fault.ts';
export type { StoredRecord } from './cloudflare-record.ts';
export type { Permissions, TokenOptions } from './cloudflare-token.ts';

export interface CloudflareOptions {
  /** A loopback address to listen on. Default: 127.0.0.1. */
  readonly address?: string;
  /** Names of the zones; all are active. */
  readonly zones: readonly string[];
  /** The account's first token. Default: one with all permissions in every zone. */
  readonly token?: TokenOptions;
  /** Receives the zones' content after every write. Default: none. */
  readonly publisher?: ZonePublisher;
  /**
   * Milliseconds from the response to a write until its publication. Default: 0, which publishes
   * before responding.
   */
  readonly publishDelayMs?: number;
}

const BASE_PATH = '/client/v4';
const BODY_LIMIT = 1 << 20;

/**
 * Cloudflare's API v4 on a loopback address, as far as DNS needs it: zones, records, batches,
 * tokens. It keeps state and refuses what the real API refuses, according to
 * https://developers.cloudflare.com/api/ and to reports of its users.
 */
export async function createCloudflare(options: CloudflareOptions): Promise<CloudflareSimulator> {
  const simulator = new CloudflareSimulator(options);
  await simulator.listen(options.address ?? '127.0.0.1');
  return simulator;
}

export class CloudflareSimulator extends ApiSimulator {
  /** The account's first token. */
  readonly token: string;
  readonly #zones = new Map<string, StoredZone>();
  readonly #tokens = new Map<string, StoredToken>();

  constructor({ zones, token, publisher, publishDelayMs }: CloudflareOptions) {
    super(BASE_PATH, { publisher, publishDelayMs });
    for (const name of zones) this.addZone(name);
    this.token = this.addToken(token);
  }

  addZone(name: string, status: ZoneStatus = 'active', id?: string): StoredZone {
    const zone = new StoredZone(name, status, id);
    this.#zones.set(zone.id, zone);
    return zone;
  }

  /** Creates another token and returns its value. */
  addToken(options: TokenOptions = {}): string {
    const token = new StoredToken(options);
    this.#tokens.set(token.value, token);
    return token.value;
  }

  zoneId(name: string): string {
    return this.#zone(name).id;
  }

  recordsOf(zone: string): readonly StoredRecord[] {
    return this.#zone(zone).records();
  }

  /** Adds a record without validation or publication. */
  addRecord(
    zone: string,
    record: Partial<StoredRecord> & Pick<StoredRecord, 'name' | 'type' | 'content'>,
  ): StoredRecord {
    return this.#zone(zone).plant(record);
  }

  removeRecord(zone: string, id: string): void {
    this.#zone(zone).delete(id);
  }

  protected override readonly oddities = {
    contentType: 'application/json',
    half: '{"success":true,"errors":[],"messages":[],"result":[{"id":"',
    nonsense: '{"ok":true}',
  };

  protected override kindOf({ method }: ApiRequest): Call['kind'] {
    return method === 'GET' ? 'read' : 'write';
  }

  protected override carryOut(request: ApiRequest): ApiReply {
    if (request.body.length > BODY_LIMIT) throw refusals.bodyTooLarge();
    const token = authenticate(request.headers.authorization, request.path, this.#tokens);
    token.checkPlace(request.remoteAddress);
    const reply = route({ request, token, zones: [...this.#zones.values()] });
    const { written } = reply;
    return {
      answer: success(reply),
      written: written && { zone: written.name, records: written.records().map(toZoneRecord) },
    };
  }

  protected override refuse(thrown: unknown): ApiAnswer {
    const { status, errors } = thrown instanceof Refusal ? thrown : unexpected(thrown);
    return answer(status, { success: false, errors, messages: [], result: null });
  }

  protected override failure(fault: AnsweredFault): ApiAnswer {
    switch (fault.kind) {
      case 'rate-limit': {
        const code = 971;
        const asked = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
        return failure(429, code, 'Please wait and consider throttling your request speed', asked);
      }
      case 'status':
        return failure(fault.status, 10013, 'An unknown error occurred');
      case 'refusal':
        return failure(fault.status, fault.code, fault.message);
    }
  }

  #zone(name: string): StoredZone {
    const zone = [...this.#zones.values()].find((candidate) => candidate.name === name);
    if (!zone) throw new Error(`the account has no zone ${name}`);
    return zone;
  }
}

function success({ result, result_info }: Reply): ApiAnswer {
  return answer(200, {
    success: true,
    errors: [],
    messages: [],
    result,
    ...(result_info ? { result_info } : {}),
  });
}

function failure(
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ApiAnswer {
  const envelope = { success: false, errors: [{ code, message }], messages: [], result: null };
  const { body } = answer(status, envelope);
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}

function unexpected(thrown: unknown): Pick<Refusal, 'status' | 'errors'> {
  const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return { status: 500, errors: [{ code: 10013, message }] };
}

function answer(status: number, envelope: unknown): ApiAnswer {
  const ray = `${Date.now().toString(16).padStart(16, '0')}-SIM`;
  return {
    status,
    headers: { 'content-type': 'application/json', 'cf-ray': ray },
    body: JSON.stringify(envelope),
  };
}
