import { withoutEffect } from './ignored-variables.ts';

/** Why a variable of this version has no effect. */
export type UnusedReason =
  | 'already-staging'
  | 'no-staging'
  | 'no-staging-directory'
  | 'no-fallback'
  | 'no-tls-target'
  | 'not-verified'
  | 'every-name-routed';

/**
 * Something that the operator should know about the configuration, and that stops nothing.
 * `variable` is the name as it is set. Never contains a secret.
 */
export type ConfigWarning =
  /** A secret that was pasted with quotes, or with a line break; it is used without them. */
  | { readonly kind: 'quotes-removed' | 'line-break-removed'; readonly variable: string }
  /** Two names of one variable have different values; that of `variable` is used. */
  | { readonly kind: 'aliases-differ'; readonly variable: string; readonly ignored: string }
  /** `value` is out of range; `used` replaces it. */
  | {
      readonly kind: 'out-of-range';
      readonly variable: 'RENEW_INTERVAL';
      readonly value: number;
      readonly used: number;
      readonly range: readonly [least: number, most: number];
    }
  /** Without effect because of other variables. */
  | { readonly kind: 'unused'; readonly variable: string; readonly reason: UnusedReason }
  /** A variable of older containers that has no effect here. */
  | { readonly kind: 'older'; readonly variable: string }
  /** A proxy variable other than HTTPS_PROXY, the only one that is used. */
  | { readonly kind: 'other-proxy'; readonly variable: string }
  /** An unknown variable that resembles a known one. */
  | { readonly kind: 'misspelt'; readonly variable: string; readonly meant: string }
  /** A target with a path, in the entry for a name if it is in ROUTING_MAP. */
  | {
      readonly kind: 'ignored-path';
      readonly variable: 'TARGET_ENDPOINT' | 'ROUTING_MAP';
      readonly path: string;
      readonly entry?: string;
    }
  /** A network with a prefix length. */
  | { readonly kind: 'ignored-network'; readonly variable: 'NO_PROXY'; readonly network: string }
  /** ALPN lacks all `protocols` that the clients of a target insist on. */
  | {
      readonly kind: 'protocol-not-offered';
      readonly variable: 'ALPN';
      readonly protocols: readonly string[];
      readonly clients: string;
      readonly scheme: string;
    }
  /** A name on one certificate with a wildcard that covers it. */
  | {
      readonly kind: 'covered-name';
      readonly variable: 'CERT_GROUPS' | 'ALIAS_DOMAIN';
      readonly name: string;
      readonly wildcard: string;
    };

/** The warning that a variable has no effect, if there is a reason. */
export function unused(variable: string, reason: UnusedReason | false | undefined): ConfigWarning[] {
  return reason ? [{ kind: 'unused', variable, reason }] : [];
}

const unusedReasons: Readonly<Record<UnusedReason, string>> = {
  'already-staging': ': certificates come from the staging environment already',
  'no-staging': ': neither ACME_STAGING nor ACME_STAGING_DRY_RUN is true',
  'no-staging-directory': ' together with ACME_DIRECTORY_URL unless ACME_STAGING_DIRECTORY_URL is set',
  'no-fallback': ': ACME_FALLBACK_DIRECTORY_URL is not set',
  'no-tls-target': ': no target uses TLS (https:// or grpcs://)',
  'not-verified': ': TARGET_TLS_VERIFY is false',
  'every-name-routed': ': ROUTING_MAP has a target for every name',
};

/** The warning as one sentence for the log, the status and the plan. Pure. */
export function describeConfigWarning(warning: ConfigWarning): string {
  const { kind, variable } = warning;
  switch (kind) {
    case 'quotes-removed':
      return `${variable} was set with quotes around it; they were removed`;
    case 'line-break-removed':
      return `${variable} was set with a line break in it; it was removed`;
    case 'aliases-differ':
      return `${variable} and ${warning.ignored} differ; ${variable} is used`;
    case 'out-of-range': {
      const [least, most] = warning.range;
      return `${variable}=${warning.value} is out of range (${least} to ${most} seconds); using ${warning.used}`;
    }
    case 'unused':
      return `${variable} has no effect${unusedReasons[warning.reason]}`;
    case 'older':
      return `${variable} has no effect: ${withoutEffect[variable]}`;
    case 'other-proxy':
      return `${variable} has no effect, because all requests use HTTPS; set HTTPS_PROXY instead`;
    case 'misspelt':
      return `${variable} has no effect, because there is no such variable; did you mean ${warning.meant}?`;
    case 'ignored-path': {
      const { entry, path } = warning;
      const where = entry === undefined ? variable : `the entry for ${entry} in ${variable}`;
      return `the path ${path} in ${where} has no effect: the app gets the paths that clients request`;
    }
    case 'ignored-network':
      return `${warning.network} in ${variable} has no effect; write a range of addresses as first-last`;
    case 'protocol-not-offered': {
      const { protocols, clients, scheme } = warning;
      return `${variable} does not offer ${protocols.join()}, so ${clients} will refuse the ${scheme}:// target`;
    }
    case 'covered-name': {
      const { name, wildcard } = warning;
      return `${name} and ${wildcard} are on one certificate, which Let's Encrypt refuses because one covers the other; remove ${name} from it, and add it to DOMAINS`;
    }
    default:
      return kind satisfies never;
  }
}
