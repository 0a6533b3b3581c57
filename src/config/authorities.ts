import type { Fault } from './faults.ts';
import type { Secret } from './secret.ts';
import { type ConfigWarning, unused } from './warnings.ts';

/** The directory URL of Let's Encrypt. */
export const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const LETS_ENCRYPT_STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** External account binding: ties an ACME account to a customer's account (RFC 8555 §7.3.4). */
export interface ExternalAccount {
  readonly kid: string;
  /** base64url without padding. */
  readonly hmacKey: Secret;
}

/** A certificate authority, and the external account for it if it needs one. */
export interface Authority {
  readonly directoryUrl: string;
  readonly eab?: ExternalAccount;
}

/** The certificate authorities to use. */
export interface Authorities {
  readonly primary: Authority;
  /** Used once the primary has failed for `afterMs` milliseconds. */
  readonly fallback?: Authority & { readonly afterMs: number };
  /** The staging CA that validates the next attempt first after a failed validation. */
  readonly staging?: { readonly directoryUrl: string };
}

/** The settings that determine the authorities. Missing or faulty ones are undefined. */
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

/** The certificate authorities, with the faults and warnings of their settings. */
export interface AuthorityChoice {
  readonly authorities: Authorities;
  /**
   * Whether the primary is the staging environment: Let's Encrypt's, or ACME_STAGING_DIRECTORY_URL.
   */
  readonly usesStaging: boolean;
  readonly faults: readonly Fault[];
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Chooses the certificate authorities. With ACME_STAGING the primary is ACME_STAGING_DIRECTORY_URL,
 * else still ACME_DIRECTORY_URL (a configured CA is never replaced by another), else the staging
 * environment of Let's Encrypt. `known` returns whether a variable already has a fault, `isSet`
 * whether it is set. Pure.
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
  const staging = stagingDryRun && !usesStaging && { staging: { directoryUrl: stagingUrl } };
  return {
    authorities: { primary: { directoryUrl: primaryUrl, ...eab }, ...fallback, ...staging },
    usesStaging,
    faults: [
      ...halfSet('ACME_EAB', settings.eabKid, settings.eabHmacKey, known),
      ...halfSet('ACME_FALLBACK_EAB', settings.fallbackEabKid, settings.fallbackEabHmacKey, known),
      ...directoryFaults(settings, primaryUrl, usesStaging, known),
    ],
    // A setting may only seem unused because a directory URL is faulty.
    warnings: DIRECTORIES.some(known) ? [] : unusedSettings(settings, usesStaging, isSet),
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

/** Whether two URLs are equal after normalization (case of the host, default port). */
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
  const fix = `Set both ${names.join(' and ')} as the certificate authority gave them, or neither.`;
  const problem = `is not set, but ${there} is`;
  return [{ variable: missing, kind: 'missing', problem, fix, missing: [missing] }];
}

function directoryFaults(
  { directoryUrl, stagingDirectoryUrl, stagingDryRun, fallbackDirectoryUrl }: AuthoritySettings,
  primaryUrl: string,
  usesStaging: boolean,
  known: (variable: string) => boolean,
): Fault[] {
  // Skip faults that only follow from a faulty variable.
  if (DECIDE_PRIMARY.some(known)) return [];
  const found: Fault[] = [];
  if (fallbackDirectoryUrl !== undefined && isSame(fallbackDirectoryUrl, primaryUrl)) {
    const problem = `is the directory of the first certificate authority: ${primaryUrl}`;
    const fix = 'Set the directory of another certificate authority, or remove it.';
    found.push({ variable: 'ACME_FALLBACK_DIRECTORY_URL', kind: 'conflicting', problem, fix });
  }
  const isCustom = directoryUrl !== undefined && !isSame(directoryUrl, LETS_ENCRYPT);
  if (stagingDryRun === true && !usesStaging && isCustom && stagingDirectoryUrl === undefined) {
    const problem = `needs a staging directory, but that of ${directoryUrl} is not known`;
    const fix =
      'Set ACME_STAGING_DIRECTORY_URL to the staging directory of that certificate authority, or set ACME_STAGING_DRY_RUN=false.';
    found.push({ variable: 'ACME_STAGING_DRY_RUN', kind: 'incomplete', problem, fix });
  }
  return found;
}

const DECIDE_PRIMARY = [
  ...['ACME_DIRECTORY_URL', 'ACME_STAGING_DIRECTORY_URL'],
  ...['ACME_STAGING', 'CERTBOT_STAGING'],
];

const DIRECTORIES = [...DECIDE_PRIMARY, 'ACME_FALLBACK_DIRECTORY_URL'];

/** Variables that need ACME_FALLBACK_DIRECTORY_URL. */
const OF_FALLBACK = [
  'ACME_FALLBACK_AFTER',
  'ACME_FALLBACK_EAB_KID',
  'ACME_FALLBACK_EAB_HMAC_KEY',
  'ACME_FALLBACK_EAB_HMAC_KEY_FILE',
];

/** Warnings about set variables that have no effect. */
function unusedSettings(
  { directoryUrl, staging, stagingDirectoryUrl, stagingDryRun, fallbackDirectoryUrl }: AuthoritySettings,
  usesStaging: boolean,
  isSet: (variable: string) => boolean,
): ConfigWarning[] {
  const withoutFallback = fallbackDirectoryUrl === undefined ? OF_FALLBACK.filter(isSet) : [];
  const lacksStaging = staging && directoryUrl !== undefined && stagingDirectoryUrl === undefined;
  const isStagingUnused = stagingDirectoryUrl !== undefined && !staging && !stagingDryRun;
  return [
    ...unused('ACME_STAGING', lacksStaging && 'no-staging-directory'),
    ...unused('ACME_STAGING_DRY_RUN', stagingDryRun && usesStaging && 'already-staging'),
    ...unused('ACME_STAGING_DIRECTORY_URL', isStagingUnused && 'no-staging'),
    ...withoutFallback.flatMap((variable) => unused(variable, 'no-fallback')),
  ];
}
