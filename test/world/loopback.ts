import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** A /24 of the loopback network for one world, so that several worlds can run at once. */
export interface Loopback extends AsyncDisposable {
  /** Its first three octets, for example `127.31.7`. */
  readonly prefix: string;
  /** The next unused address. */
  next(): string;
}

const ATTEMPTS = 50;
// The world claims its network by holding port 53 of this host open: a second world that picks the
// same network cannot bind it.
const CLAIM_HOST = 254;

/**
 * Claims a random free /24. Rejects if port 53 cannot be bound, for lack of rights or because a
 * server holds 0.0.0.0.
 */
export async function claimLoopback(): Promise<Loopback> {
  let refusal: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const prefix = `127.${randomInt(1, 255)}.${randomInt(256)}`;
    try {
      return await claim(prefix);
    } catch (thrown) {
      refusal = thrown;
    }
  }
  throw new Error('no loopback network with a free port 53; the world has to run as root', {
    cause: refusal,
  });
}

async function claim(prefix: string): Promise<Loopback> {
  const socket = createSocket('udp4');
  socket.bind(53, `${prefix}.${CLAIM_HOST}`);
  await once(socket, 'listening');
  let host = 0;
  return {
    prefix,
    next() {
      host += 1;
      if (host >= CLAIM_HOST) throw new Error(`all addresses of ${prefix}.0/24 are taken`);
      return `${prefix}.${host}`;
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
