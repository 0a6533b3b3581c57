import * as types from './types.ts';
import { optional, withDefault } from './variable.ts';

const kid = types.text(
  'text',
  /^[\x21-\x7e]{1,256}$/,
  'is not 256 characters of ASCII at most, without spaces',
);

/** Which certificate authorities are asked, as whom, for what kind of certificate, and when. */
export const acmeVariables = {
  email: optional(types.email, {
    name: 'ACME_EMAIL',
    aliases: ['CERTBOT_EMAIL'],
    help: 'Contact address of the ACME account. Take it for public: evidence names the account.',
    fix: 'Set one plain address, such as ops@example.com, or leave it out.',
  }),
  directoryUrl: optional(types.url, {
    name: 'ACME_DIRECTORY_URL',
    help: "The directory of the certificate authority. Default: that of Let's Encrypt.",
    fix: 'Set an https URL such as https://acme-v02.api.letsencrypt.org/directory, or leave it out.',
  }),
  eabKid: optional(kid, {
    name: 'ACME_EAB_KID',
    help: 'For a certificate authority that takes only accounts of its customers (external account binding, RFC 8555 §7.3.4): the identifier of the key that it gave you.',
    fix: 'Set the key identifier as the certificate authority shows it, such as kid-1, beside ACME_EAB_HMAC_KEY.',
  }),
  eabHmacKey: optional(types.base64urlKey, {
    name: 'ACME_EAB_HMAC_KEY',
    secret: true,
    help: 'The key that goes with ACME_EAB_KID, in base64url; padding and standard base64 are taken as well.',
    fix: 'Set the HMAC key as the certificate authority shows it, or write it into a file and set ACME_EAB_HMAC_KEY_FILE to its path, such as /run/secrets/eab.',
  }),
  staging: withDefault(types.flag, 'false', {
    name: 'ACME_STAGING',
    aliases: ['CERTBOT_STAGING'],
    help: 'Gets certificates from ACME_STAGING_DIRECTORY_URL: untrusted ones, with far higher limits. Without effect beside ACME_DIRECTORY_URL where ACME_STAGING_DIRECTORY_URL is not set.',
    fix: 'Set true or false.',
  }),
  stagingDirectoryUrl: optional(types.url, {
    name: 'ACME_STAGING_DIRECTORY_URL',
    help: "The directory of the staging environment, for ACME_STAGING and ACME_STAGING_DRY_RUN. Default: that of Let's Encrypt (https://acme-staging-v02.api.letsencrypt.org/directory).",
    fix: 'Set an https URL such as https://acme-staging-v02.api.letsencrypt.org/directory, or leave it out.',
  }),
  stagingDryRun: withDefault(types.flag, 'false', {
    name: 'ACME_STAGING_DRY_RUN',
    help: 'After a failed validation the next attempt is proven at the staging environment first, where failures count for less. Beside an ACME_DIRECTORY_URL of another certificate authority it needs ACME_STAGING_DIRECTORY_URL.',
    fix: 'Set true or false.',
  }),
  fallbackDirectoryUrl: optional(types.url, {
    name: 'ACME_FALLBACK_DIRECTORY_URL',
    help: 'The directory of a second certificate authority, which is asked when the first has failed for as long as ACME_FALLBACK_AFTER says.',
    fix: 'Set an https URL such as https://dv.acme-v02.api.pki.goog/directory, or leave it out.',
  }),
  fallbackAfter: withDefault(types.integer('seconds', 0, 2_592_000), '3600', {
    name: 'ACME_FALLBACK_AFTER',
    help: 'Seconds for which the first certificate authority has to have failed before that of ACME_FALLBACK_DIRECTORY_URL is asked.',
    fix: 'Set whole seconds such as 3600.',
  }),
  fallbackEabKid: optional(kid, {
    name: 'ACME_FALLBACK_EAB_KID',
    help: 'As ACME_EAB_KID, for ACME_FALLBACK_DIRECTORY_URL.',
    fix: 'Set the key identifier as the certificate authority shows it, such as kid-1, beside ACME_FALLBACK_EAB_HMAC_KEY.',
  }),
  fallbackEabHmacKey: optional(types.base64urlKey, {
    name: 'ACME_FALLBACK_EAB_HMAC_KEY',
    secret: true,
    help: 'As ACME_EAB_HMAC_KEY, for ACME_FALLBACK_DIRECTORY_URL.',
    fix: 'Set the HMAC key as the certificate authority shows it, or write it into a file and set ACME_FALLBACK_EAB_HMAC_KEY_FILE to its path, such as /run/secrets/eab.',
  }),
  setCaa: withDefault(types.flag, 'false', {
    name: 'SET_CAA',
    help: 'Publishes CAA records that let only the ACME accounts of this ingress, by DNS-01, have certificates for the name: that of the certificate authority, and those of ACME_FALLBACK_DIRECTORY_URL and of the staging environment for ACME_STAGING_DRY_RUN where these are set.',
    fix: 'Set true or false.',
  }),
  acmeProfile: optional(
    types.text('profile name', /^[a-z0-9-]{1,64}$/, 'is not 64 small letters, digits and hyphens at most'),
    {
      name: 'ACME_PROFILE',
      help: "The profile that certificates are ordered with, one of those that the directory of the certificate authority lists. Let's Encrypt has classic, tlsserver (45 days) and shortlived (160 hours). Default: what the certificate authority takes without one.",
      fix: 'Set the name of a profile of your certificate authority, such as tlsserver, or leave it out.',
    },
  ),
  keyType: withDefault(types.oneOf(['ecdsa', 'rsa']), 'ecdsa', {
    name: 'KEY_TYPE',
    help: 'The kind of key that new certificates get: `ecdsa` (P-256), or `rsa` (2048 bits) for clients that know no other. A change takes effect at the next renewal.',
    fix: 'Set ecdsa or rsa.',
  }),
  renewDaysBefore: optional(types.integer('days', 1, 398), {
    name: 'RENEW_DAYS_BEFORE',
    help: 'Renews when at most so many days are left; never before a third of the lifetime has passed (half for lifetimes under 10 days), so that it cannot loop. Default: when a third of the lifetime is left, or when the certificate authority advises it (ARI, RFC 9773).',
    fix: 'Set whole days such as 30, or leave it out.',
  }),
  renewInterval: withDefault(types.integer('seconds', 0, 999_999_999), '3600', {
    name: 'RENEW_INTERVAL',
    help: 'Seconds between two looks at everything: records and certificates. Less than 60 counts as 60, more than 43200 as 43200 (a CA wants to be asked for its advice twice a day), with a warning.',
    fix: 'Set whole seconds from 60 to 43200, such as 3600.',
  }),
};
