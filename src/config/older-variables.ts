import type { Fault } from './faults.ts';
import { withoutEffect } from './ignored-variables.ts';
import type { Misspelling } from './misspelt.ts';
import type { Environment } from './read.ts';
import type { ConfigWarning } from './warnings.ts';

/** A variable of older containers that this version does not support. */
interface Unsupported {
  /** Completes "this version …": what it does instead, which must not happen silently. */
  readonly instead: string;
  /** Values that ask for what this version does anyway. Without it any value is refused. */
  readonly fine?: RegExp;
  readonly fix: string;
}

const OLDER = 'keep using the older container for now';
const MODE = `Remove it if this container should write the records through DNS_PROVIDER; otherwise ${OLDER}.`;
const DELEGATION = `Remove it and set credentials for the zone of the served name; otherwise ${OLDER}.`;

/**
 * Variables of older containers that determine which program writes which records, or which key is
 * served. Ignoring them would change what is in production, so each is a fault.
 */
export const unsupported: Readonly<Record<string, Unsupported>> = {
  CHALLENGE_TYPE: {
    instead: 'only answers dns-01 challenges',
    fine: /^dns-01$/i,
    fix: `Set dns-01 and the credentials of a DNS provider; otherwise ${OLDER}.`,
  },
  DELEGATION_ZONE: {
    instead: 'writes into the zone of the served name, and would replace the CNAME records there',
    fix: DELEGATION,
  },
  ACME_CHALLENGE_ALIAS: {
    instead: 'publishes challenges in the zone of the served name',
    fix: DELEGATION,
  },
  DNS_SETUP_MODE: {
    instead: 'writes the records itself, through a DNS provider',
    fix: MODE,
  },
  DNS_WEBHOOK_URL: {
    instead: 'writes the records itself, and calls no webhook',
    fix: MODE,
  },
  DETERMINISTIC_TLS_KEY: {
    instead: 'generates a new random key for every certificate',
    fine: /^(false|0|no|off)$/i,
    fix: `Remove it if nothing relies on that key; otherwise ${OLDER}.`,
  },
  ROUTE53_INITIAL_WEIGHT: {
    instead: 'writes records without a weight, and would replace weighted ones at the name',
    fix: `Remove it if only this container serves the name; otherwise ${OLDER}.`,
  },
};

/**
 * A fault for each unsupported variable that is set, and for each that looks like a misspelt one.
 * Pure.
 */
export function unsupportedFaults(environment: Environment, misspellings: readonly Misspelling[]): Fault[] {
  const set = Object.keys(unsupported).map((name) => ({ variable: name, meant: name, lead: 'is set, but' }));
  // A warning would come too late: by then the records that the operator wanted to keep are
  // replaced.
  const misspelt = misspellings.map(({ written, meant }) => {
    const lead = `is set, which looks like a misspelt ${meant};`;
    return { variable: written, meant, lead };
  });
  return [...set, ...misspelt].flatMap(({ variable, meant, lead }) => {
    const kind = variable === meant ? 'unsupported' : 'misspelt';
    const refused = refusal(meant, environment[variable]?.trim() ?? '');
    if (refused === undefined) return [];
    const problem = `${lead} this version ${refused.instead}`;
    return [{ variable, kind, problem, details: { meant }, fix: refused.fix }];
  });
}

function refusal(meant: string, value: string): Unsupported | undefined {
  const row = unsupported[meant];
  return value === '' || row?.fine?.test(value) ? undefined : row;
}

/** A warning for each set variable of older containers that has no effect. Pure. */
export function ignoredVariables(environment: Environment): ConfigWarning[] {
  return Object.keys(withoutEffect)
    .filter((name) => environment[name]?.trim())
    .map((variable) => ({ kind: 'older', variable }));
}
