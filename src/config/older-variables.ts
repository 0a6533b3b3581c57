import type { Fault } from './faults.ts';
import type { Misspelling } from './misspelt.ts';
import type { Environment } from './read.ts';

/** A variable of older containers that this version cannot follow. */
interface Unsupported {
  /** Completes "this version …", for the table of variables: what happens instead, which may not happen silently. */
  readonly instead: string;
  /** The values with which this version does what they ask for; any value is refused where it is left out. */
  readonly fine?: RegExp;
  readonly fix: string;
}

const OLDER = 'stay with the older container for now';
const MODE = `Remove it where this container shall write the records through DNS_PROVIDER; else ${OLDER}.`;
const DELEGATION = `Remove it and set credentials for the zone of the served name; else ${OLDER}.`;

/**
 * Variables of older containers that say who writes which records, or which key is served. To go on without them would rewrite
 * what is in production, so each is a fault.
 */
export const unsupported: Readonly<Record<string, Unsupported>> = {
  CHALLENGE_TYPE: {
    instead: 'answers dns-01 challenges only',
    fine: /^dns-01$/i,
    fix: `Set dns-01 and the credentials of a DNS provider; else ${OLDER}.`,
  },
  DELEGATION_ZONE: {
    instead: 'writes into the zone of the served name, and would replace the CNAME records that stand there',
    fix: DELEGATION,
  },
  ACME_CHALLENGE_ALIAS: {
    instead: 'publishes challenges in the zone of the served name',
    fix: DELEGATION,
  },
  DNS_SETUP_MODE: {
    instead: 'writes the records by itself, through a DNS provider',
    fix: MODE,
  },
  DNS_WEBHOOK_URL: {
    instead: 'writes the records by itself, and tells nobody',
    fix: MODE,
  },
  DETERMINISTIC_TLS_KEY: {
    instead: 'makes a fresh random key for every certificate',
    fine: /^(false|0|no|off)$/i,
    fix: `Remove it where nobody relies on the key that it gives; else ${OLDER}.`,
  },
  ROUTE53_INITIAL_WEIGHT: {
    instead: 'writes records without a weight, and would replace weighted ones that stand at the name',
    fix: `Remove it where this container alone serves the name; else ${OLDER}.`,
  },
};

const NEEDS_ALPN = 'it belongs to CHALLENGE_TYPE=tls-alpn-01, which this version does not have';
const NEEDS_SETUP = 'it belongs to DNS_SETUP_MODE, which this version does not have';
const NO_LEGO = 'there is no lego';

/**
 * Variables of older containers that can be ignored without harm. Who sets one is told, because a switch that is silently
 * ignored is worse than none.
 */
export const withoutEffect: Readonly<Record<string, string>> = {
  CLIENT_MAX_BODY_SIZE: 'bodies are not limited',
  PROXY_READ_TIMEOUT: 'use TIMEOUT_SERVER',
  PROXY_SEND_TIMEOUT: 'use TIMEOUT_CLIENT',
  PROXY_CONNECT_TIMEOUT: 'use TIMEOUT_CONNECT',
  PROXY_BUFFER_SIZE: 'buffers need no tuning',
  PROXY_BUFFERS: 'buffers need no tuning',
  PROXY_BUSY_BUFFERS_SIZE: 'buffers need no tuning',
  EVIDENCE_PORT: 'evidence is answered at PORT, under /evidences/',
  TLSALPN_ADDRESS: NEEDS_ALPN,
  TLSALPN_PORT: NEEDS_ALPN,
  TLS_TERMINATE_PORT: NEEDS_ALPN,
  LEGO_BIN: NO_LEGO,
  LEGO_PATH: NO_LEGO,
  DELEGATION_PROPAGATION_SECONDS: 'every name server is asked; use DNS_PROPAGATION_TIMEOUT',
  DNS_SETUP_TIMEOUT: NEEDS_SETUP,
  DNS_SETUP_INTERVAL: NEEDS_SETUP,
  DNS_WEBHOOK_TOKEN: NEEDS_SETUP,
  DNS_WEBHOOK_TIMEOUT: NEEDS_SETUP,
  DNS_SETTLE_SECONDS: 'every name server is asked instead',
  CERTBOT_TIMEOUT: 'there is no certbot; use DNS_PROPAGATION_TIMEOUT for slow name servers',
  DOH_RESOLVERS: 'resolvers are asked by DNS; use DNS_RESOLVERS',
  DOH_RESOLVER: 'resolvers are asked by DNS; use DNS_RESOLVERS',
};

/** A fault for each variable that cannot be followed, and for each that looks like one misspelt. Pure. */
export function unsupportedFaults(environment: Environment, misspellings: readonly Misspelling[]): Fault[] {
  const set = Object.keys(unsupported).map((name) => ({ variable: name, meant: name, lead: 'is set, but' }));
  // As a mere warning it would come after the records that its writer wanted to keep were replaced.
  const misspelt = misspellings.map(({ written, meant }) => {
    const lead = `is set, which looks like ${meant} misspelt;`;
    return { variable: written, meant, lead };
  });
  return [...set, ...misspelt].flatMap(({ variable, meant, lead }) => {
    const refused = refusal(meant, environment[variable]?.trim() ?? '');
    if (refused === undefined) return [];
    return [{ variable, problem: `${lead} this version ${refused.instead}`, fix: refused.fix }];
  });
}

function refusal(meant: string, value: string): Unsupported | undefined {
  const row = unsupported[meant];
  return value === '' || row?.fine?.test(value) ? undefined : row;
}

/** A warning for each variable that is ignored. Pure. */
export function ignoredVariables(environment: Environment): string[] {
  return Object.entries(withoutEffect).flatMap(([name, why]) =>
    environment[name]?.trim() ? [`${name} has no effect: ${why}`] : [],
  );
}
