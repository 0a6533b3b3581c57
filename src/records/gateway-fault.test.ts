import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GatewayFinding, gatewayFault } from './gateway-fault.ts';

const alias = { name: 'app.example.com', type: 'CNAME', value: '_.clutser.example', ttl: 60 };
const good: GatewayFinding = {
  gatewayDomain: '_.clutser.example',
  addresses: ['192.0.2.1'],
  failure: undefined,
  injected: undefined,
  injectedAddresses: undefined,
  names: ['app.example.com'],
  aliases: [alias],
};
const dstack = { injected: 'cluster.example', injectedAddresses: ['192.0.2.9'] };

const rows: [title: string, finding: Partial<GatewayFinding>, isFault: boolean][] = [
  ['has an address', {}, false],
  ['has no address', { addresses: [] }, true],
  ['has no address, and dstack names another gateway', { addresses: [], ...dstack }, true],
  ['has no address, and dstack names the same gateway', { addresses: [], injected: 'clutser.example' }, true],
  ['could not be looked up', { addresses: undefined, failure: 'SERVFAIL' }, true],
  ['has other addresses than the gateway that dstack names', dstack, true],
  [
    'shares an address with the gateway that dstack names',
    { ...dstack, injectedAddresses: ['192.0.2.1'] },
    false,
  ],
  ['has an address, and the gateway that dstack names has none', { ...dstack, injectedAddresses: [] }, false],
  [
    'has an address, and the lookup of the other gateway failed',
    { ...dstack, injectedAddresses: undefined },
    false,
  ],
];
for (const [title, finding, isFault] of rows) {
  test(`GATEWAY_DOMAIN ${title}: ${isFault ? 'a warning' : 'no warning'}`, () => {
    assert.equal(gatewayFault({ ...good, ...finding }) !== undefined, isFault);
  });
}
