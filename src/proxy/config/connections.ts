import type { Backend } from './backends.ts';
import { integer } from './syntax.ts';

/** Connections reserved for the control plane, besides MAXCONN. */
export const RESERVED_CONNECTIONS = 8;

/**
 * Each takes two file descriptors, and Linux lets a process open at most 2^20 by default
 * (fs.nr_open).
 */
const MAX_CONNECTIONS = 500_000;

/**
 * HAProxy gets file descriptors for this many targets at their limit; further targets share them.
 */
const PROVISIONED_TARGETS = 4;

/**
 * The global `maxconn`, from which HAProxy computes its file descriptors: two for each connection.
 * A TCP client takes two. An HTTP client takes one, and an HTTP/1.1 client one more for its current
 * request. HTTP/2 clients can fill every backend that serves them, and the result allows for this
 * in the PROVISIONED_TARGETS targets with the most such backends.
 */
export function globalMaxconn(maxconn: number, backends: readonly Backend[]): number {
  const filled = [...Map.groupBy(backends, ({ target }) => target).values()]
    .map((ofTarget) => ofTarget.filter(({ abortOnClose }) => abortOnClose).length)
    .sort((one, other) => other - one)
    .slice(0, PROVISIONED_TARGETS)
    .reduce((sum, count) => sum + count, 0);
  const wanted = Math.ceil((checkedMaxconn(maxconn) * (1 + Math.max(1, filled))) / 2);
  return Math.max(maxconn, Math.min(wanted, MAX_CONNECTIONS));
}

/** The limit of client connections (MAXCONN). Throws a RangeError if it is out of range. */
export function checkedMaxconn(maxconn: number): number {
  return integer('maxconn', maxconn, 1, MAX_CONNECTIONS);
}
