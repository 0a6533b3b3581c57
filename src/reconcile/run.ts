import type { ChallengeValue } from '../records/challenges.ts';
import type { ManagedCertificate } from './deps.ts';
import type { Facts } from './discover.ts';
import type { LoadedCertificate } from './install.ts';
import type { FindServers } from './propagation.ts';
import type { RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';

/** What a reconciliation has determined before it observes the zones. */
export interface Run {
  readonly report: Report;
  /** By certificate, without those that could not be loaded. */
  readonly loaded: ReadonlyMap<ManagedCertificate, LoadedCertificate>;
  /** Missing certificates first, then by the end of the stored one. */
  readonly due: readonly RenewalTask[];
  /**
   * Certificates whose open orders are known. The challenges of the others are not pruned, because
   * one of their orders may be open.
   */
  readonly prunable: ReadonlySet<ManagedCertificate>;
  /** Challenges of orders that earlier runs left open: not pruned. */
  readonly retained: readonly ChallengeValue[];
  readonly facts: Facts;
  readonly findServers: FindServers;
}

/** Whether a certificate for these names is stored. */
export function isCertified({ loaded }: Pick<Run, 'loaded'>, certificate: ManagedCertificate): boolean {
  return loaded.get(certificate)?.stored !== undefined;
}
