import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { faultsOf, GOOD, kindsOf, load } from '../../test/harness/config.ts';
import type { FaultKind } from './faults.ts';

const right: [value: string, url: string, host: string][] = [
  ['http://proxy.example:3128', 'http://proxy.example:3128/', 'proxy.example:3128'],
  ['http://proxy.example:3128/', 'http://proxy.example:3128/', 'proxy.example:3128'],
  ['proxy.example:3128', 'http://proxy.example:3128/', 'proxy.example:3128'],
  ['http://proxy.example', 'http://proxy.example/', 'proxy.example:80'],
  ['https://proxy.example', 'https://proxy.example/', 'proxy.example:443'],
  ['http://[::1]:8080', 'http://[::1]:8080/', '[::1]:8080'],
  ['http://us%40er:p%2Fw@10.0.0.1:8080', 'http://us%40er:p%2Fw@10.0.0.1:8080/', '10.0.0.1:8080'],
];
for (const [value, url, host] of right) {
  test(`HTTPS_PROXY=${value} is ${host}`, () => {
    for (const variable of ['HTTPS_PROXY', 'https_proxy']) {
      const { httpsProxy, warnings } = load({ ...GOOD, [variable]: value });
      assert.deepEqual([httpsProxy?.url.reveal(), httpsProxy?.host, warnings], [url, host, []]);
    }
  });
}

const wrong: [value: string, kind: FaultKind][] = [
  ['http://', 'not-a-url'],
  ['ftp://proxy.example:21', 'not-a-url'],
  ['socks5://hush:hush@proxy.example:1080', 'unsupported'],
  ['http://proxy.example:99999', 'not-a-url'],
  ['http://hush:hush@proxy.example:3128/pac', 'malformed'],
  ['http://proxy.example:3128?hush', 'malformed'],
  ['http://hush:%zz@proxy.example:3128', 'not-a-url'],
  ['http://hush hush@proxy.example:3128', 'not-a-url'],
  ['3128', 'not-a-url'],
];
for (const [value, kind] of wrong) {
  test(`HTTPS_PROXY=${value} is a fault that does not show the value`, () => {
    const faults = faultsOf({ ...GOOD, HTTPS_PROXY: value });
    assert.deepEqual(kindsOf(faults), [`HTTPS_PROXY ${kind}`]);
    assert.doesNotMatch(JSON.stringify(faults), /hush/);
  });
}

test('credentials of the proxy are never shown, and can come from a file', () => {
  const config = load(
    { ...GOOD, HTTPS_PROXY_FILE: '/proxy' },
    { '/proxy': 'http://hush:hush@proxy.example:1\n' },
  );
  assert.equal(config.httpsProxy?.url.reveal(), 'http://hush:hush@proxy.example:1/');
  assert.doesNotMatch(JSON.stringify(config) + inspect(config, { depth: 9 }), /hush/);
});

test('two proxies that differ: the upper case is used, and the warning shows neither', () => {
  const both = { HTTPS_PROXY: 'http://one.example:1', https_proxy: 'http://two.example:2' };
  const { httpsProxy, warnings } = load({ ...GOOD, ...both });
  assert.equal(httpsProxy?.host, 'one.example:1');
  assert.deepEqual(warnings, [{ kind: 'aliases-differ', variable: 'HTTPS_PROXY', ignored: 'https_proxy' }]);
});

test('NO_PROXY is read with commas or spaces; a network with a prefix length causes a warning', () => {
  const HTTPS_PROXY = 'http://proxy.example:3128';
  const spaced = load({ ...GOOD, HTTPS_PROXY, no_proxy: ' localhost,.example.net  10.0.0.1 ' });
  assert.equal(spaced.noProxy, 'localhost,.example.net,10.0.0.1');
  const { warnings } = load({ ...GOOD, HTTPS_PROXY, NO_PROXY: 'localhost,10.0.0.0/8' });
  assert.deepEqual(warnings, [{ kind: 'ignored-network', variable: 'NO_PROXY', network: '10.0.0.0/8' }]);
});

test('a proxy for other protocols has no effect, and causes a warning unless HTTPS_PROXY is set', () => {
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) {
    const environment = { ...GOOD, [name]: 'http://hush@proxy.example:3128' };
    const { warnings } = load(environment);
    assert.deepEqual(warnings, [{ kind: 'other-proxy', variable: name }]);
    assert.deepEqual(load({ ...environment, HTTPS_PROXY: 'proxy.example:3128' }).warnings, []);
  }
});
