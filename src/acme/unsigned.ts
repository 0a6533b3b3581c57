import { IngressError } from '../errors.ts';
import { type Directory, readDirectory } from './directory.ts';
import type { HttpContext } from './http.ts';
import { withRetries } from './persist.ts';
import { type HttpResponse, request } from './plain-http.ts';

/** What a CA tells anybody: no account, no key, and no acme-client in memory. Throws ACME_* errors. */
export interface DirectoryClient {
  /** The directory, which is remembered for some hours. */
  get(signal: AbortSignal): Promise<Directory>;
  /** Lets the CA answer something fresh, at the least cost: a nonce (RFC 8555 §7.2). */
  requestNonce(signal: AbortSignal): Promise<void>;
  /** What it advises on the renewal of a certificate (RFC 9773 §4.1); undefined when it advises on none. */
  renewalInfo(certificateId: string, signal: AbortSignal): Promise<HttpResponse | undefined>;
}

const MEMORY_MS = 6 * 3_600_000;

export function createDirectoryClient(directoryUrl: string, wire: HttpContext): DirectoryClient {
  const { clock } = wire;
  let known: { readonly directory: Directory; readonly at: Date } | undefined;

  const ask = (method: 'GET' | 'HEAD', url: string, signal: AbortSignal) =>
    withRetries(() => request(method, url, wire, signal), clock, signal);

  async function directory(signal: AbortSignal): Promise<Directory> {
    const ageMs = known === undefined ? -1 : clock.now().getTime() - known.at.getTime();
    // A clock that was set back makes it older than it can say.
    if (known && ageMs >= 0 && ageMs < MEMORY_MS) return known.directory;
    const { body } = await ask('GET', directoryUrl, signal);
    known = { directory: readDirectory(body, directoryUrl), at: clock.now() };
    return known.directory;
  }

  return {
    get: directory,
    async requestNonce(signal) {
      const { newNonce } = await directory(signal);
      if (newNonce === undefined)
        throw new IngressError('ACME_BAD_ANSWER', `the directory at ${directoryUrl} has no newNonce`);
      await ask('HEAD', newNonce, signal);
    },
    async renewalInfo(certificateId, signal) {
      const { renewalInfo } = await directory(signal);
      if (renewalInfo === undefined) return undefined;
      return ask('GET', `${renewalInfo.replace(/\/$/, '')}/${encodeURIComponent(certificateId)}`, signal);
    },
  };
}
