import { parentPort, workerData } from 'node:worker_threads';
import { everyInterleaving } from './interleavings.ts';
import { openPlay, type Situation } from './same-second.ts';

/** The thread in which one situation is played in every order: in the test's own the runner watches each promise, which takes longer than the play. */

const MOST_STATES = 100_000;
// What same-second.test.ts hands over.
const situation = workerData as Situation;
parentPort?.postMessage(await everyInterleaving((step) => openPlay(situation, step), MOST_STATES));
