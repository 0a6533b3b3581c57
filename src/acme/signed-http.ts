import { AsyncLocalStorage } from 'node:async_hooks';
import type { axios, Client } from 'acme-client';
import type { Secret } from '../config/secret.ts';
import { IngressError, isIngressError, messageOf } from '../errors.ts';
import { asObject, asText } from '../json.ts';
import { type HttpContext, MAX_BODY_BYTES, type RequestLine, TIMEOUT_MS, unreachable } from './http.ts';
import { problemError, readProblem } from './problem.ts';

/** External account binding credentials from the CA (RFC 8555 §7.3.4). */
export interface ExternalAccountBinding {
  /** The key identifier. */
  readonly kid: string;
  /** The MAC key, in base64url. */
  readonly hmacKey: Secret;
}

export interface ClientOptions {
  readonly directoryUrl: string;
  readonly accountKey: Secret;
  readonly accountUrl: string | undefined;
  readonly binding: ExternalAccountBinding | undefined;
}

/** Signed requests, by acme-client, whose HTTP client is configured as ours. */
export interface SignedHttp {
  createClient(options: ClientOptions): Client;
  /**
   * Calls `request`, which sends with one of these clients, in this context. Throws
   * ACME_UNREACHABLE, ACME_PROBLEM, and ACME_BAD_ANSWER for a response that acme-client cannot use.
   */
  send<T>(context: HttpContext, request: () => Promise<T>): Promise<T>;
}

let loaded: Promise<SignedHttp> | undefined;

/**
 * Loads and configures acme-client on first use: a start with a valid certificate signs nothing.
 */
export function loadSignedHttp(): Promise<SignedHttp> {
  loaded ??= load();
  return loaded;
}

/**
 * All clients of acme-client share one axios, so the context of a call is kept in asynchronous
 * local storage.
 */
interface Call {
  readonly context: HttpContext;
  lastResponse: ReceivedResponse | undefined;
}

interface ReceivedResponse extends RequestLine {
  readonly status: number;
  readonly contentType: string | undefined;
}

const calls = new AsyncLocalStorage<Call>();

async function load(): Promise<SignedHttp> {
  const { default: acme } = await import('acme-client');
  configureAxios(acme.axios);
  return {
    createClient: ({ directoryUrl, accountKey, accountUrl, binding }) =>
      new acme.Client({
        directoryUrl,
        accountKey: accountKey.reveal(),
        ...(accountUrl === undefined ? {} : { accountUrl }),
        ...(binding === undefined
          ? {}
          : { externalAccountBinding: { kid: binding.kid, hmacKey: binding.hmacKey.reveal() } }),
      }),
    async send(context, request) {
      const call: Call = { context, lastResponse: undefined };
      try {
        return await calls.run(call, request);
      } catch (thrown) {
        if (isIngressError(thrown)) throw thrown;
        throw badAnswer(call.lastResponse, thrown);
      }
    },
  };
}

/**
 * Replaces the interceptors of acme-client's axios. The originals retry on their own (with a used
 * nonce, and after a Retry-After of any length) and lose errors without a response. Ours set a time
 * limit on every request, and turn a response of 400 or more into an error with the whole problem
 * document, of which acme-client keeps only one sentence.
 */
function configureAxios(http: typeof axios): void {
  Object.assign(http.defaults, { maxContentLength: MAX_BODY_BYTES });
  http.interceptors.request.clear();
  http.interceptors.response.clear();
  const sentAt = new WeakMap<object, Date>();
  http.interceptors.request.use((config) => {
    const { userAgent, clock, outgoing } = callFor(config.url).context;
    config.headers.set('User-Agent', userAgent);
    sentAt.set(config, clock.now());
    // axios's own timeout restarts with every byte.
    const { httpAgent, httpsAgent } = outgoing;
    return Object.assign(config, { httpAgent, httpsAgent, signal: AbortSignal.timeout(TIMEOUT_MS) });
  });
  http.interceptors.response.use(
    (response) => {
      const { config, headers, status, data } = response;
      const request = requestOf(config);
      const call = callFor(request.url);
      const { context } = call;
      const observed = { url: request.url, headers, sentAt: sentAt.get(config) ?? context.clock.now() };
      const retryAfterMs = context.observe(observed);
      call.lastResponse = { ...request, status, contentType: asText(asObject(headers)['content-type']) };
      if (status < 400) return response;
      throw problemError(readProblem(data, status, observed), retryAfterMs);
    },
    (thrown: unknown) => {
      if (isIngressError(thrown)) throw thrown;
      const { config } = asObject(thrown);
      const { signal } = asObject(config);
      const isLate = signal instanceof AbortSignal && signal.aborted;
      const failure: unknown = isLate ? signal.reason : thrown;
      const request = requestOf(config);
      throw unreachable(
        request,
        failure,
        callFor(request.url).context.outgoing.trouble(failure, request.url),
      );
    },
  );
}

function callFor(url: string | undefined): Call {
  const call = calls.getStore();
  if (!call) throw new Error(`request to ${url} outside of SignedHttp.send`);
  return call;
}

function requestOf(config: unknown): RequestLine {
  const { method, url } = asObject(config);
  return { method: asText(method) ?? 'GET', url: asText(url) ?? 'the certificate authority' };
}

/**
 * ACME_BAD_ANSWER for a response that acme-client cannot use, such as an intercepting proxy's page.
 * It adds the request, which acme-client's own errors do not name.
 */
function badAnswer(response: ReceivedResponse | undefined, thrown: unknown): IngressError {
  const request = response && { method: response.method.toUpperCase(), url: response.url };
  const type = response?.contentType === undefined ? '' : `, ${response.contentType}`;
  const prefix =
    response && request
      ? `unusable response to ${request.method} ${request.url} (HTTP ${response.status}${type}): `
      : '';
  return new IngressError('ACME_BAD_ANSWER', `${prefix}${messageOf(thrown)}`, {
    cause: thrown,
    ...(response && request && { details: { ...request, status: response.status } }),
  });
}
