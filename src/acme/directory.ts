import { HOUR_MS } from '../duration.ts';
import { IngressError } from '../errors.ts';
import { asObject, asText } from '../json.ts';
import { type AcmeResponse, type HttpContext, sendUnsigned, withRetries } from './http.ts';

/** The parts of a CA's directory (RFC 8555 §7.1.1) that the ingress uses. */
export interface Directory {
  readonly newNonce: string | undefined;
  /** Where to get ARI renewal windows (RFC 9773 §4.1). */
  readonly renewalInfo: string | undefined;
  /** The names that the CA recognizes as its own in CAA records. */
  readonly caaIdentities: readonly string[];
  /**
   * The certificate profiles with their descriptions; undefined if there are none
   * (draft-ietf-acme-profiles).
   */
  readonly profiles: ReadonlyMap<string, string> | undefined;
  /** Whether a new account needs an external account binding (RFC 8555 §7.3.4). */
  readonly externalAccountRequired: boolean;
}

/**
 * A CA's resources that need no signature, so no account, no key, and no acme-client. All throw
 * ACME_* errors.
 */
export interface DirectoryClient {
  /** The directory, cached for six hours. */
  get(signal: AbortSignal): Promise<Directory>;
  /**
   * Requests a nonce (RFC 8555 §7.2), the cheapest request that no cache answers: the Date header
   * of the response gives the CA's time.
   */
  requestNonce(signal: AbortSignal): Promise<void>;
  /**
   * The CA's renewal information on a certificate (RFC 9773 §4.1); undefined if the CA has no ARI.
   */
  renewalInfo(certificateId: string, signal: AbortSignal): Promise<AcmeResponse | undefined>;
}

const CACHE_MS = 6 * HOUR_MS;

export function createDirectoryClient(directoryUrl: string, http: HttpContext): DirectoryClient {
  const { clock } = http;
  let cached: { readonly directory: Directory; readonly at: Date } | undefined;

  const send = (method: 'GET' | 'HEAD', url: string, signal: AbortSignal) =>
    withRetries(() => sendUnsigned(method, url, http, signal), clock, signal);

  async function get(signal: AbortSignal): Promise<Directory> {
    const ageMs = cached === undefined ? -1 : clock.now().getTime() - cached.at.getTime();
    // A negative age means that the clock was set back, so the true age is unknown.
    if (cached && ageMs >= 0 && ageMs < CACHE_MS) return cached.directory;
    const { body } = await send('GET', directoryUrl, signal);
    cached = { directory: readDirectory(body, directoryUrl), at: clock.now() };
    return cached.directory;
  }

  return {
    get,
    async requestNonce(signal) {
      const { newNonce } = await get(signal);
      if (newNonce === undefined)
        throw new IngressError('ACME_BAD_ANSWER', `the ACME directory at ${directoryUrl} has no newNonce`);
      await send('HEAD', newNonce, signal);
    },
    async renewalInfo(certificateId, signal) {
      const { renewalInfo } = await get(signal);
      if (renewalInfo === undefined) return undefined;
      return send('GET', `${renewalInfo.replace(/\/$/, '')}/${encodeURIComponent(certificateId)}`, signal);
    },
  };
}

/**
 * Reads a directory. Throws ACME_BAD_ANSWER for anything else, such as an intercepting proxy's
 * page. Pure.
 */
export function readDirectory(body: unknown, url: string): Directory {
  if (typeof body !== 'object' || body === null)
    throw new IngressError('ACME_BAD_ANSWER', `the response from ${url} is not an ACME directory`);
  const { newNonce, renewalInfo, meta } = asObject(body);
  const { caaIdentities, profiles, externalAccountRequired } = asObject(meta);
  return {
    newNonce: asUrl(newNonce),
    renewalInfo: asUrl(renewalInfo),
    caaIdentities: Array.isArray(caaIdentities)
      ? caaIdentities.filter((name) => typeof name === 'string')
      : [],
    profiles: readProfiles(profiles),
    externalAccountRequired: externalAccountRequired === true,
  };
}

function readProfiles(profiles: unknown): Directory['profiles'] {
  const entries = Object.entries(asObject(profiles));
  if (entries.length === 0) return undefined;
  return new Map(entries.map(([name, description]) => [name, asText(description) ?? '']));
}

function asUrl(value: unknown): string | undefined {
  const text = asText(value);
  return text !== undefined && /^https?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

/**
 * Throws ACME_PROFILE_UNKNOWN, with the available profiles, if the CA has no such profile. Pure.
 */
export function requireProfile({ profiles }: Directory, profile: string): void {
  if (profiles?.has(profile)) return;
  const details = { profile, available: [...(profiles?.keys() ?? [])] };
  const missing = `the certificate authority has no profile ${profile}`;
  if (profiles === undefined)
    throw new IngressError('ACME_PROFILE_UNKNOWN', `${missing}: it has no profiles`, {
      hint: 'Remove ACME_PROFILE.',
      details,
    });
  const available = [...profiles].map(([name, description]) =>
    description === '' ? name : `${name} (${description})`,
  );
  throw new IngressError('ACME_PROFILE_UNKNOWN', `${missing}; available: ${available.join(', ')}`, {
    details,
  });
}
