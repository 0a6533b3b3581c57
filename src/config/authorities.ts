import type { Fault } from './faults.ts';
import type { Secret } from './secret.ts';

export const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const LETS_ENCRYPT_STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** What binds an ACME account to that of a customer (RFC 8555 §7.3.4). */
export interface ExternalAccount {
  readonly kid: string;
  /** base64url without padding. */
  readonly hmacKey: Secret;
}

/** A certificate authority, and as whom it is asked for an account. */
export interface Authority {
  readonly directoryUrl: string;
  readonly eab?: ExternalAccount;
}

/** The certificate authorities that are asked. */
export interface Authorities {
  readonly primary: Authority;
  /** Asked when the primary has failed for `afterMs` milliseconds. */
  readonly fallback?: Authority & { readonly afterMs: number };
  /** Where the next attempt is proven first, after a failed validation. */
  readonly dryRun?: { readonly directoryUrl: string };
}

/** What decides about authorities. What was missing or could not be read is undefined. */
export interface AuthoritySettings {
  readonly directoryUrl?: string | undefined;
  readonly eabKid?: string | undefined;
  readonly eabHmacKey?: Secret | undefined;
  readonly staging?: boolean | undefined;
  readonly stagingDirectoryUrl?: string | undefined;
  readonly stagingDryRun?: boolean | undefined;
  readonly fallbackDirectoryUrl?: string | undefined;
  /** Seconds. */
  readonly fallbackAfter?: number | undefined;
  readonly fallbackEabKid?: string | undefined;
  readonly fallbackEabHmacKey?: Secret | undefined;
}

export interface AuthorityChoice {
  readonly authorities: Authorities;
  /** Whether the primary is the staging environment, of Let's Encrypt or as ACME_STAGING_DIRECTORY_URL has it. */
  readonly usesStaging: boolean;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/**
 * Decides which certificate authorities are asked. With ACME_STAGING that is ACME_STAGING_DIRECTORY_URL, else still
 * ACME_DIRECTORY_URL (nobody is sent from a CA of their own to another), else the staging environment of Let's Encrypt.
 * `known` says which variables have a fault already, `isSet` which ones somebody has set. Pure.
 */
export function chooseAuthorities(
  settings: AuthoritySettings,
  known: (variable: string) => boolean,
  isSet: (variable: string) => boolean,
): AuthorityChoice {
  const primaryUrl = primaryOf(settings);
  const stagingUrl = settings.stagingDirectoryUrl ?? LETS_ENCRYPT_STAGING;
  const usesStaging = isSame(primaryUrl, stagingUrl);
  const { fallbackDirectoryUrl, fallbackAfter = 0, stagingDryRun = false } = settings;
  const eab = externalAccount(settings.eabKid, settings.eabHmacKey);
  const fallbackEab = externalAccount(settings.fallbackEabKid, settings.fallbackEabHmacKey);
  const fallback = fallbackDirectoryUrl !== undefined && {
    fallback: { directoryUrl: fallbackDirectoryUrl, ...fallbackEab, afterMs: fallbackAfter * 1000 },
  };
  const dryRun = stagingDryRun && !usesStaging && { dryRun: { directoryUrl: stagingUrl } };
  return {
    authorities: { primary: { directoryUrl: primaryUrl, ...eab }, ...fallback, ...dryRun },
    usesStaging,
    faults: [
      ...halfSet('ACME_EAB', settings.eabKid, settings.eabHmacKey, known),
      ...halfSet('ACME_FALLBACK_EAB', settings.fallbackEabKid, settings.fallbackEabHmacKey, known),
      ...directoryFaults(settings, primaryUrl, usesStaging, known),
    ],
    // What seems idle may belong to a directory that could not be read.
    warnings: DIRECTORIES.some(known) ? [] : idle(settings, usesStaging, isSet),
  };
}

function primaryOf({ staging, directoryUrl, stagingDirectoryUrl }: AuthoritySettings): string {
  return staging === true
    ? (stagingDirectoryUrl ?? directoryUrl ?? LETS_ENCRYPT_STAGING)
    : (directoryUrl ?? LETS_ENCRYPT);
}

function externalAccount(
  kid: string | undefined,
  hmacKey: Secret | undefined,
): { readonly eab?: ExternalAccount } {
  return kid === undefined || hmacKey === undefined ? {} : { eab: { kid, hmacKey } };
}

/** Whether two URLs are the same however they are written: case of the host, a port that goes without saying. */
function isSame(one: string, other: string): boolean {
  return new URL(one).href === new URL(other).href;
}

function halfSet(
  prefix: string,
  kid: string | undefined,
  hmacKey: Secret | undefined,
  known: (variable: string) => boolean,
): Fault[] {
  if ((kid === undefined) === (hmacKey === undefined)) return [];
  const names = [`${prefix}_KID`, `${prefix}_HMAC_KEY`] as const;
  const [there, missing] = kid === undefined ? [names[1], names[0]] : names;
  if (known(missing) || known(`${missing}_FILE`)) return [];
  const fix = `Set ${names.join(' and ')} as the certificate authority gave them, or neither.`;
  const problem = `is not set, but ${there} is`;
  return [{ variable: missing, problem, fix, missing: [missing] }];
}

function directoryFaults(
  { directoryUrl, stagingDirectoryUrl, stagingDryRun, fallbackDirectoryUrl }: AuthoritySettings,
  primaryUrl: string,
  usesStaging: boolean,
  known: (variable: string) => boolean,
): Fault[] {
  // What follows from a variable that could not be read is not complained of.
  if (DECIDE_PRIMARY.some(known)) return [];
  const found: Fault[] = [];
  if (fallbackDirectoryUrl !== undefined && isSame(fallbackDirectoryUrl, primaryUrl)) {
    const problem = `is the directory that is asked first: ${primaryUrl}`;
    const fix = 'Set the directory of another certificate authority, or leave it out.';
    found.push({ variable: 'ACME_FALLBACK_DIRECTORY_URL', problem, fix });
  }
  const isCustom = directoryUrl !== undefined && !isSame(directoryUrl, LETS_ENCRYPT);
  if (stagingDryRun === true && !usesStaging && isCustom && stagingDirectoryUrl === undefined) {
    const problem = `needs a staging directory, and which one belongs to ${directoryUrl} is not known`;
    const fix =
      'Set ACME_STAGING_DIRECTORY_URL to the staging directory of that certificate authority, or ACME_STAGING_DRY_RUN=false.';
    found.push({ variable: 'ACME_STAGING_DRY_RUN', problem, fix });
  }
  return found;
}

const DECIDE_PRIMARY = [
  ...['ACME_DIRECTORY_URL', 'ACME_STAGING_DIRECTORY_URL'],
  ...['ACME_STAGING', 'CERTBOT_STAGING'],
];

const DIRECTORIES = [...DECIDE_PRIMARY, 'ACME_FALLBACK_DIRECTORY_URL'];

/** What needs ACME_FALLBACK_DIRECTORY_URL to have an effect. */
const OF_FALLBACK = [
  'ACME_FALLBACK_AFTER',
  'ACME_FALLBACK_EAB_KID',
  'ACME_FALLBACK_EAB_HMAC_KEY',
  'ACME_FALLBACK_EAB_HMAC_KEY_FILE',
];

/** What somebody has set, and what changes nothing. */
function idle(
  { directoryUrl, staging, stagingDirectoryUrl, stagingDryRun, fallbackDirectoryUrl }: AuthoritySettings,
  usesStaging: boolean,
  isSet: (variable: string) => boolean,
): string[] {
  const withoutFallback = fallbackDirectoryUrl === undefined ? OF_FALLBACK.filter(isSet) : [];
  return [
    ...(staging && directoryUrl !== undefined && stagingDirectoryUrl === undefined
      ? ['ACME_STAGING has no effect beside ACME_DIRECTORY_URL without ACME_STAGING_DIRECTORY_URL']
      : []),
    ...(stagingDryRun && usesStaging
      ? ['ACME_STAGING_DRY_RUN has no effect: certificates come from the staging environment already']
      : []),
    ...(stagingDirectoryUrl !== undefined && !staging && !stagingDryRun
      ? ['ACME_STAGING_DIRECTORY_URL has no effect: neither ACME_STAGING nor ACME_STAGING_DRY_RUN is true']
      : []),
    ...withoutFallback.map((variable) => `${variable} has no effect: ACME_FALLBACK_DIRECTORY_URL is not set`),
  ];
}
