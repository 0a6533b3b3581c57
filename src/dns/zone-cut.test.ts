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

/**
 * The apex is undefined if no name server's answer decides; then the zone from the resolvers is
 * used.
 */
const rows: [title: string, reply: Partial<Reply>, apex: string | undefined][] = [
  ['a referral', { authorities: [rr('app.example.com', 'NS', 'ns.child.example')] }, 'app.example.com'],
  ['a referral at the name', { authorities: [rr(NAME, 'NS', 'ns.child.example')] }, NAME],
  ['NXDOMAIN', { rcode: 'NXDOMAIN', authorities: [rr('example.com', 'SOA', '')] }, 'example.com'],
  ['NODATA', { authorities: [rr('example.com', 'SOA', '')] }, 'example.com'],
  [
    'NODATA of the child zone on the same server',
    { authorities: [rr('app.example.com', 'SOA', '')] },
    'app.example.com',
  ],
  ['the SOA record of the name', { answers: [rr(NAME, 'SOA', '')] }, NAME],
  [
    'a CNAME that leads elsewhere',
    { answers: [rr(NAME, 'CNAME', 'x.example.net')], authorities: [rr('example.net', 'SOA', '')] },
    undefined,
  ],
  ['a referral to the root', { authorities: [rr('', 'NS', 'a.root-servers.net')] }, undefined],
  ['a referral beside the name', { authorities: [rr('x.example.com', 'NS', 'ns1')] }, undefined],
  ['REFUSED', { rcode: 'REFUSED' }, undefined],
  ['an empty response', {}, undefined],
];
for (const [title, reply, apex] of rows) {
  test(`${title} ${apex === undefined ? 'names no zone' : `names the zone ${apex}`}`, async () => {
    const query: Query = async () => ({ rcode: 'NOERROR', answers: [], authorities: [], ...reply });
    assert.deepEqual(await findZoneCut(NAME, zone, query, never), {
      apex: apex ?? 'example.com',
      isAuthoritative: apex !== undefined,
    });
  });
}

test('a server that does not answer does not delay the other one, and its query is aborted', async () => {
  let aborted = false;
  const query: Query = ({ address }, _, { signal }) => {
    if (address === '192.0.2.2')
      return Promise.resolve({ rcode: 'NXDOMAIN', answers: [], authorities: [rr('example.com', 'SOA', '')] });
    const { promise, reject } = Promise.withResolvers<Reply>();
    signal.addEventListener('abort', () => {
      aborted = true;
      reject(signal.reason);
    });
    return promise;
  };
  assert.equal((await findZoneCut(NAME, zone, query, never)).isAuthoritative, true);
  assert.equal(aborted, true);
});

test('an abort is thrown with its reason', async () => {
  const abort = new AbortController();
  abort.abort(new Error('stopped'));
  const query: Query = (_, __, { signal }) => Promise.reject(signal.reason);
  await assert.rejects(findZoneCut(NAME, zone, query, abort.signal), /stopped/);
});

const CHALLENGE = '_acme-challenge.app.example.com';
const assignments: [domain: string, zone: string, registered: string, apex: string, isFault: boolean][] = [
  ['app.example.com', 'example.com', 'example.com', 'example.com', false],
  ['app.example.com', 'example.com', 'example.com', 'app.example.com', true],
  ['app.example.com', 'example.com', 'example.com', CHALLENGE, true],
  ['app.sub.example.com', 'sub.example.com', 'example.com', 'example.com', true],
  // The whole registered domain is not delegated yet.
  ['app.example.co.uk', 'example.co.uk', 'example.co.uk', 'co.uk', false],
  ['app.sub.example.co.uk', 'sub.example.co.uk', 'example.co.uk', 'co.uk', false],
  ['app.example.com', 'example.com', 'example.com', 'example.org', false],
];
for (const [domain, assigned, registeredDomain, apex, isFault] of assignments) {
  test(`${domain} in the zone ${assigned}, served from ${apex}, is ${isFault ? 'a fault' : 'no fault'}`, () => {
    const error = delegationFault({ domain, zone: assigned, registeredDomain }, apex);
    assert.equal(error?.code, isFault ? 'ZONE_NOT_PUBLIC' : undefined);
    assert.deepEqual(error?.details, isFault ? { domain, zone: assigned, holder: apex } : undefined);
  });
}
