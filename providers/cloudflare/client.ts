import type * as z from 'zod';
import type { Clock } from '../../src/clock.ts';
import type { Secret } from '../../src/config/secret.ts';
import { isIngressError } from '../../src/errors.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';
import type { Budget } from '../shared/budget.ts';
import { readJson, timeoutError } from '../shared/errors.ts';
import { createFetch } from '../shared/http.ts';
import * as answers from './answers.ts';
import type { BatchBody } from './changes.ts';
import { badAnswer, failedCall, type Operation, toIngressError } from './errors.ts';
import type { Sdk } from './sdk.ts';

/** What the calls of one account need. */
export interface ClientOptions {
  readonly token: Secret;
  readonly baseUrl: string;
  /** Milliseconds that one call may take, including its body; less than the SDK's own minute. */
  readonly timeoutMs: number;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly outgoing: Outgoing;
}

/** Selects records by their whole name or by its end. */
export type NameFilter = { readonly exact: string } | { readonly endswith: string };

/**
 * The API calls that this program makes. Each rejects with an IngressError or with the signal's
 * reason.
 */
export interface CloudflareClient {
  zones(signal: AbortSignal): Promise<answers.ApiZone[]>;
  zone(id: string, signal: AbortSignal): Promise<answers.ApiZone>;
  records(zoneId: string, name: NameFilter | undefined, signal: AbortSignal): Promise<answers.ApiRecord[]>;
  batch(zoneId: string, body: BatchBody, signal: AbortSignal): Promise<answers.ApiBatch>;
  /**
   * The status of a user token: active, disabled or expired. The endpoint does not know account
   * tokens.
   */
  tokenStatus(signal: AbortSignal): Promise<string>;
}

// Maximum page sizes. For records the API accepts millions, and no plan but Enterprise holds more.
const ZONES_PER_PAGE = 50;
const RECORDS_PER_PAGE = 5000;

/**
 * Makes calls through Cloudflare's SDK, which is loaded with the first call. Its retries are off,
 * because callers decide when to retry.
 */
export function createClient(options: ClientOptions): CloudflareClient {
  const { token, baseUrl, timeoutMs, budget, clock, outgoing } = options;
  let loading: Promise<Sdk> | undefined;
  const call = async <T extends z.ZodType>(
    operation: Pick<Operation, 'doing' | 'permission' | 'records'>,
    signal: AbortSignal,
    result: T,
    send: (sdk: Sdk, options: { signal: AbortSignal }) => { asResponse(): Promise<Response> },
  ) => {
    await budget.spend(signal);
    loading ??= loadSdk(options);
    const sdk = await loading;
    const deadline = AbortSignal.timeout(timeoutMs);
    const ends = { signal: AbortSignal.any([signal, deadline]) };
    const whole = { ...operation, baseUrl, token };
    try {
      const response = await send(sdk, ends).asResponse();
      return readJson(await response.text(), answers.success(result), (what) => badAnswer(whole, what));
    } catch (thrown) {
      signal.throwIfAborted();
      if (isIngressError(thrown)) throw thrown;
      const cause = deadline.aborted ? timeoutError(timeoutMs) : thrown;
      const failure = toIngressError(failedCall(cause, outgoing.trouble(cause, baseUrl)), whole, clock.now());
      if (failure.retryAfterMs !== undefined) await budget.hold(failure.retryAfterMs);
      throw failure;
    }
  };
  const read = { permission: 'Zone / Zone / Read' } as const;
  const edit = { permission: 'Zone / DNS / Edit' } as const;
  return {
    zones: (signal) =>
      allPages(ZONES_PER_PAGE, (page) =>
        call({ doing: 'list the zones', ...read }, signal, answers.zone.array(), (sdk, options) =>
          sdk.zones.list({ ...page }, options),
        ),
      ),
    zone: async (id, signal) => {
      const doing = `show the zone ${id}`;
      const operation = { doing, ...read };
      return (
        await call(operation, signal, answers.zone, (sdk, options) => sdk.zones.get({ zone_id: id }, options))
      ).result;
    },
    records: (zoneId, name, signal) =>
      allPages(RECORDS_PER_PAGE, (page) =>
        call({ doing: 'list DNS records', ...edit }, signal, answers.record.array(), (sdk, options) =>
          sdk.dns.records.list({ zone_id: zoneId, ...(name ? { name } : {}), ...page }, options),
        ),
      ),
    batch: async (zoneId, body, signal) => {
      const records = writtenBy(body);
      const operation = { doing: `write DNS records (${describeBatch(records, body)})`, records, ...edit };
      const send = (sdk: Sdk, options: { signal: AbortSignal }) =>
        sdk.dns.records.batch({ zone_id: zoneId, ...body }, options);
      return (await call(operation, signal, answers.batch, send)).result;
    },
    tokenStatus: async (signal) => {
      const operation = { doing: 'verify the token', ...read };
      return (await call(operation, signal, answers.token, (sdk, options) => sdk.user.tokens.verify(options)))
        .result.status;
    },
  };
}

async function loadSdk({ token, baseUrl, outgoing }: ClientOptions): Promise<Sdk> {
  const { createSdk } = await import('./sdk.ts');
  return createSdk(token, baseUrl, createFetch(outgoing));
}

interface Page<T> {
  readonly result: readonly T[];
  readonly result_info?: { readonly total_count?: number | undefined } | null | undefined;
}

async function allPages<T>(
  perPage: number,
  fetchPage: (page: { page: number; per_page: number }) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  for (let page = 1; ; page += 1) {
    const { result, result_info } = await fetchPage({ page, per_page: perPage });
    items.push(...result);
    const total = result_info?.total_count;
    const complete = total === undefined ? result.length < perPage : items.length >= total;
    if (complete || result.length === 0) return items;
  }
}

function writtenBy({ puts = [], posts = [] }: BatchBody): string[] {
  return [...puts, ...posts].map((record) => `${record.name} ${record.type}`);
}

function describeBatch(written: readonly string[], { deletes = [] }: BatchBody): string {
  const removed = deletes.length > 0 ? [`${deletes.length} removed`] : [];
  return [...written, ...removed].join(', ');
}
