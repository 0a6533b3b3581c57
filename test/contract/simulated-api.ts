import type { ApiFault } from '../world/apis/api-fault.ts';
import type { ApiSimulator } from '../world/apis/api-simulator.ts';
import type { ContractFault, ContractWorld } from './world.ts';

/** A refusal with the API's own message, which repeats a secret. */
export interface Echo {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

/** The common part of every world with a simulated API: its calls, its faults, its disposal. */
export function simulatedApi(
  simulator: ApiSimulator,
  echo: Echo,
): Pick<ContractWorld, 'calls' | 'resetCalls' | 'fail' | typeof Symbol.asyncDispose> {
  const count = (wanted: 'read' | 'write') => simulator.calls.filter(({ kind }) => kind === wanted).length;
  return {
    calls: () => ({ reads: count('read'), writes: count('write') }),
    resetCalls: () => simulator.resetCalls(),
    fail: (fault, wanted, times = 1) =>
      simulator.failWhen(({ kind }) => wanted === 'any' || kind === wanted, toFault(fault, echo), times),
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  };
}

function toFault(fault: ContractFault, echo: Echo): ApiFault {
  switch (fault.kind) {
    case 'rate-limit':
      return fault;
    case 'error':
      return { kind: 'status', status: 500 };
    case 'echo':
      return { kind: 'refusal', ...echo };
    case 'lost':
      return { kind: 'reset', executed: true };
    default:
      return { kind: fault.kind };
  }
}
