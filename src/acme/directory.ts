import { IngressError } from '../errors.ts';
import { asObject, asText } from '../json.ts';

/** What a certificate authority says of itself (RFC 8555 §7.1.1), as far as it matters here. */
export interface Directory {
  readonly newNonce: string | undefined;
  /** Where it advises on renewals (RFC 9773 §4.1). */
  readonly renewalInfo: string | undefined;
  /** The names that it recognizes as its own in CAA records. */
  readonly caaIdentities: readonly string[];
  /** Its certificate profiles with their descriptions; undefined when it has none (draft-ietf-acme-profiles). */
  readonly profiles: ReadonlyMap<string, string> | undefined;
  /** Whether an account needs an external account binding (RFC 8555 §7.3.4). */
  readonly externalAccountRequired: boolean;
}

/** Reads a directory. Throws ACME_BAD_ANSWER for what is none, such as the page of somebody between. Pure. */
export function readDirectory(body: unknown, url: string): Directory {
  if (typeof body !== 'object' || body === null)
    throw new IngressError('ACME_BAD_ANSWER', `${url} gives no directory of a certificate authority`);
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

/** Throws ACME_PROFILE_UNKNOWN, with those that there are, when the CA has no such profile. Pure. */
export function requireProfile({ profiles }: Directory, profile: string): void {
  if (profiles?.has(profile)) return;
  const there = [...(profiles ?? [])].map(([name, description]) =>
    description === '' ? name : `${name} (${description})`,
  );
  const what = profiles ? `it has ${there.join(', ')}` : 'it has no profiles at all';
  const sentence = `the certificate authority has no profile ${profile}; ${what}`;
  if (profiles) throw new IngressError('ACME_PROFILE_UNKNOWN', sentence);
  throw new IngressError('ACME_PROFILE_UNKNOWN', sentence, { hint: 'Remove ACME_PROFILE.' });
}
