import type { axios, Client } from 'acme-client';
import type { Clock } from '../clock.ts';
import type { Secret } from '../config/secret.ts';
import { IngressError } from '../errors.ts';
import { problemError, readProblem, readRetryAfter, unreachable } from './problem.ts';

const TIMEOUT_MS = 30_000;
/** Bytes; a chain has a few thousand. */
const LARGEST_ANSWER = 1 << 20;

/** acme-client with its HTTP tamed. */
export interface Transport {
  connect(directoryUrl: string, accountKey: Secret, accountUrl: string | undefined): Client;
  /** The names that the CA recognizes as its own in CAA records (RFC 8555 §7.1.1); empty when it names none. */
  caaIdentities(directoryUrl: string): Promise<string[]>;
  /** Milliseconds that the last answer for a URL asked to wait, or undefined. */
  retryAfterMs(url: string): number | undefined;
}

let loaded: Promise<Transport> | undefined;

/** Loads acme-client when it is first needed (a start with a valid certificate asks no CA), and tames it once. */
export function loadTransport(clock: Clock, userAgent: string): Promise<Transport> {
  loaded ??= load(clock, userAgent);
  return loaded;
}

async function load(clock: Clock, userAgent: string): Promise<Transport> {
  const { default: acme } = await import('acme-client');
  const retryAfterMs = tame(acme.axios, clock, userAgent);
  return {
    connect: (directoryUrl, accountKey, accountUrl) =>
      new acme.Client({
        directoryUrl,
        accountKey: accountKey.reveal(),
        ...(accountUrl === undefined ? {} : { accountUrl }),
      }),
    async caaIdentities(directoryUrl) {
      const { data } = await acme.axios.get<unknown>(directoryUrl, { validateStatus: null });
      return identitiesIn(data);
    },
    retryAfterMs,
  };
}

function identitiesIn(directory: unknown): string[] {
  const meta =
    typeof directory === 'object' && directory !== null && 'meta' in directory ? directory.meta : undefined;
  const names =
    typeof meta === 'object' && meta !== null && 'caaIdentities' in meta ? meta.caaIdentities : undefined;
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

/**
 * Turns acme-client's HTTP into ours: its own retries (which use a nonce twice and sleep for as long as they are told)
 * are off, every request has a time limit, and an answer of 400 or more becomes an error that keeps the problem's type,
 * detail, status, Retry-After and subproblems, of which acme-client would keep one sentence.
 */
function tame(http: typeof axios, clock: Clock, userAgent: string): Transport['retryAfterMs'] {
  Object.assign(http.defaults, { maxContentLength: LARGEST_ANSWER });
  // The library's own timeout starts anew with every byte.
  http.interceptors.request.use((config) =>
    Object.assign(config, { signal: AbortSignal.timeout(TIMEOUT_MS) }),
  );
  Object.assign(http.defaults, { acmeSettings: { retryMaxAttempts: 0, retryDefaultDelay: 1 } });
  http.defaults.headers.common['User-Agent'] = userAgent;
  const advice = new Map<string, number>();
  http.interceptors.response.use(
    (response) => {
      const url = response.config.url ?? '';
      const retryAfterMs = readRetryAfter(response.headers['retry-after'], clock.now());
      if (retryAfterMs === undefined) advice.delete(url);
      else advice.set(url, retryAfterMs);
      if (response.status < 400) return response;
      throw problemError(readProblem(response.data, response.status), retryAfterMs);
    },
    (thrown: unknown) => {
      throw thrown instanceof IngressError ? thrown : unreachable(urlOf(thrown), thrown);
    },
  );
  return (url) => advice.get(url);
}

function urlOf(thrown: unknown): string {
  const config = thrown instanceof Error && 'config' in thrown ? thrown.config : undefined;
  const url = typeof config === 'object' && config !== null && 'url' in config ? config.url : undefined;
  return typeof url === 'string' ? url : 'the certificate authority';
}
