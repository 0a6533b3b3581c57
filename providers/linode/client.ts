import type * as z from 'zod';
import type { Clock } from '../../src/clock.ts';
import type { Secret } from '../../src/config/secret.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';
import type { Budget } from '../shared/budget.ts';
import { readJson } from '../shared/errors.ts';
import { createHttp, type HttpAnswer, type HttpCall } from '../shared/http.ts';
import * as answers from './answers.ts';
import { badAnswer, inconsistentPages, type Operation, toIngressError } from './errors.ts';
import type { RecordBody } from './records.ts';

/** What the calls of one account need. */
export interface ClientOptions {
  readonly token: Secret;
  readonly baseUrl: string;
  /** Milliseconds that one call may take, including its body. */
  readonly timeoutMs: number;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly outgoing: Outgoing;
}

/**
 * The API calls that this program makes. Each rejects with an IngressError or with the signal's
 * reason.
 */
export interface LinodeClient {
  domains(signal: AbortSignal): Promise<answers.ApiDomain[]>;
  /** All records of the domain: one call for each 500. */
  records(domainId: string, signal: AbortSignal): Promise<answers.ApiRecord[]>;
  create(domainId: string, body: RecordBody, signal: AbortSignal): Promise<answers.ApiRecord>;
  /** Throws PROVIDER_CONFLICT when the record is gone. */
  update(domainId: string, id: string, body: RecordBody, signal: AbortSignal): Promise<answers.ApiRecord>;
  /** Succeeds if the record is already gone. `what` names it in messages. */
  remove(domainId: string, id: string, what: string, signal: AbortSignal): Promise<void>;
}

/** Maximum page size (https://techdocs.akamai.com/linode-api/reference/pagination). */
const PAGE_SIZE = 500;

type Call = Omit<HttpCall, 'doing' | 'headers' | 'body'> & {
  readonly body?: RecordBody;
  readonly operation: Omit<Operation, 'token'>;
};

/** Makes calls by HTTP, within the budget of the account. */
export function createClient(options: ClientOptions): LinodeClient {
  const { token } = options;
  const http = createHttp({ title: 'Linode', secrets: [token], ...options });

  const send = async ({ operation, body, ...call }: Call, signal: AbortSignal): Promise<HttpAnswer> => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { authorization: `Bearer ${token.reveal()}`, accept: 'application/json', ...type };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    return await http({ ...call, ...content, doing: operation.doing, headers }, signal);
  };

  const call = async <T extends z.ZodType>(one: Call, result: T, signal: AbortSignal) => {
    const answer = await send(one, signal);
    if (!isSuccess(answer)) throw toIngressError(answer, { ...one.operation, token });
    return readJson(answer.text, result, (what) => badAnswer(one.operation, what));
  };

  const list = async <T extends z.ZodType<{ id: number }>>(
    path: string,
    doing: string,
    item: T,
    signal: AbortSignal,
  ) =>
    await allPages(doing, async (page) => {
      const query = { page, page_size: PAGE_SIZE };
      const operation = { doing, subject: page === 1 ? 'domain' : 'page' } as const;
      return await call({ method: 'GET', path, query, operation }, answers.page(item), signal);
    });

  return {
    domains: (signal) => list('/domains', 'list the domains', answers.domain, signal),
    records: (domainId, signal) =>
      list(`/domains/${domainId}/records`, 'list DNS records', answers.record, signal),
    create: (domainId, body, signal) => {
      const record = describe(body);
      const operation = { doing: `create ${record}`, subject: 'domain', records: [record] } as const;
      return call(
        { method: 'POST', path: `/domains/${domainId}/records`, body, operation },
        answers.record,
        signal,
      );
    },
    update: (domainId, id, body, signal) => {
      const record = describe(body);
      const operation = { doing: `change ${record}`, subject: 'record', records: [record] } as const;
      const path = `/domains/${domainId}/records/${id}`;
      return call({ method: 'PUT', path, body, operation }, answers.record, signal);
    },
    remove: async (domainId, id, what, signal) => {
      const operation = { doing: `remove ${what}`, subject: 'record', token } as const;
      const one: Call = { method: 'DELETE', path: `/domains/${domainId}/records/${id}`, operation };
      const answer = await send(one, signal);
      if (isSuccess(answer))
        return void readJson(answer.text, answers.nothing, (what) => badAnswer(operation, what));
      const failure = toIngressError(answer, operation);
      // A 404 of the API itself. The page of an intercepting proxy would be PROVIDER_BAD_ANSWER.
      if (answer.status === 404 && failure.code === 'PROVIDER_CONFLICT') return;
      throw failure;
    },
  };
}

// 299 means success of a deprecated operation
// (https://techdocs.akamai.com/linode-api/reference/299).
function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status <= 299;
}

interface Page<T> {
  readonly data: readonly T[];
  readonly pages: number;
  readonly results: number;
}

/**
 * Reads all pages of a list. Pages are cut by position, so a removal between two reads can hide a
 * record. Throws PROVIDER_CONFLICT if the counts are inconsistent.
 */
async function allPages<T extends { readonly id: number }>(
  doing: string,
  fetchPage: (page: number) => Promise<Page<T>>,
): Promise<T[]> {
  const items = new Map<number, T>();
  const counts = new Set<number>();
  for (let page = 1; ; page += 1) {
    const { data, pages, results } = await fetchPage(page);
    for (const item of data) items.set(item.id, item);
    counts.add(results);
    if (page < pages) continue;
    if (counts.size === 1 && items.size === results) return [...items.values()];
    throw inconsistentPages(doing, items.size, [...counts]);
  }
}

function describe({ name, type }: RecordBody): string {
  return `${name || '(apex)'} ${type}`;
}
