import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import type { FaultAct } from './points.ts';

/** A call of the file system that is about to happen. */
export interface PendingCall {
  /** The name of the system call, for the error. */
  readonly syscall: string;
  /** The paths among its arguments; none if it uses an open file. */
  readonly paths: readonly string[];
  readonly act: () => unknown;
  /** Writes the first half of the bytes; undefined if there are no bytes to cut. */
  readonly half: (() => unknown) | undefined;
}

/**
 * Carries out the call, or the ordered fault instead. Throws the error of Node.js for a refused
 * call.
 */
export function carryOut(call: PendingCall, order: FaultAct | undefined, die: () => unknown): unknown {
  switch (order) {
    case undefined:
      return call.act();
    case 'kill-before':
      return die();
    case 'ENOSPC':
    case 'EROFS':
      throw systemError(order, call);
    case 'kill-after':
      return afterwards(call.act, die);
    case 'kill-torn':
      return afterwards(halfOf(call), die);
    case 'torn':
      return afterwards(halfOf(call), () => {
        throw systemError('ENOSPC', call);
      });
  }
}

/** Runs `next` once `act` is done, whatever its result; `act` may return a promise. */
function afterwards(act: () => unknown, next: () => unknown): unknown {
  let result: unknown;
  try {
    result = act();
  } catch {
    return next();
  }
  return result instanceof Promise ? result.then(next, next) : next();
}

function halfOf({ half, syscall }: PendingCall): () => unknown {
  if (half) return half;
  throw new Error(`fault points: this ${syscall} has no bytes to cut in half`);
}

function systemError(code: 'ENOSPC' | 'EROFS', { syscall, paths }: PendingCall): Error {
  const errno = -constants.errno[code];
  const [path, dest] = paths;
  const operands = paths.length === 0 ? '' : ` ${paths.map((operand) => `'${operand}'`).join(' -> ')}`;
  return Object.assign(new Error(`${code}: ${getSystemErrorMessage(errno)}, ${syscall}${operands}`), {
    ...{ errno, code, syscall },
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
  });
}
