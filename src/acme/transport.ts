import { AsyncLocalStorage } from 'node:async_hooks';
import type { axios, Client } from 'acme-client';
import type { Secret } from '../config/secret.ts';
import { IngressError, isIngressError, messageOf } from '../errors.ts';
import type { AccountBinding } from './account-binding.ts';
import { problemError, readProblem, unreachable } from './problem.ts';
import { LARGEST_ANSWER, TIMEOUT_MS, type Wire } from './wire.ts';

/** acme-client with its HTTP tamed. */
export interface Transport {
  connect(options: ClientOptions): Client;
  /**
   * Does what makes a client ask, on this wire. Throws ACME_UNREACHABLE, ACME_PROBLEM, and ACME_BAD_ANSWER for what the
   * client cannot make sense of.
   */
  speak<T>(wire: Wire, work: () => Promise<T>): Promise<T>;
}

export interface ClientOptions {
  readonly directoryUrl: string;
  readonly accountKey: Secret;
  readonly accountUrl: string | undefined;
  readonly binding: AccountBinding | undefined;
}

let loaded: Promise<Transport> | undefined;

/** Loads acme-client when it is first needed (a start with a valid certificate signs nothing), and tames it once. */
export function loadTransport(): Promise<Transport> {
  loaded ??= load();
  return loaded;
}

/** Whose request it is: acme-client has one HTTP for all of its clients. */
const wires = new AsyncLocalStorage<Wire>();

async function load(): Promise<Transport> {
  const { default: acme } = await import('acme-client');
  tame(acme.axios);
  return {
    connect: ({ directoryUrl, accountKey, accountUrl, binding }) =>
      new acme.Client({
        directoryUrl,
        accountKey: accountKey.reveal(),
        ...(accountUrl === undefined ? {} : { accountUrl }),
        ...(binding === undefined
          ? {}
          : { externalAccountBinding: { kid: binding.kid, hmacKey: binding.hmacKey.reveal() } }),
      }),
    async speak(wire, work) {
      try {
        return await wires.run(wire, work);
      } catch (thrown) {
        if (isIngressError(thrown)) throw thrown;
        throw new IngressError('ACME_BAD_ANSWER', messageOf(thrown), { cause: thrown });
      }
    },
  };
}

/**
 * Turns acme-client's HTTP into ours: its own retries (which use a nonce twice and sleep for as long as they are told)
 * are off, every request has a time limit, and an answer of 400 or more becomes an error that keeps the problem's type,
 * detail, status, Retry-After and subproblems, of which acme-client would keep one sentence.
 */
function tame(http: typeof axios): void {
  Object.assign(http.defaults, { maxContentLength: LARGEST_ANSWER });
  Object.assign(http.defaults, { acmeSettings: { retryMaxAttempts: 0, retryDefaultDelay: 1 } });
  const sent = new WeakMap<object, Date>();
  http.interceptors.request.use((config) => {
    const { userAgent, clock } = wireOf(config.url);
    config.headers.set('User-Agent', userAgent);
    sent.set(config, clock.now());
    // The library's own timeout starts anew with every byte.
    return Object.assign(config, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  });
  http.interceptors.response.use(
    (response) => {
      const { config, headers, status, data } = response;
      const url = config.url ?? '';
      const wire = wireOf(url);
      const retryAfterMs = wire.hear({ url, headers, sent: sent.get(config) ?? wire.clock.now() });
      if (status < 400) return response;
      throw problemError(readProblem(data, status), retryAfterMs);
    },
    (thrown: unknown) => {
      throw isIngressError(thrown) ? thrown : unreachable(urlOf(thrown), thrown);
    },
  );
}

function wireOf(url: string | undefined): Wire {
  const wire = wires.getStore();
  if (!wire) throw new Error(`nobody asks ${url}`);
  return wire;
}

function urlOf(thrown: unknown): string {
  const config = thrown instanceof Error && 'config' in thrown ? thrown.config : undefined;
  const url = typeof config === 'object' && config !== null && 'url' in config ? config.url : undefined;
  return typeof url === 'string' ? url : 'the certificate authority';
}
