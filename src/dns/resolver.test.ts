import assert from 'node:assert/strict';
import { getServers, setServers } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { a, aaaa, cname, type DnsScript, startDnsServer } from '../../test/harness/dns/dns-server.ts';
import { freePort } from '../../test/world/free-port.ts';
import { IngressError } from '../errors.ts';
import { addressesOf, createResolver, systemResolvers } from './resolver.ts';

const NAME = 'gateway.example.net';
const never = new AbortController().signal;
const question = { name: NAME, type: 'A' } as const;
const good = { answers: [a(NAME, '192.0.2.1')] };

test('the first resolver that answers is the last that is asked', async (t) => {
  const first = await startDnsServer(t, () => good);
  const second = await startDnsServer(t, () => good);
  await createResolver([first, second])(question, never);
  assert.deepEqual([first.asked.length, second.asked.length], [1, 0]);
});

test('NXDOMAIN is an answer', async (t) => {
  const first = await startDnsServer(t, () => ({ rcode: 'NXDOMAIN' }));
  const second = await startDnsServer(t, () => good);
  assert.equal((await createResolver([first, second])(question, never)).rcode, 'NXDOMAIN');
  assert.deepEqual(second.asked, []);
});

for (const rcode of ['SERVFAIL', 'REFUSED'] as const) {
  test(`after ${rcode} the next resolver is asked`, async (t) => {
    const first = await startDnsServer(t, () => ({ rcode }));
    const second = await startDnsServer(t, () => good);
    const { answers } = await createResolver([first, second])(question, never);
    assert.deepEqual(answers, [{ name: NAME, type: 'A', value: '192.0.2.1' }]);
  });
}

test('after a resolver that is not there the next one is asked', async (t) => {
  const second = await startDnsServer(t, () => good);
  const absent = { address: '127.0.0.1', port: await freePort() };
  assert.equal((await createResolver([absent, second])(question, never)).answers.length, 1);
});

test('when none answers, the error says of each why', async (t) => {
  const failing = await startDnsServer(t, () => ({ rcode: 'SERVFAIL' }), { address: '127.0.0.2' });
  const absent = { address: '127.0.0.1', port: await freePort() };
  await assert.rejects(createResolver([failing, absent])(question, never), (thrown) => {
    assert.ok(thrown instanceof IngressError);
    assert.equal(thrown.code, 'DNS_LOOKUP_FAILED');
    assert.match(
      thrown.message,
      /gateway\.example\.net A .*127\.0\.0\.2 says SERVFAIL; 127\.0\.0\.1: .*REFUSED/,
    );
    return true;
  });
});

test('without resolvers no look-up succeeds', async () => {
  await assert.rejects(createResolver([])(question, never), { code: 'DNS_LOOKUP_FAILED' });
});

test('an abort is no failure of a resolver: nobody else is asked', async (t) => {
  const abort = new AbortController();
  const reason = new Error('stopped');
  const first = await startDnsServer(t, () => {
    queueMicrotask(() => abort.abort(reason));
    return 'silence';
  });
  const second = await startDnsServer(t, () => good);
  await assert.rejects(
    createResolver([first, second])(question, abort.signal),
    (thrown) => thrown === reason,
  );
  assert.deepEqual(second.asked, []);
});

const script: DnsScript = ({ name, type }) => ({
  answers:
    type === 'AAAA'
      ? [aaaa(name, '2001:db8::1')]
      : [cname(name, 'pool.example.net'), a('pool.example.net', '192.0.2.2'), a(name, '192.0.2.1')],
});

test('the addresses of a name are those of both families, sorted, once each, without the aliases', async (t) => {
  const server = await startDnsServer(t, script);
  assert.deepEqual(await addressesOf(NAME, createResolver([server]), never), [
    '192.0.2.1',
    '192.0.2.2',
    '2001:db8::1',
  ]);
  const twice = await startDnsServer(t, () => good);
  assert.deepEqual(await addressesOf(NAME, createResolver([twice]), never), ['192.0.2.1']);
});

test('a name that is not there has no address; one family may fail as long as the other gives addresses', async (t) => {
  const missing = await startDnsServer(t, () => ({ rcode: 'NXDOMAIN' }));
  assert.deepEqual(await addressesOf(NAME, createResolver([missing]), never), []);
  const half = await startDnsServer(t, ({ type }) => (type === 'A' ? good : { rcode: 'SERVFAIL' }));
  assert.deepEqual(await addressesOf(NAME, createResolver([half]), never), ['192.0.2.1']);
  const empty = await startDnsServer(t, ({ type }) => (type === 'A' ? {} : { rcode: 'SERVFAIL' }));
  await assert.rejects(addressesOf(NAME, createResolver([empty]), never), { code: 'DNS_LOOKUP_FAILED' });
});

test('the resolvers of the system are read with and without port, in both families', (t) => {
  const before = getServers();
  afterTest(t, () => {
    setServers(before);
    syncBuiltinESMExports();
  });
  setServers(['192.0.2.1', '192.0.2.2:5353', '2001:db8::1', '[2001:db8::2]:5353']);
  syncBuiltinESMExports();
  assert.deepEqual(systemResolvers(), [
    { address: '192.0.2.1', port: 53 },
    { address: '192.0.2.2', port: 5353 },
    { address: '2001:db8::1', port: 53 },
    { address: '2001:db8::2', port: 5353 },
  ]);
});
