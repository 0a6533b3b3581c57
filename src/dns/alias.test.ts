import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseAliasTarget } from './alias.ts';

const G = '_.cluster.net';
const F = 'gateway.cluster.net';
const table: [
  title: string,
  configured: string[] | undefined,
  friendly: string[] | undefined,
  published: string | undefined,
  expected: string,
][] = [
  ['both lead to the same addresses', ['192.0.2.1', '192.0.2.2'], ['192.0.2.2', '192.0.2.1'], undefined, F],
  ['the friendly name leads nowhere', ['192.0.2.1'], [], undefined, G],
  ['the friendly name leads elsewhere', ['192.0.2.1'], ['198.51.100.1'], F, G],
  ['neither leads anywhere', [], [], undefined, G],
  ['a failed look-up keeps the friendly name', undefined, ['192.0.2.1'], F, F],
  ['a failed look-up keeps the configured name', ['192.0.2.1'], undefined, G, G],
  ['a failed look-up publishes what was configured', undefined, undefined, undefined, G],
  ['rotating addresses do not flap', ['192.0.2.1', '192.0.2.2'], ['192.0.2.2', '192.0.2.3'], F, F],
];
for (const [title, configured, friendly, published, expected] of table) {
  test(title, () => {
    assert.equal(chooseAliasTarget({ gatewayDomain: G, configured, friendly, published }), expected);
  });
}

test('any other gateway name is published as it is', () => {
  const lookups = {
    gatewayDomain: 'gw.example.net',
    configured: undefined,
    friendly: undefined,
    published: undefined,
  };
  assert.equal(chooseAliasTarget(lookups), 'gw.example.net');
});
