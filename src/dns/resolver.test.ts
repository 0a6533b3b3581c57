import assert from 'node:assert/strict';
import { getServers, setServers } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { a, aaaa, cname, type DnsScript, startDnsServer } from '../../test/harness/dns/dns-server.ts';
import { freePort } from '../../test/world/free-port.ts';
import { allAddresses, createResolver, lookUpAddresses, systemResolvers } from './resolver.ts';

const NAME = 'gateway.example.net';
const never = new AbortController().signal;
const question = { name: NAME, type: 'A' } as const;
const good = { answers: [a(NAME, '192.0.2.1')] };

test('the first resolver that answers is the last one that is queried', async (t) => {
  const first = await startDnsServer(t, () => good);
  const second = await startDnsServer(t, () => good);
  await createResolver([first, second])(question, never);
  assert.deepEqual([first.queries.length, second.queries.length], [1, 0]);
});

test('NXDOMAIN is an answer', async (t) => {
  const first = await startDnsServer(t, () => ({ rcode: 'NXDOMAIN' }));
  const second = await startDnsServer(t, () => good);
  assert.equal((await createResolver([first, second])(question, never)).rcode, 'NXDOMAIN');
  assert.deepEqual(second.queries, []);
});

for (const rcode of ['SERVFAIL', 'REFUSED'] as const) {
  test(`after ${rcode} the next resolver is queried`, async (t) => {
    const first = await startDnsServer(t, () => ({ rcode }));
    const second = await startDnsServer(t, () => good);
    const { answers } = await createResolver([first, second])(question, never);
    assert.deepEqual(answers, [{ name: NAME, type: 'A', value: '192.0.2.1' }]);
  });
}

test('after a resolver that does not answer the next one is queried', async (t) => {
  const second = await startDnsServer(t, () => good);
  const absent = { address: '127.0.0.1', port: await freePort() };
  assert.equal((await createResolver([absent, second])(question, never)).answers.length, 1);
});

test('if no resolver answers, the error has the failure of each', async (t) => {
  const failing = await startDnsServer(t, () => ({ rcode: 'SERVFAIL' }), { address: '127.0.0.2' });
  const absent = { address: '127.0.0.1', port: await freePort() };
  const { name, type } = question;
  await assert.rejects(createResolver([failing, absent])(question, never), {
    code: 'DNS_LOOKUP_FAILED',
    details: {
      ...{ name, type },
      failures: ['127.0.0.2 answers SERVFAIL', `127.0.0.1: connect ECONNREFUSED 127.0.0.1:${absent.port}`],
    },
  });
});

test('without resolvers every lookup fails', async () => {
  await assert.rejects(createResolver([])(question, never), { code: 'DNS_LOOKUP_FAILED' });
});

test('after an abort no other resolver is queried', async (t) => {
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
  assert.deepEqual(second.queries, []);
});

async function addressesFrom(t: TestContext, script: DnsScript): Promise<string[]> {
  const resolver = createResolver([await startDnsServer(t, script)]);
  return allAddresses(await lookUpAddresses(NAME, resolver, never));
}

test('the addresses of a name are those of both families, sorted and distinct, without the CNAMEs', async (t) => {
  const both: DnsScript = ({ name, type }) => ({
    answers:
      type === 'AAAA'
        ? [aaaa(name, '2001:db8::1')]
        : [cname(name, 'pool.example.net'), a('pool.example.net', '192.0.2.2'), a(name, '192.0.2.1')],
  });
  assert.deepEqual(await addressesFrom(t, both), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  const twice = () => ({ answers: [a(NAME, '192.0.2.1'), a(NAME, '192.0.2.1')] });
  assert.deepEqual(await addressesFrom(t, twice), ['192.0.2.1']);
});

test('a name that does not exist has no addresses', async (t) => {
  assert.deepEqual(await addressesFrom(t, () => ({ rcode: 'NXDOMAIN' })), []);
});

test('the lookup of one family may fail if the other finds an address', async (t) => {
  const half: DnsScript = ({ type }) => (type === 'A' ? good : { rcode: 'SERVFAIL' });
  assert.deepEqual(await addressesFrom(t, half), ['192.0.2.1']);
  const resolver = createResolver([await startDnsServer(t, half)]);
  assert.deepEqual(await lookUpAddresses(NAME, resolver, never), { ipv4: ['192.0.2.1'], ipv6: undefined });
  const empty: DnsScript = ({ type }) => (type === 'A' ? {} : { rcode: 'SERVFAIL' });
  await assert.rejects(addressesFrom(t, empty), { code: 'DNS_LOOKUP_FAILED' });
});

test('the system resolvers are read with and without a port, in both families', (t) => {
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
