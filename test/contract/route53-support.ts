import { openRoute53, type Route53Options } from '../../providers/route53/provider.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import type { StoredSet } from '../world/apis/route53.ts';
import { createRoute53, type Route53Options as WorldOptions } from '../world/apis/route53.ts';
import { settingsFor } from './route53-world.ts';

export const ZONE = 'example.com';
export const APP = 'app.example.com';
export const CHALLENGE = '_acme-challenge.app.example.com';

/** An account, and a provider with its first user's keys. */
export async function begin(options: Partial<WorldOptions> = {}, settings: Partial<Route53Options> = {}) {
  const simulator = await createRoute53({ zones: [ZONE, 'example.net'], ...options });
  const context = createTestContext();
  const open = (more: Partial<Route53Options> = {}, user = simulator.user) =>
    openRoute53({ ...settingsFor(simulator, user), ...settings, ...more }, context);
  const dispose = () => simulator[Symbol.asyncDispose]();
  return { simulator, context, open, provider: open(), [Symbol.asyncDispose]: dispose };
}

type Begun = Awaited<ReturnType<typeof begin>>;

/** The kinds of calls since the last reset. */
export const kinds = ({ simulator }: Begun) => simulator.calls.map(({ kind }) => kind);

/** The values of an RRset as the API stores them. */
export function valuesOf({ simulator }: Begun, name: string, type: string): readonly string[] | undefined {
  return simulator.setsOf(ZONE).find((set) => set.Name === `${name}.` && set.Type === type)?.values;
}

export function txtSet(name: string, values: readonly string[], TTL = 3600): Omit<StoredSet, 'others'> {
  return { Name: `${name}.`, Type: 'TXT', TTL, values: values.map((value) => `"${value}"`) };
}

export function aliasSet(name: string, type = 'A'): StoredSet {
  const DNSName = 'dualstack.lb.us-east-1.elb.amazonaws.com.';
  const AliasTarget = { HostedZoneId: 'Z35SXDOTRQ7X7K', DNSName, EvaluateTargetHealth: 'true' };
  return { Name: `${name}.`, Type: type, values: [], others: { AliasTarget } };
}

export function weightedSet(
  name: string,
  type: string,
  identifier: string,
  values: readonly string[],
): StoredSet {
  return {
    Name: `${name}.`,
    Type: type,
    TTL: 60,
    values,
    others: { SetIdentifier: identifier, Weight: '10' },
  };
}
