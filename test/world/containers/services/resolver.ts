import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startResolver } from '../../dns/resolver.ts';
import { delegationsOf } from '../../dns/zones.ts';
import { type Service, zonesOf } from './service.ts';

/** The recursive resolver, with the root, the top-level domain and the gateway's zone. */
export const startResolverService: Service = async (settings, say) => {
  const { RESOLVER_ADDRESS: address, GATEWAY_ADDRESS, GATEWAY_DOMAIN } = settings;
  await startResolver({
    directory: await mkdtemp(join(tmpdir(), 'resolver-')),
    address,
    delegations: delegationsOf(zonesOf(settings)),
    gatewayDomain: GATEWAY_DOMAIN,
    gatewayAddress: GATEWAY_ADDRESS,
  });
  say(`resolving on ${address}:53; *.${GATEWAY_DOMAIN} is ${GATEWAY_ADDRESS}`);
};
