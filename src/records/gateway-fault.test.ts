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

const rows: [title: string, finding: Partial<GatewayFinding>, sentence: RegExp | undefined][] = [
  ['a name with an address', {}, undefined],
  [
    'a name without one',
    { addresses: [] },
    /^GATEWAY_DOMAIN: _\.clutser\.example has no address .* nobody reaches app\.example\.com .*app\.example\.com CNAME _\.clutser\.example\)\. .*dashboard.*DSTACK_GATEWAY_DOMAIN/,
  ],
  [
    'a name without one, of several names',
    { addresses: [], names: ['a.example', 'b.example', 'c.example'], aliases: [alias, alias] },
    /nobody reaches a\.example and 2 more .* and 1 more like it\)/,
  ],
  [
    'a name without one, where nothing is published',
    { addresses: [], aliases: [] },
    /reaches app\.example\.com\. Set/,
  ],
  [
    'a name without one, beside the word of dstack',
    { addresses: [], ...dstack },
    /set it to _\.cluster\.example$/,
  ],
  [
    'a name without one that dstack itself has named',
    { addresses: [], injected: 'clutser.example' },
    /dashboard of the cloud/,
  ],
  [
    'a look-up that failed',
    { addresses: undefined, failure: 'SERVFAIL' },
    /is not known \(SERVFAIL\).*next pass/,
  ],
  [
    'another gateway than dstack says',
    dstack,
    /leads to 192\.0\.2\.1, but dstack .* cluster\.example .* 192\.0\.2\.9/,
  ],
  [
    'another name of the gateway that dstack says',
    { ...dstack, injectedAddresses: ['192.0.2.1'] },
    undefined,
  ],
  ['a word of dstack that leads nowhere', { ...dstack, injectedAddresses: [] }, undefined],
  ['a word of dstack that could not be looked up', { ...dstack, injectedAddresses: undefined }, undefined],
];
for (const [title, finding, sentence] of rows) {
  test(`GATEWAY_DOMAIN with ${title}: ${sentence ? 'a warning' : 'nothing'}`, () => {
    const fault = gatewayFault({ ...good, ...finding });
    if (sentence) assert.match(fault ?? '', sentence);
    else assert.equal(fault, undefined);
  });
}
