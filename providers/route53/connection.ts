import type * as z from 'zod';
import { Mutex } from '../../src/async.ts';
import type { Clock } from '../../src/clock.ts';
import { Secret } from '../../src/config/secret.ts';
import type { Budget } from '../shared/budget.ts';
import type { ProviderContext } from '../shared/context.ts';
import { createHttp, type Http, type HttpAnswer } from '../shared/http.ts';
import * as answers from './answers.ts';
import { type Ask, createCalls, type Route53, type Route53Operation, type Send } from './client.ts';
import { assumedAgain, badAnswer, isExpired, type Operation, toIngressError } from './errors.ts';
import type { Connection, Keys, ReceivedAnswer, Sdk, SignedRequest } from './sdk.ts';

/** What the calls of one account need. */
export interface ClientOptions {
  readonly keys: Keys;
  readonly region: string;
  readonly role: { readonly arn: string; readonly externalId: string | undefined } | undefined;
  readonly route53Url: string | undefined;
  readonly stsUrl: string | undefined;
  /** Milliseconds that one call may take, its body included. */
  readonly timeoutMs: number;
  readonly budget: Budget;
  readonly clock: ProviderContext['clock'];
  readonly outgoing: ProviderContext['outgoing'];
}

/** Lifetime of the role's keys in seconds; the shortest maximum that a role can have. */
const ROLE_SECONDS = 3600;
const PARTITIONS: readonly (readonly [prefix: string, region: string])[] = [
  ['cn-', 'cn-northwest-1'],
  ['us-gov-', 'us-gov-west-1'],
];

/** Makes calls through the AWS SDK, which is loaded with the first call. */
export function createClient(options: ClientOptions): Route53 {
  const { keys, region, role, route53Url, stsUrl, timeoutMs, budget, clock, outgoing } = options;
  const secrets = [keys.secretAccessKey, keys.accessKeyId, ...(keys.sessionToken ? [keys.sessionToken] : [])];
  const http = (title: string) =>
    createHttp({ title, baseUrl: '', timeoutMs, secrets, budget, clock, outgoing });
  const call = createCaller(budget, secrets);

  const assume = async (signal: AbortSignal): Promise<AssumedKeys> => {
    const { arn = '', externalId } = role ?? {};
    const operation = { doing: `assume the role ${arn}`, action: 'sts:AssumeRole', resource: arn };
    const input = {
      RoleArn: arn,
      RoleSessionName: 'dstack-ingress',
      DurationSeconds: ROLE_SECONDS,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    };
    const target = { keys, region, endpoint: stsUrl, http: http('AWS STS') };
    const { Credentials } = await call(operation, target, signal, answers.assumedRole, (sdk, connection) =>
      sdk.assumeRole(connection, input),
    );
    const assumed = {
      accessKeyId: new Secret(Credentials.AccessKeyId),
      secretAccessKey: new Secret(Credentials.SecretAccessKey),
      sessionToken: new Secret(Credentials.SessionToken),
    };
    // Replaces the role's previous keys: this list is what the redaction of secrets reads.
    secrets.splice(keys.sessionToken ? 3 : 2, Number.POSITIVE_INFINITY, ...Object.values(assumed));
    return { ...assumed, until: Credentials.Expiration };
  };

  const session = role && createSession(assume, clock);
  // The SDK knows no region for a custom URL, and Route 53 signs with one region per partition.
  const signedFor = route53Url === undefined ? region : signingRegion(region);
  const route53Http = http('Route 53');
  const ask: Ask = async (operation, signal, schema, send) => {
    const current = session ? await session.keys(signal) : keys;
    const target = { keys: current, region: signedFor, endpoint: route53Url, http: route53Http };
    try {
      return await call(operation, target, signal, schema, send);
    } catch (thrown) {
      if (!session || !isExpired(thrown)) throw thrown;
      session.forget();
      throw assumedAgain(thrown);
    }
  };
  return createCalls(ask);
}

/** Where to send a call, and how to sign it. */
interface Target extends Pick<Connection, 'keys' | 'region' | 'endpoint'> {
  readonly http: Http;
}

/**
 * Makes one call: the SDK signs and parses it, our own HTTP client sends it, and errors are
 * detected here.
 */
function createCaller(budget: Budget, secrets: readonly Secret[]) {
  let loading: Promise<Sdk> | undefined;
  return async <T extends z.ZodType>(
    calling: Route53Operation,
    { http, ...target }: Target,
    signal: AbortSignal,
    schema: T,
    send: Send,
  ): Promise<z.infer<T>> => {
    signal.throwIfAborted();
    loading ??= import('./sdk.ts');
    const sdk = await loading;
    const operation = { ...calling, secrets };
    let failure: unknown;
    const carry = async (request: SignedRequest): Promise<ReceivedAnswer> => {
      try {
        const answer = await http({ ...toCall(request), doing: operation.doing }, signal);
        return await accepted(answer, operation, budget);
      } catch (thrown) {
        failure = thrown;
        throw thrown;
      }
    };
    let output: unknown;
    try {
      output = await send(sdk, { ...target, carry });
    } catch {
      // The SDK's errors contain the whole response; only our own errors leave this file.
      signal.throwIfAborted();
      throw failure ?? badAnswer(operation, 'something that is not XML');
    }
    const parsed = schema.safeParse(output);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw badAnswer(operation, `XML that is not documented, at ${issue?.path.join('.') || 'its root'}`);
  };
}

function toCall({ method, protocol, hostname, port, path, query, headers, body }: SignedRequest) {
  if (method !== 'GET' && method !== 'POST') throw new Error(`${method} is never sent`);
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  const text = new URLSearchParams(
    Object.entries(query).map(([key, value]) => [key, String(value)]),
  ).toString();
  return {
    method,
    path: `${protocol}//${host}${path}${text === '' ? '' : `?${text}`}`,
    headers,
    ...(typeof body === 'string' ? { body } : {}),
  } as const;
}

async function accepted(answer: HttpAnswer, operation: Operation, budget: Budget): Promise<ReceivedAnswer> {
  const { status, text } = answer;
  if (status >= 200 && status < 300) return { statusCode: status, headers: {}, body: Buffer.from(text) };
  const failure = toIngressError(answer, operation);
  if (failure.retryAfterMs !== undefined) await budget.hold(failure.retryAfterMs);
  throw failure;
}

function signingRegion(region: string): string {
  return PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'us-east-1';
}

/** The keys of a role that was assumed. */
export interface AssumedKeys extends Keys {
  readonly until: Date;
}

/** The keys of a role, assumed when needed. */
export interface Session {
  /** Keys that stay valid for some minutes. Throws what assuming the role throws. */
  keys(signal: AbortSignal): Promise<Keys>;
  /** Makes the next call assume the role again. */
  forget(): void;
}

/** Milliseconds; a request is signed, sent and checked well within this time. */
const LEAST_LEFT_MS = 5 * 60_000;

/**
 * Assumes a role when its keys are needed, and again before they expire. Concurrent callers share
 * one call.
 */
function createSession(assume: (signal: AbortSignal) => Promise<AssumedKeys>, clock: Clock): Session {
  const mutex = new Mutex();
  let assumed: AssumedKeys | undefined;
  return {
    keys: (signal) =>
      mutex.run(async () => {
        const left = assumed ? assumed.until.getTime() - clock.now().getTime() : 0;
        if (!assumed || left < LEAST_LEFT_MS) assumed = await assume(signal);
        return assumed;
      }, signal),
    forget: () => {
      assumed = undefined;
    },
  };
}
