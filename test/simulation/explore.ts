import { parentPort, workerData } from 'node:worker_threads';
import { everyInterleaving } from './interleavings.ts';
import { openModel, type Situation } from './same-second.ts';

/**
 * A worker thread that explores one situation. In the test's own thread, the test runner would
 * track each promise, which takes longer than the exploration.
 */

const MOST_STATES = 100_000;
// two-containers.test.ts passes a Situation.
const situation = workerData as Situation;
parentPort?.postMessage(await everyInterleaving((step) => openModel(situation, step), MOST_STATES));
