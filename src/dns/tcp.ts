import { EOF } from 'node:dns';
import { once } from 'node:events';
import { connect } from 'node:net';
import { untilAborted } from '../async.ts';

/** An error with one of the codes of `node:dns`. */
export function transportError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** The connection ended within a message. */
export class IncompleteMessage extends Error {
  override readonly name = 'IncompleteMessage';
}

/**
 * Sends one DNS message over a TCP connection of its own (RFC 7766), and calls `take` with each
 * message of the response until it returns true for the last. Rejects with the transport's error
 * (EOF if the server closes the connection without a response), an IncompleteMessage, what `take`
 * throws, or the signal's reason. The socket is always closed.
 */
export async function exchangeTcp(
  { host, port }: { readonly host: string; readonly port: number },
  message: Buffer,
  signal: AbortSignal,
  take: (answer: Buffer) => boolean,
): Promise<void> {
  signal.throwIfAborted();
  const socket = connect({ host, port });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const split = createSplitter();
  socket.on('error', reject);
  socket.on('connect', () => socket.write(withLength(message)));
  socket.on('data', (piece: Buffer) => {
    try {
      if (split(piece).some(take)) resolve();
    } catch (thrown) {
      reject(thrown);
    }
  });
  socket.on('close', () => {
    if (socket.bytesRead === 0)
      reject(transportError(EOF, 'the server closed the connection without an answer'));
    else reject(new IncompleteMessage('the server closed the connection within its answer'));
  });
  try {
    await untilAborted(promise, signal);
  } finally {
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

/** Cuts the stream into messages by the length before each (RFC 1035 §4.2.2). */
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
