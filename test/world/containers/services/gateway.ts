import { startGateway } from '../../dstack/gateway.ts';
import { EVERYWHERE, type Say, type Service } from './service.ts';

/** The dstack gateway, with one CVM. */
export const startGatewayService: Service = async (settings, say) => {
  const { RESOLVER_ADDRESS: resolver, GATEWAY_DOMAIN: domain } = settings;
  const gateway = await startGateway({ address: EVERYWHERE, resolver, domain, log: withoutRepeats(say) });
  const { APP_ID: appId, INSTANCE_ID: instanceId, INSTANCE_ADDRESS: address } = settings;
  gateway.instances = [{ appId, instanceId, address }];
  say(`passing TLS through on port 443; ${address} is the app ${appId}`);
};

/**
 * Drops repeated lines: the visitor retries until the gateway accepts it, and one refusal is
 * enough.
 */
function withoutRepeats(say: Say): Say {
  let last = '';
  return (line) => {
    if (line !== last) say(line);
    last = line;
  };
}
