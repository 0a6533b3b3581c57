import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { FIXED_PORTS } from './fixed-ports.ts';

// Below Linux's range for outgoing connections, so that none of them takes the port before its user
// listens.
const LOWEST = 10_240;
const PORTS_PER_BLOCK = 64;
const BLOCKS = 352;

/**
 * A process claims a block of ports by holding the UDP port of the block's number on this address,
 * which nothing else listens on. Test files are concurrent processes, so a port that is free now
 * could be taken before its user listens.
 */
const CLAIM_ADDRESS = '127.255.255.253';

/** Those who listen on every address, as an ingress does, cannot have the port of a CA. */
const FIXED = new Set<number>(Object.values(FIXED_PORTS));

let claimed: number[] = [];
let claiming: Promise<void> = Promise.resolve();

/**
 * A port of 127.0.0.1 that is free for UDP and TCP. While this process runs, no other process that
 * calls this function gets it, and this one gets it once.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await nextPort();
    if ((await isFreeForUdp(port)) && (await isFreeForTcp(port))) return port;
  }
}

async function nextPort(): Promise<number> {
  const next = claiming.then(async () => {
    if (claimed.length === 0) claimed = await claimBlock();
    return claimed.pop() ?? LOWEST;
  });
  claiming = next.then(
    () => undefined,
    () => undefined,
  );
  return next;
}

/** The ports of a block that no other process has claimed, until this process ends. */
async function claimBlock(): Promise<number[]> {
  const first = randomInt(BLOCKS);
  for (let tried = 0; tried < BLOCKS; tried += 1) {
    const block = (first + tried) % BLOCKS;
    const socket = createSocket('udp4');
    if (await bound(once(socket.bind(LOWEST + block, CLAIM_ADDRESS), 'listening'), () => socket.unref()))
      return portsOf(block).filter((port) => !FIXED.has(port));
  }
  throw new Error('every block of ports is claimed by another process');
}

function portsOf(block: number): number[] {
  return Array.from({ length: PORTS_PER_BLOCK }, (_, index) => LOWEST + block * PORTS_PER_BLOCK + index);
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return bound(once(socket.bind(port, '127.0.0.1'), 'listening'), () => socket.close());
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  return bound(once(server.listen(port, '127.0.0.1'), 'listening'), () => server.close());
}

async function bound(listening: Promise<unknown>, then: () => void): Promise<boolean> {
  try {
    await listening;
    then();
    return true;
  } catch {
    return false;
  }
}
