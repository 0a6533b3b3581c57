import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Whether one can listen on IPv6 here. Not where the kernel has none (`ipv6.disable=1`); where a host only has no address of it
 * (`net.ipv6.conf.all.disable_ipv6=1`, networks of Docker's) one can, and nobody comes. Never rejects.
 */
export async function hasIpv6(): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({ host: '::', port: 0, ipv6Only: true }), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
