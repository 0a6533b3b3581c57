import { plantCertificate } from '../e2e/support.ts';
import { type FaultAct, points, recordPoints } from '../world/faults/fault-points.ts';
import { type Ending, type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { start } from './start.ts';

const RECORDED = 'recorded';
const LONGEST_MS = 90_000;
/** Days left of 90: less than a third, so a renewal is due. */
const DAYS_LEFT = 20;

/**
 * The environment of a first start with its own name and an empty volume, whose CA is the front of
 * the world's CA.
 */
export function startFor(world: World, host: string): Promise<Environment> {
  const ACME_DIRECTORY_URL = world.acmeFront.directoryUrl;
  return environmentFor(world, { DOMAIN: `${host}.${world.zone}`, ACME_DIRECTORY_URL });
}

/** The same, with a stored certificate that is due for renewal. */
export async function renewalFor(world: World, host: string): Promise<Environment> {
  const environment = await startFor(world, host);
  await plantCertificate(environment, DAYS_LEFT);
  return environment;
}

/** Starts an ingress: in this process, or as a process of its own. */
export type Start = (environment: Environment) => Ingress;

/** Every external effect of a start, in order, once each: see `recordPoints`. */
export async function stepsOf(world: World, prepare: typeof startFor, run: Start = start): Promise<string[]> {
  const environment = recordPoints(await prepare(world, RECORDED));
  await whenFinished(environment, async () => undefined, run);
  const steps = points(environment).filter((label) => !isRepeated(label));
  if (steps.length < 40) throw new Error(`only ${steps.length} steps:\n${steps.join('\n')}`);
  return steps;
}

/** The same step of a start for another name. */
export function stepOf(label: string, { DOMAIN = '' }: Environment): string {
  const [host = ''] = DOMAIN.split('.');
  return label.replaceAll(`${RECORDED}.`, `${host}.`);
}

/** A fault at a step. */
export interface StepFault {
  readonly act: FaultAct;
  readonly step: string;
}

/**
 * Whether the fault loses an order: between the CA's response and the write of the order to the
 * volume, the ingress does not know the order, so it creates another one. Between the two there are
 * only the steps of writing the order.
 */
export function isOrderLost(steps: readonly string[], { act, step }: StepFault): boolean {
  if (step === ASKED) return true;
  if (!ORDER.test(step)) return false;
  const [asked, at] = [steps.indexOf(ASKED), steps.indexOf(step)];
  const noted = steps.findIndex((label) => NOTED.test(label));
  return (at > asked && at < noted) || (at === noted && act !== 'kill-after');
}

const ASKED = 'POST /order-plz #1';
/** The order's file, and the folders that are made for it. */
const ORDER = /^(?:mkdir|sync) (?:dstack-ingress|\.) | dstack-ingress\/orders(?:\/| )/;
const NOTED = /^rename dstack-ingress\/orders\//;

/** The number of polls depends on timing. */
function isRepeated(label: string): boolean {
  return /^(?:GET|HEAD|POST \/(?:authZ|my-order))/.test(label) && !label.endsWith(' #1');
}

/** Starts the ingress, calls `check` when a run has finished, and ends the ingress. */
export async function whenFinished(
  environment: Environment,
  check: (ingress: Ingress) => Promise<void>,
  run: Start = start,
): Promise<void> {
  await using ingress = run(environment);
  await ingress.seen('pass-finished', { timeoutMs: LONGEST_MS });
  await check(ingress);
  await ingress.end('SIGTERM');
}

/** Requests a run (SIGHUP) and waits until one has finished. */
export async function reconcileNow(ingress: Ingress): Promise<void> {
  const before = finished(ingress);
  ingress.signal('SIGHUP');
  await ingress.seen('pass-finished', { timeoutMs: LONGEST_MS, fits: () => finished(ingress) > before });
}

function finished({ log }: Ingress): number {
  return log.filter(({ event }) => event === 'pass-finished').length;
}

/** Starts the ingress and waits for its end. */
export async function untilItEnds(
  environment: Environment,
  run: Start = start,
): Promise<Ending & Pick<Ingress, 'words'>> {
  await using ingress = run(environment);
  return { ...(await ingress.ended), words: ingress.words };
}
