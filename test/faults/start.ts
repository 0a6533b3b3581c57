import process from 'node:process';
import { type InProcessOptions, startInProcess } from '../world/in-process.ts';
import { type Environment, type Ingress, startIngress } from '../world/ingress.ts';

const inProcess = process.env['FAULTS'] !== 'processes';

/** The factor by which the time limits of a hasty trial are shortened. */
export const HASTE = inProcess ? 4 : 1;

/**
 * Runs the ingress in this process, or the bundle in a process of its own with FAULTS=processes.
 */
export function start(environment: Environment, options?: InProcessOptions): Ingress {
  return inProcess ? startInProcess(environment, options) : startIngress(environment);
}
