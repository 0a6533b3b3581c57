import { createSocket } from 'node:dgram';
import type { Settings } from './settings.ts';

/** The discard service (RFC 863), which nobody runs. */
const NOBODY = 9;

/**
 * Lets the neighbours know where this container's address is now. Podman gives a container that is started again its fixed
 * address on another MAC address, and they would go on sending to the old one for up to a minute. Any packet corrects that,
 * because a broadcast ARP request goes before it (RFC 826).
 */
export async function announce(settings: Settings): Promise<void> {
  const { NS1_ADDRESS, NS2_ADDRESS, RESOLVER_ADDRESS, GATEWAY_ADDRESS } = settings;
  const socket = createSocket('udp4');
  const sent = [NS1_ADDRESS, NS2_ADDRESS, RESOLVER_ADDRESS, GATEWAY_ADDRESS].map(
    (address) => new Promise((resolve) => socket.send('', NOBODY, address, resolve)),
  );
  await Promise.all(sent);
  socket.close();
}
