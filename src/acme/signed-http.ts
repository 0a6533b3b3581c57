import { AsyncLocalStorage } from 'node:async_hooks';
import type { axios, Client } from 'acme-client';
import type { Secret } from '../config/secret.ts';
import { IngressError, isIngressError, messageOf } from '../errors.ts';
import { asObject, asText } from '../json.ts';
import type { ExternalAccountBinding } from './account-binding.ts';
import { type HttpContext, MAX_BODY_BYTES, TIMEOUT_MS } from './http.ts';
import { type HttpRequest, unreachable } from './no-answer.ts';
import { problemError, readProblem } from './problem.ts';

/** acme-client with its HTTP tamed. */
export interface SignedHttp {
  createClient(options: ClientOptions): Client;
  /**
   * Does what makes a client ask, on this wire. Throws ACME_UNREACHABLE, ACME_PROBLEM, and ACME_BAD_ANSWER for what the
   * client cannot make sense of.
   */
  send<T>(wire: HttpContext, work: () => Promise<T>): Promise<T>;
}

export interface ClientOptions {
  readonly directoryUrl: string;
  readonly accountKey: Secret;
  readonly accountUrl: string | undefined;
  readonly binding: ExternalAccountBinding | undefined;
}

let loaded: Promise<SignedHttp> | undefined;

/** Loads acme-client when it is first needed (a start with a valid certificate signs nothing), and tames it once. */
export function loadSignedHttp(): Promise<SignedHttp> {
  loaded ??= load();
  return loaded;
}

/** Whose request it is, and what was answered last: acme-client has one HTTP for all of its clients. */
interface Talk {
  readonly wire: HttpContext;
  last: Answered | undefined;
}

interface Answered extends HttpRequest {
  readonly status: number;
  readonly contentType: string | undefined;
}

const talks = new AsyncLocalStorage<Talk>();

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
    async send(wire, work) {
      const talk: Talk = { wire, last: undefined };
      try {
        return await talks.run(talk, work);
      } catch (thrown) {
        if (isIngressError(thrown)) throw thrown;
        throw badAnswer(talk.last, thrown);
      }
    },
  };
}

/**
 * Turns acme-client's HTTP into ours. Its interceptors retry by themselves (they use a nonce twice and sleep for as long as they are
 * told), and lose an error that has no answer; so they go. Every request has a time limit, and an answer of 400 or more
 * becomes an error that keeps the whole problem, of which acme-client would keep one sentence.
 */
function configureAxios(http: typeof axios): void {
  Object.assign(http.defaults, { maxContentLength: MAX_BODY_BYTES });
  http.interceptors.request.clear();
  http.interceptors.response.clear();
  const sent = new WeakMap<object, Date>();
  http.interceptors.request.use((config) => {
    const { userAgent, clock, outgoing } = talkOf(config.url).wire;
    config.headers.set('User-Agent', userAgent);
    sent.set(config, clock.now());
    // The library's own timeout starts anew with every byte.
    const { httpAgent, httpsAgent } = outgoing;
    return Object.assign(config, { httpAgent, httpsAgent, signal: AbortSignal.timeout(TIMEOUT_MS) });
  });
  http.interceptors.response.use(
    (response) => {
      const { config, headers, status, data } = response;
      const asked = askedIn(config);
      const talk = talkOf(asked.url);
      const { wire } = talk;
      const heard = { url: asked.url, headers, sentAt: sent.get(config) ?? wire.clock.now() };
      const retryAfterMs = wire.observe(heard);
      talk.last = { ...asked, status, contentType: asText(asObject(headers)['content-type']) };
      if (status < 400) return response;
      throw problemError(readProblem(data, status, heard), retryAfterMs);
    },
    (thrown: unknown) => {
      if (isIngressError(thrown)) throw thrown;
      const { config } = asObject(thrown);
      const { signal } = asObject(config);
      const isLate = signal instanceof AbortSignal && signal.aborted;
      const failure: unknown = isLate ? signal.reason : thrown;
      const asked = askedIn(config);
      throw unreachable(asked, failure, talkOf(asked.url).wire.outgoing.trouble(failure, asked.url));
    },
  );
}

function talkOf(url: string | undefined): Talk {
  const talk = talks.getStore();
  if (!talk) throw new Error(`nobody asks ${url}`);
  return talk;
}

function askedIn(config: unknown): HttpRequest {
  const { method, url } = asObject(config);
  return { method: asText(method) ?? 'GET', url: asText(url) ?? 'the certificate authority' };
}

/** What the client cannot make sense of, as the page of somebody between; its own words name no request. */
function badAnswer(last: Answered | undefined, thrown: unknown): IngressError {
  const answer = last && `${last.method.toUpperCase()} ${last.url} was answered with ${last.status}`;
  const kind = last?.contentType === undefined ? '' : ` (${last.contentType})`;
  const sentence = answer === undefined ? '' : `${answer}${kind}, which cannot be used: `;
  return new IngressError('ACME_BAD_ANSWER', `${sentence}${messageOf(thrown)}`, { cause: thrown });
}
