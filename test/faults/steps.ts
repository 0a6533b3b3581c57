import { plantCertificate } from '../e2e/support.ts';
import { type FaultAct, points, recordPoints } from '../world/faults/fault-points.ts';
import { type Ending, type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { start } from './start.ts';

const RECORDED = 'recorded';
const LONGEST_MS = 90_000;
/** Of 90: less than a third. */
const DAYS_LEFT = 20;

/** The environment of a first start, of an ingress for a name of its own, on an empty volume, whose CA is the front of the world's. */
export function startFor(world: World, host: string): Promise<Environment> {
  const ACME_DIRECTORY_URL = world.acmeFront.directoryUrl;
  return environmentFor(world, { DOMAIN: `${host}.${world.zone}`, ACME_DIRECTORY_URL });
}

/** The same, where a certificate is stored that has to be renewed at once. */
export async function renewalFor(world: World, host: string): Promise<Environment> {
  const environment = await startFor(world, host);
  await plantCertificate(environment, DAYS_LEFT);
  return environment;
}

/** What runs an ingress: in this process, or as one of its own. */
export type Start = (environment: Environment) => Ingress;

/** Everything that a start does to the outside, in order, once each: see `recordPoints`. */
export async function stepsOf(world: World, prepare: typeof startFor, run: Start = start): Promise<string[]> {
  const environment = recordPoints(await prepare(world, RECORDED));
  await whenFinished(environment, async () => undefined, run);
  const steps = points(environment).filter((label) => !isAskedAgain(label));
  if (steps.length < 40) throw new Error(`only ${steps.length} steps:\n${steps.join('\n')}`);
  return steps;
}

/** The same step of a start for another name. */
export function stepOf(label: string, { DOMAIN = '' }: Environment): string {
  const [host = ''] = DOMAIN.split('.');
  return label.replaceAll(`${RECORDED}.`, `${host}.`);
}

/** What is done at a step. */
export interface StepFault {
  readonly act: FaultAct;
  readonly step: string;
}

/**
 * From the CA's answer on until the order is on the volume, nobody knows of the one that was made, and another one is forced. Between the two
 * there is nothing but the writing of the order.
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

/** How often somebody is asked is a matter of time. */
function isAskedAgain(label: string): boolean {
  return /^(?:GET|HEAD|POST \/(?:authZ|my-order))/.test(label) && !label.endsWith(' #1');
}

/** Starts the ingress, looks when a round is finished, and ends it. */
export async function whenFinished(
  environment: Environment,
  look: (ingress: Ingress) => Promise<void>,
  run: Start = start,
): Promise<void> {
  await using ingress = run(environment);
  await ingress.seen('pass-finished', { timeoutMs: LONGEST_MS });
  await look(ingress);
  await ingress.end('SIGTERM');
}

/** Asks for a round (SIGHUP) and waits until one has finished. */
export async function askForRound(ingress: Ingress): Promise<void> {
  const rounds = finished(ingress);
  ingress.signal('SIGHUP');
  await ingress.seen('pass-finished', { timeoutMs: LONGEST_MS, fits: () => finished(ingress) > rounds });
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
