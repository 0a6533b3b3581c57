import type { RenewalDecision } from '../../certificates/renewal/policy.ts';
import type { IngressError } from '../../errors.ts';
import type { Forecast } from '../../reconcile/forecast.ts';
import type { Health } from '../../status/health-result.ts';
import type { State } from '../../status/state.ts';

/** The output of `--json`, with a line break at the end. Keys are an interface: they stay. Pure. */

/** The result of `plan`. */
export interface Plan extends Forecast {
  /** About no certificate in particular. */
  readonly warnings: readonly string[];
}

/** The JSON of `plan`. */
export function planJson({ failures, certificates, ...others }: Plan): string {
  const toJson = ({ code, message, fix }: IngressError) => ({ code, message, remedy: fix });
  return print({
    ...others,
    zones: others.zones.map(({ unchanged, leftovers, ...zone }) => ({
      ...zone,
      standing: unchanged,
      leftovers,
    })),
    certificates: certificates.map(({ deferral, refused, ...one }) => ({
      ...one,
      decision: decisionToJson(one.decision),
      held: deferral && {
        at: deferral.until,
        why: deferral.reason,
        ...(deferral.failure && { failure: deferral.failure }),
      },
      refused: refused && toJson(refused),
    })),
    failures: failures.map(({ domain, error }) => ({ domain, ...toJson(error) })),
  });
}

/** The JSON of `status`. */
export function statusJson(state: State): string {
  return print(state);
}

function decisionToJson(decision: RenewalDecision) {
  const { action, reason } = decision;
  return action === 'order'
    ? { action, urgent: decision.urgent, reason }
    : { action, until: decision.until, reason };
}

/** The result of `health`. */
export interface HealthReport extends Health {
  /** The names that were checked, with the certificates that were shown. */
  readonly names: readonly { readonly domain: string; readonly serial?: string; readonly notAfter?: Date }[];
}

/** The JSON of `health`. */
export function healthJson({ status, sentence, names }: HealthReport): string {
  return print({ status, sentence, names });
}

function print(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
