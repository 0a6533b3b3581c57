import { eventually } from '../e2e/support.ts';
import type { DnsFault, DnsFaults, SeenQuestion } from '../world/dns/dns-faults.ts';
import type { World } from '../world/world.ts';
import { HASTE } from './start.ts';
import type { Scene, Trial } from './survive.ts';

export const lies: readonly (readonly [how: string, fault: DnsFault])[] = [
  ['SERVFAIL', { kind: 'servfail' }],
  ['REFUSED', { kind: 'refused' }],
  ['NXDOMAIN', { kind: 'nxdomain' }],
  ['no such record', { kind: 'empty' }],
  ['other values', { kind: 'lie', data: ['another value', 'a third value'] }],
];
export const silences: readonly (readonly [how: string, fault: DnsFault])[] = [
  ['no answer', { kind: 'silent' }],
  ['answers that come too late', { kind: 'slow', ms: 6000 / HASTE }],
];

export type Chosen = (world: World) => readonly { readonly faults: DnsFaults }[];

export const isChallenge = ({ name }: SeenQuestion) => name.startsWith('_acme-challenge.');

/**
 * The chosen servers give faulty answers from the start until the ingress reports a wait or a
 * failure.
 */
export function faultyAnswers(
  who: string,
  chosen: Chosen,
  how: string,
  fault: DnsFault,
  asked = (_: SeenQuestion) => true,
): Trial {
  let count = 0;
  const isFaulty = (question: SeenQuestion) => {
    const isIt = asked(question) && (fault.kind !== 'lie' || question.type === 'TXT');
    count += isIt ? 1 : 0;
    return isIt;
  };
  return {
    title: `${who}: ${how}`,
    hasty: fault.kind === 'silent' || fault.kind === 'slow',
    begin(world) {
      for (const { faults } of chosen(world)) faults.when(isFaulty, fault);
    },
    async triggered(scene) {
      await delayed(scene);
      await eventually('a faulty answer', () => count > 0 || undefined);
    },
  };
}

/** Resolves at the first wait or failure; a run without faults has neither. */
export function delayed({ ingress }: Scene): Promise<unknown> {
  const events = ['waiting', 'pass-failed'];
  return Promise.race(events.map((event) => ingress.seen(event, { timeoutMs: 60_000 })));
}

export function misbehave(
  chosen: ReturnType<Chosen>,
  how: Partial<Pick<DnsFaults, 'slowMs' | 'truncateUdp'>>,
): void {
  for (const { faults } of chosen) Object.assign(faults, how);
}
