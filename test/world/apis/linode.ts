import type { ZonePublisher } from '../dns/publisher.ts';
import type { AnsweredFault, Call } from './api-fault.ts';
import { type ApiAnswer, type ApiReply, type ApiRequest, ApiSimulator } from './api-simulator.ts';
import { type DomainOptions, StoredDomain } from './linode-domain.ts';
import { Rates } from './linode-rates.ts';
import type { Fields, StoredRecord } from './linode-record.ts';
import { type ApiError, Refusal } from './linode-refusal.ts';
import { isList, route } from './linode-routes.ts';
import { authenticate, StoredToken, type TokenOptions } from './linode-token.ts';

export interface LinodeOptions {
  /** A loopback address to listen on. Default: 127.0.0.1. */
  readonly address?: string;
  /** Names of the domains; all are active and of type master. */
  readonly zones: readonly string[];
  /** The account's first token. Default: one with all permissions on every domain. */
  readonly token?: TokenOptions;
  /** Receives the domains' content after every write. Default: none. */
  readonly publisher?: ZonePublisher;
  /**
   * Milliseconds from the response to a write until its publication. Default: 0, which publishes
   * before responding.
   */
  readonly publishDelayMs?: number;
  /** The clock of its rate limits, in milliseconds since the epoch. Default: the system clock. */
  readonly now?: () => number;
}

const BASE_PATH = '/v4';

/**
 * Linode's API v4 on a loopback address, as far as DNS needs it: domains and their records. It
 * keeps state and refuses what the real API refuses, according to
 * https://techdocs.akamai.com/linode-api/reference/get-domains and to reports of its users.
 */
export async function createLinode(options: LinodeOptions): Promise<LinodeSimulator> {
  const simulator = new LinodeSimulator(options);
  await simulator.listen(options.address ?? '127.0.0.1');
  return simulator;
}

export class LinodeSimulator extends ApiSimulator {
  /** The account's first token. */
  readonly token: string;
  readonly #domains: StoredDomain[] = [];
  readonly #tokens = new Map<string, StoredToken>();
  readonly #rates: Rates;

  constructor({ zones, token, publisher, publishDelayMs, now = Date.now }: LinodeOptions) {
    super(BASE_PATH, { publisher, publishDelayMs });
    this.#rates = new Rates(now);
    for (const name of zones) this.addDomain(name);
    this.token = this.addToken(token);
  }

  addDomain(name: string, options: DomainOptions = {}): StoredDomain {
    const domain = new StoredDomain(name, options);
    this.#domains.push(domain);
    return domain;
  }

  removeDomain(name: string): void {
    this.#domains.splice(this.#domains.indexOf(this.domain(name)), 1);
  }

  /** Creates another token and returns its value. */
  addToken(options: TokenOptions = {}): string {
    const token = new StoredToken(options);
    this.#tokens.set(token.value, token);
    return token.value;
  }

  domain(name: string): StoredDomain {
    const domain = this.#domains.find((candidate) => candidate.name === name);
    if (!domain) throw new Error(`the account has no domain ${name}`);
    return domain;
  }

  recordsOf(domain: string): readonly StoredRecord[] {
    return this.domain(domain).records();
  }

  /** Adds a record without validation or publication; its name is relative. */
  addRecord(
    domain: string,
    record: Partial<Fields> & Pick<Fields, 'type' | 'name' | 'target'>,
  ): StoredRecord {
    return this.domain(domain).plant(record);
  }

  protected override readonly oddities = {
    contentType: 'application/json',
    half: '{"data": [{"id": 1234, "type": "ma',
    nonsense: '{"ok": true}',
  };

  protected override kindOf({ method }: ApiRequest): Call['kind'] {
    return method === 'GET' ? 'read' : 'write';
  }

  protected override carryOut(request: ApiRequest): ApiReply {
    const token = authenticate(request.headers.authorization, this.#tokens);
    const seconds = this.#rates.count(token.value, isList(request) ? 'list' : 'other');
    const { result, written } = route({ request, token, domains: this.#domains });
    // Every response has it, as recorded in the tests of github.com/AnalogJ/lexicon; it does not
    // ask the client to wait.
    const headers = { 'retry-after': String(seconds), 'x-oauth-scopes': token.scope };
    return {
      answer: answer(200, result, headers),
      written: written && { zone: written.name, records: written.rendered() },
    };
  }

  protected override refuse(thrown: unknown): ApiAnswer {
    if (thrown instanceof Refusal) return failure(thrown.status, thrown.errors);
    const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return failure(500, [{ reason }]);
  }

  protected override failure(fault: AnsweredFault): ApiAnswer {
    switch (fault.kind) {
      case 'rate-limit': {
        const asked = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
        return failure(429, [{ reason: 'Too many requests' }], asked);
      }
      case 'status':
        return failure(fault.status, [{ reason: 'Internal Server Error' }]);
      case 'refusal':
        return failure(fault.status, [{ reason: fault.message }]);
    }
  }
}

function failure(
  status: number,
  errors: readonly ApiError[],
  headers: Readonly<Record<string, string>> = {},
): ApiAnswer {
  return answer(status, { errors }, headers);
}

function answer(status: number, result: unknown, headers: Readonly<Record<string, string>>): ApiAnswer {
  const body = JSON.stringify(result);
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}
