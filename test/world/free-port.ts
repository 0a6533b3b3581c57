import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below Linux's range for outgoing connections, so that none of them takes the port before its user
// listens.
const LOWEST = 10_240;
const HIGHEST = 32_767;

/** A free port of 127.0.0.1, for UDP and TCP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if ((await isFreeForUdp(port)) && (await isFreeForTcp(port))) return port;
  }
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return bound(once(socket.bind(port, '127.0.0.1'), 'listening'), () => socket.close());
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  return bound(once(server.listen(port, '127.0.0.1'), 'listening'), () => server.close());
}

async function bound(listening: Promise<unknown>, close: () => void): Promise<boolean> {
  try {
    await listening;
    close();
    return true;
  } catch {
    return false;
  }
}
