import { once } from 'node:events';
import { connect } from 'node:net';
import type { Server } from './variables.ts';

/** The connection ended in the middle of an answer. */
export class HalfAnswer extends Error {
  override readonly name = 'HalfAnswer';
}

/**
 * Sends one message by TCP (RFC 7766) and hands over each that comes back, until `take` says that it was the last. Only
 * TCP: of a datagram that is lost nobody knows whether the update was made. Rejects with the transport's error, a
 * HalfAnswer, what `take` throws, or the signal's reason.
 */
export async function exchange(
  { host, port }: Server,
  message: Buffer,
  signal: AbortSignal,
  take: (answer: Buffer) => boolean,
): Promise<void> {
  signal.throwIfAborted();
  const socket = connect({ host, port });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  let received = 0;
  const split = createSplitter();
  socket.on('error', reject);
  socket.on('connect', () => socket.write(withLength(message)));
  socket.on('data', (piece: Buffer) => {
    received += piece.length;
    try {
      if (split(piece).some(take)) resolve();
    } catch (thrown) {
      reject(thrown);
    }
  });
  socket.on('close', () => {
    const nothing = new Error('it closed the connection without an answer');
    reject(received === 0 ? nothing : new HalfAnswer('it closed the connection in the middle of its answer'));
  });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    const closed = socket.closed ? Promise.resolve() : once(socket, 'close');
    socket.destroy();
    await closed;
  }
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Cuts the stream into messages by the length in front of each (RFC 1035 §4.2.2). */
function createSplitter(): (piece: Buffer) => Buffer[] {
  let held = Buffer.alloc(0);
  return (piece) => {
    held = Buffer.concat([held, piece]);
    const whole: Buffer[] = [];
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0);
      whole.push(held.subarray(2, end));
      held = held.subarray(end);
    }
    return whole;
  };
}
