import type * as z from 'zod';
import type { Clock } from '../../src/clock.ts';
import type { Secret } from '../../src/config/secret.ts';
import { type IngressError, isIngressError } from '../../src/errors.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';
import type { Budget } from '../shared/budget.ts';
import { createHttp, type HttpAnswer } from '../shared/http.ts';
import * as answers from './answers.ts';
import {
  badAnswer,
  limited,
  type Operation,
  otherNameServers,
  toIngressError,
  unavailable,
} from './errors.ts';
import { encodeForm, type Form, type HostZone, understand } from './hosts.ts';
import type { DomainParts } from './suffix.ts';

/** What the calls of one account need. */
export interface ClientOptions {
  readonly apiKey: Secret;
  readonly apiUser: string;
  readonly username: string;
  readonly clientIp: string;
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
export interface NamecheapClient {
  /**
   * Reads the whole zone. Throws ZONE_NOT_FOUND if it is not in this account or is delegated to
   * other name servers.
   */
  getHosts(parts: DomainParts, signal: AbortSignal): Promise<HostZone>;
  /** Replaces the whole zone with the form's hosts. `doing` completes "Namecheap refused to …". */
  setHosts(domain: string, form: Form, signal: AbortSignal): Promise<void>;
  /** The cheapest call that requires valid credentials. */
  list(signal: AbortSignal): Promise<void>;
}

const PATH = '/xml.response';
const HEADERS = { 'content-type': 'application/x-www-form-urlencoded' };

/**
 * Makes calls as forms by POST, so that the key is in no URL, and over IPv4, because the whitelist
 * supports only IPv4.
 */
export function createClient(options: ClientOptions): NamecheapClient {
  const { apiKey, apiUser, username, clientIp, budget } = options;
  const http = createHttp({ title: 'Namecheap', secrets: [apiKey], family: 4, ...options });

  const call = async <T extends z.ZodType>(doing: string, form: Form, result: T, signal: AbortSignal) => {
    const operation: Operation = { doing, apiKey, clientIp };
    const credentials: Form = [
      ['ApiUser', apiUser],
      ['ApiKey', apiKey.reveal()],
      ['UserName', username],
      ['ClientIp', clientIp],
    ];
    const body = encodeForm([...credentials, ...form]);
    const answer = await http({ doing, method: 'POST', path: PATH, headers: HEADERS, body }, signal);
    try {
      return await readAnswer(answer, result, operation);
    } catch (thrown) {
      const unsaid = isIngressError(thrown, 'PROVIDER_RATE_LIMITED') && answer.retryAfterMs === undefined;
      if (unsaid) await budget.hold(thrown.retryAfterMs ?? 0);
      throw thrown;
    }
  };

  return {
    async getHosts({ domain, sld, tld }, signal) {
      const form: Form = [
        ['Command', 'namecheap.domains.dns.getHosts'],
        ['SLD', sld],
        ['TLD', tld],
      ];
      const doing = `list the hosts of ${domain}`;
      const { DomainDNSGetHostsResult: result } = await call(doing, form, answers.gotHosts, signal);
      const zone = understand(result);
      if (zone.domain !== domain) throw badAnswer({ doing, apiKey, clientIp }, 'for another domain');
      if (result['@IsUsingOurDNS'].toLowerCase() !== 'true') throw otherNameServers(domain);
      return zone;
    },
    async setHosts(domain, form, signal) {
      const doing = `set the hosts of ${domain}`;
      const { DomainDNSSetHostsResult: result } = await call(doing, form, answers.didSetHosts, signal);
      if (result['@IsSuccess'].toLowerCase() === 'true') return;
      throw badAnswer({ doing, apiKey, clientIp }, 'that it did not succeed, without a reason');
    },
    async list(signal) {
      const form: Form = [
        ['Command', 'namecheap.domains.getList'],
        ['PageSize', '10'],
      ];
      await call('list the domains', form, answers.gotList, signal);
    },
  };
}

async function readAnswer<T extends z.ZodType>(
  { status, text, retryAfterMs }: HttpAnswer,
  result: T,
  operation: Operation,
): Promise<z.infer<T>> {
  if (status === 405 || status === 429) throw limited(operation, status, retryAfterMs);
  if (status >= 500) throw unavailable(operation, status);
  const { parseXml } = await import('./xml.ts');
  const frame = answers.envelope.safeParse(parseXml(text));
  if (!frame.success) throw badAnswer(operation, `HTTP ${status} with something that is not its XML`);
  const { '@Status': said, Errors, CommandResponse } = frame.data.ApiResponse;
  const refused = answers.refusals.safeParse(Errors);
  if (refused.success) throw refusal(refused.data, operation);
  if (said !== 'OK' || status !== 200)
    throw badAnswer(operation, `HTTP ${status}, ${said}, without a reason`);
  const parsed = result.safeParse(CommandResponse);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badAnswer(operation, `XML that is not documented, at ${issue?.path.join('.') || 'its root'}`);
}

function refusal({ Error: list }: z.infer<typeof answers.refusals>, operation: Operation): IngressError {
  const [first] = list;
  const message = list.map((error) => error['#text'].trim()).join('; ');
  return toIngressError({ number: first?.['@Number'] ?? '', message }, operation);
}
