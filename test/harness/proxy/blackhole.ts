import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { afterTest } from '../after-test.ts';
import { eventually } from './proxy.ts';

/**
 * Listens, reports its port and then blocks, without accepting connections, until it is stopped.
 */
const LISTENER = `
  const { createServer } = require('node:net');
  const { parentPort, workerData } = require('node:worker_threads');
  const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(workerData, 0, 0));
  });
`;

/**
 * A port that does not respond to a SYN, like a host behind a packet filter: its backlog is full
 * and nothing accepts connections.
 */
export async function startBlackhole(t: TestContext): Promise<number> {
  const stopped = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(LISTENER, { eval: true, workerData: stopped });
  const [port]: unknown[] = await once(worker, 'message');
  if (typeof port !== 'number') throw new Error('the listener did not report a port');
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
  for (const filler of fillers) filler.on('error', () => undefined);
  afterTest(t, async () => {
    for (const filler of fillers) filler.destroy();
    Atomics.store(stopped, 0, 1);
    Atomics.notify(stopped, 0);
    await worker.terminate();
  });
  await eventually('a full queue', () => fillers.some((filler) => !filler.connecting));
  await eventually('a connection that waits', () => fillers.some((filler) => filler.connecting));
  return port;
}
