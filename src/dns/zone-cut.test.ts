import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rr } from '../../test/harness/dns/resolver.ts';
import type { AuthoritativeServer } from './authoritative.ts';
import type { Query, Reply } from './query.ts';
import { delegationFault, findZoneCut } from './zone-cut.ts';

const never = new AbortController().signal;
const NAME = '_acme-challenge.app.example.com';
const server = (hostname: string, address: string): AuthoritativeServer => ({ hostname, address, port: 53 });
const zone = { apex: 'example.com', servers: [server('ns1', '192.0.2.1'), server('ns2', '192.0.2.2')] };

const rows: [title: string, reply: Partial<Reply>, holder: string | undefined][] = [
  ['a referral', { authorities: [rr('app.example.com', 'NS', 'ns.child.example')] }, 'app.example.com'],
  ['a referral at the name', { authorities: [rr(NAME, 'NS', 'ns.child.example')] }, NAME],
  ['no such name', { rcode: 'NXDOMAIN', authorities: [rr('example.com', 'SOA', '')] }, 'example.com'],
  ['no such record', { authorities: [rr('example.com', 'SOA', '')] }, 'example.com'],
  [
    'the child, which is on the same server',
    { authorities: [rr('app.example.com', 'SOA', '')] },
    'app.example.com',
  ],
  ['the SOA record of the name', { answers: [rr(NAME, 'SOA', '')] }, NAME],
  [
    'an alias that leads elsewhere',
    { answers: [rr(NAME, 'CNAME', 'x.example.net')], authorities: [rr('example.net', 'SOA', '')] },
    undefined,
  ],
  ['a referral to the root', { authorities: [rr('', 'NS', 'a.root-servers.net')] }, undefined],
  ['a referral beside the name', { authorities: [rr('x.example.com', 'NS', 'ns1')] }, undefined],
  ['a refusal', { rcode: 'REFUSED' }, undefined],
  ['nothing', {}, undefined],
];
for (const [title, reply, holder] of rows) {
  test(`${title}: ${holder ?? 'only the word of the resolvers is left'}`, async () => {
    const ask: Query = async () => ({ rcode: 'NOERROR', answers: [], authorities: [], ...reply });
    assert.deepEqual(await findZoneCut(NAME, zone, ask, never), {
      apex: holder ?? 'example.com',
      isAuthoritative: holder !== undefined,
    });
  });
}

test('one server that says nothing does not hold up the other, and is not asked any longer', async () => {
  let abandoned = false;
  const ask: Query = ({ address }, _, { signal }) => {
    if (address === '192.0.2.2')
      return Promise.resolve({ rcode: 'NXDOMAIN', answers: [], authorities: [rr('example.com', 'SOA', '')] });
    const { promise, reject } = Promise.withResolvers<Reply>();
    signal.addEventListener('abort', () => {
      abandoned = true;
      reject(signal.reason);
    });
    return promise;
  };
  assert.equal((await findZoneCut(NAME, zone, ask, never)).isAuthoritative, true);
  assert.equal(abandoned, true);
});

test('an abort is thrown', async () => {
  const abort = new AbortController();
  abort.abort(new Error('stopped'));
  const ask: Query = (_, __, { signal }) => Promise.reject(signal.reason);
  await assert.rejects(findZoneCut(NAME, zone, ask, abort.signal), /stopped/);
});

const places: [
  written: string,
  zone: string,
  registered: string,
  holder: string,
  fault: RegExp | undefined,
][] = [
  ['app.example.com', 'example.com', 'example.com', 'example.com', undefined],
  [
    'app.example.com',
    'example.com',
    'example.com',
    'app.example.com',
    /the zone example\.com, but .* in the zone app\.example\.com, which example\.com has delegated/,
  ],
  [
    'app.example.com',
    'example.com',
    'example.com',
    '_acme-challenge.app.example.com',
    /^_acme-challenge\.app\.example\.com would be written into the zone example\.com, but .* in the zone _acme-challenge\.app/,
  ],
  [
    'app.sub.example.com',
    'sub.example.com',
    'example.com',
    'example.com',
    /zone sub\.example\.com of the account, but nobody has delegated .* in the zone example\.com/,
  ],
  // The whole domain is not delegated yet.
  ['app.example.co.uk', 'example.co.uk', 'example.co.uk', 'co.uk', undefined],
  ['app.sub.example.co.uk', 'sub.example.co.uk', 'example.co.uk', 'co.uk', undefined],
  ['app.example.com', 'example.com', 'example.com', 'example.org', undefined],
];
for (const [domain, apex, registered, holder, fault] of places) {
  test(`${domain}, written into ${apex} and looked for in ${holder}, is ${fault ? 'a fault' : 'right'}`, () => {
    const error = delegationFault({ domain, zone: apex, registeredDomain: registered }, holder);
    if (fault) assert.match(error?.message ?? '', fault);
    else assert.equal(error, undefined);
  });
}
