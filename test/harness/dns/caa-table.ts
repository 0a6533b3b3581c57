import type { CaaAnswer, CaaLookup } from '../../../src/dns/caa/relevant-set.ts';

export const NAME = 'app.example.com';
export const GATEWAY = 'gateway.cluster.net';
export const ISSUE = '0 issue "ca.example"';
export const OTHER = '0 issue "other.example"';

/** Answers from a table; every other name has no records. */
export function caaTable(table: Readonly<Record<string, CaaAnswer>>): {
  lookUp: CaaLookup;
  queries: string[];
} {
  const queries: string[] = [];
  const lookUp: CaaLookup = async (name) => {
    queries.push(name);
    return table[name] ?? { caa: [] };
  };
  return { lookUp, queries };
}

export const set = (...values: string[]): CaaAnswer => ({ caa: values });
export const alias = (target: string, ...values: string[]): CaaAnswer => ({ caa: values, alias: target });
