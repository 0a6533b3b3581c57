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

/** Seconds that the keys of the role are good for; the least that a role can be limited to. */
const ROLE_SECONDS = 3600;
const PARTITIONS: readonly (readonly [prefix: string, region: string])[] = [
  ['cn-', 'cn-northwest-1'],
  ['us-gov-', 'us-gov-west-1'],
];

/** Makes the calls through AWS' own client, which is loaded with the first of them. */
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
    const place = { keys, region, endpoint: stsUrl, http: http('AWS STS') };
    const { Credentials } = await call(operation, place, signal, answers.assumedRole, (sdk, connection) =>
      sdk.assumeRole(connection, input),
    );
    const assumed = {
      accessKeyId: new Secret(Credentials.AccessKeyId),
      secretAccessKey: new Secret(Credentials.SecretAccessKey),
      sessionToken: new Secret(Credentials.SessionToken),
    };
    // In the place of the role's former ones: whatever hides secrets looks at this list.
    secrets.splice(keys.sessionToken ? 3 : 2, Number.POSITIVE_INFINITY, ...Object.values(assumed));
    return { ...assumed, until: Credentials.Expiration };
  };

  const session = role && createSession(assume, clock);
  // A place of its own has no region that the client would know, and Route 53's signatures name one for each partition.
  const signedFor = route53Url === undefined ? region : signingRegion(region);
  const route53Http = http('Route 53');
  const ask: Ask = async (operation, signal, schema, send) => {
    const current = session ? await session.keys(signal) : keys;
    const place = { keys: current, region: signedFor, endpoint: route53Url, http: route53Http };
    try {
      return await call(operation, place, signal, schema, send);
    } catch (thrown) {
      if (!session || !isExpired(thrown)) throw thrown;
      session.forget();
      throw assumedAgain(thrown);
    }
  };
  return createCalls(ask);
}

interface Place extends Pick<Connection, 'keys' | 'region' | 'endpoint'> {
  readonly http: Http;
}

/** One call: signed by the client, carried by our own HTTP, and refused, read or checked here. */
function createCaller(budget: Budget, secrets: readonly Secret[]) {
  let loading: Promise<Sdk> | undefined;
  return async <T extends z.ZodType>(
    calling: Route53Operation,
    { http, ...place }: Place,
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
      output = await send(sdk, { ...place, carry });
    } catch {
      // The client's own errors carry the whole answer; only ours leave this file.
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

export interface Session {
  /** Keys that are good for some minutes yet. Throws what assuming the role throws. */
  keys(signal: AbortSignal): Promise<Keys>;
  /** The next call assumes the role anew. */
  forget(): void;
}

/** A request is signed, sent and checked well within this time. */
const LEAST_LEFT_MS = 5 * 60_000;

/** Assumes a role when its keys are needed, and again before they end; whoever asks at the same time waits for one call. */
export function createSession(assume: (signal: AbortSignal) => Promise<AssumedKeys>, clock: Clock): Session {
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
