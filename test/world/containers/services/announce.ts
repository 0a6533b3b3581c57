import { createSocket } from 'node:dgram';
import type { Settings } from './settings.ts';

/** The port of the discard service (RFC 863), which no host here runs. */
const DISCARD_PORT = 9;

/**
 * Announces this container's address to its neighbours. After a restart, podman keeps the
 * container's fixed address but gives it another MAC address, and the neighbours would send to the
 * old one for up to a minute. Any packet corrects that, because a broadcast ARP request precedes it
 * (RFC 826).
 */
export async function announce(settings: Settings): Promise<void> {
  const { NS1_ADDRESS, NS2_ADDRESS, RESOLVER_ADDRESS, GATEWAY_ADDRESS } = settings;
  const socket = createSocket('udp4');
  const sent = [NS1_ADDRESS, NS2_ADDRESS, RESOLVER_ADDRESS, GATEWAY_ADDRESS].map(
    (address) => new Promise((resolve) => socket.send('', DISCARD_PORT, address, resolve)),
  );
  await Promise.all(sent);
  socket.close();
}
