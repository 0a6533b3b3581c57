import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rr } from '../../test/harness/dns/resolver.ts';
import { type Expectation, type ProbeResult, type ProbeTarget, probe } from './probe.ts';
import type { Question, Reply } from './query.ts';

const NAME = '_acme-challenge.example.com';
const never = new AbortController().signal;
const record = { name: NAME, type: 'TXT', value: 'new', ttl: 60 };
const own = rr(NAME, 'TXT', 'new');
const old = rr(NAME, 'TXT', 'old');

type Script = (question: Question) => Partial<Reply>;

async function probed(
  expectations: readonly Expectation[],
  script: Script,
  target: Partial<ProbeTarget> = {},
): Promise<ProbeResult> {
  const query = async (question: Question): Promise<Reply> => ({
    rcode: 'NOERROR',
    answers: [],
    authorities: [],
    ...script(question),
  });
  return probe(expectations, 'example.com', { query, ...target }, never);
}

const answers: [title: string, reply: Partial<Reply>, expectation: Partial<Expectation>, kind: string][] = [
  ['the value', { answers: [own] }, {}, 'propagated'],
  ['the value beside another', { answers: [old, own] }, {}, 'propagated'],
  ['the value beside another, where it must be alone', { answers: [old, own] }, { alone: true }, 'stale'],
  ['the value alone, where it must be alone', { answers: [own] }, { alone: true }, 'propagated'],
  ['another value', { answers: [old] }, {}, 'stale'],
  ['the value at another name', { answers: [rr('x.example.com', 'TXT', 'new')] }, {}, 'stale'],
  ['the value in another case', { answers: [rr(NAME, 'TXT', 'NEW')] }, {}, 'stale'],
  ['the value in another type', { answers: [rr(NAME, 'CNAME', 'new')] }, {}, 'stale'],
  ['NXDOMAIN', { rcode: 'NXDOMAIN' }, {}, 'stale'],
  ['NODATA', { authorities: [rr('example.com', 'SOA', '')] }, {}, 'stale'],
  [
    'NODATA with the name servers of the zone',
    { authorities: [rr('example.com', 'NS', 'ns1')] },
    {},
    'stale',
  ],
  ['a referral within the zone', { authorities: [rr('sub.example.com', 'NS', 'ns1')] }, {}, 'stale'],
  ['a referral to the root', { authorities: [rr('', 'NS', 'a.root-servers.net')] }, {}, 'lame'],
  ['a referral to the zone above', { authorities: [rr('com', 'NS', 'a.gtld-servers.net')] }, {}, 'lame'],
  ['SERVFAIL', { rcode: 'SERVFAIL' }, {}, 'lame'],
  ['REFUSED', { rcode: 'REFUSED' }, {}, 'lame'],
];
for (const [title, reply, expectation, kind] of answers) {
  test(`a server that answers ${title} is ${kind}`, async () => {
    assert.equal((await probed([{ record, ...expectation }], () => reply)).kind, kind);
  });
}

const alias = { name: 'example.com', type: 'CNAME', value: 'gateway.example.net', ttl: 60 };
const flattening: [title: string, script: Script, flattened: boolean, kind: string][] = [
  ['addresses', ({ type }) => (type === 'A' ? addresses : {}), true, 'propagated'],
  [
    'addresses, where the provider flattens nothing',
    ({ type }) => (type === 'A' ? addresses : {}),
    false,
    'stale',
  ],
  ['nothing', () => ({}), true, 'stale'],
  ['the CNAME', () => ({ answers: [rr('example.com', 'CNAME', alias.value)] }), true, 'propagated'],
];
const addresses = { answers: [rr('example.com', 'A', '192.0.2.1')] };
for (const [title, script, flattened, kind] of flattening) {
  test(`a CNAME at the apex that is answered as ${title} is ${kind}`, async () => {
    assert.equal((await probed([{ record: alias, flattened }], script)).kind, kind);
  });
}

test('every expectation must be met, and each that is not is a problem', async () => {
  const second = { ...record, value: 'second' };
  const third = { ...record, value: 'third' };
  const result = await probed([{ record }, { record: second }, { record: third }], () => ({
    answers: [own],
  }));
  assert.ok(result.kind === 'stale');
  assert.equal(result.problems.length, 2);
});

test('other records of the expected names and types are siblings', async () => {
  const second = { ...record, value: 'second' };
  const result = await probed([{ record }, { record: second }], () => ({
    answers: [old, own, rr(NAME, 'TXT', 'second')],
  }));
  assert.deepEqual(result, { kind: 'propagated', siblings: [old, old] });
});

test('a server without an answer is unreachable, and is not queried for the other expectations', async () => {
  const queries: string[] = [];
  const query = ({ name }: Question) => {
    queries.push(name);
    return Promise.reject(Object.assign(new Error('no'), { code: 'ENETUNREACH' }));
  };
  const other = { record: { ...record, name: 'x.example.com' } };
  const result = await probed([{ record }, other], () => ({}), { query });
  assert.ok(result.kind === 'unreachable');
  assert.equal(result.unroutable, true);
  assert.deepEqual(queries, [NAME]);
});

test('a server that refuses the connection is unreachable, and routable', async () => {
  const query = () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
  const result = await probed([{ record }], () => ({}), { query });
  assert.ok(result.kind === 'unreachable');
  assert.equal(result.unroutable, false);
});

test('a server that lacks one record is stale, even if it fails for another', async () => {
  const lame = { record: { ...record, name: 'x.example.com' } };
  const script: Script = ({ name }) => ({ rcode: name === NAME ? 'NXDOMAIN' : 'SERVFAIL' });
  assert.equal((await probed([lame, { record }], script)).kind, 'stale');
  const query = async ({ name }: Question): Promise<Reply> => {
    if (name !== NAME) throw new Error('no');
    return { rcode: 'NXDOMAIN', answers: [], authorities: [] };
  };
  assert.equal((await probed([{ record }, lame], script, { query })).kind, 'stale');
});

const beside: [title: string, record: Expectation['record'], isResolver: boolean, kind: string][] = [
  ['a CAA record at an alias', { ...record, type: 'CAA', value: '0 issue "ca.example"' }, true, 'propagated'],
  ['a TXT record at an alias', record, true, 'stale'],
];
for (const [title, expected, isResolver, kind] of beside) {
  test(`a resolver that follows the alias leaves ${title} ${kind}`, async () => {
    const script: Script = () => ({ answers: [rr(NAME, 'CNAME', 'gateway.example.net')] });
    assert.equal((await probed([{ record: expected }], script, { isResolver })).kind, kind);
    // An authoritative server returns what is beside the CNAME.
    assert.equal((await probed([{ record: expected }], script)).kind, 'stale');
  });
}

test('an abort is thrown with its reason', async () => {
  const abort = new AbortController();
  const query = async () => {
    abort.abort(new Error('stopped'));
    throw new Error('no answer');
  };
  await assert.rejects(probe([{ record }], 'example.com', { query }, abort.signal), /stopped/);
});
