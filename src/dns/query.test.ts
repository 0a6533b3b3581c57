import assert from 'node:assert/strict';
import { BADRESP, EOF, TIMEOUT } from 'node:dns';
import { test } from 'node:test';
import {
  a,
  aaaa,
  caa,
  cname,
  type DnsScript,
  ns,
  soa,
  startDnsServer,
  txt,
} from '../../test/harness/dns/dns-server.ts';
import { freePort } from '../../test/world/free-port.ts';
import { isUnroutable, type Question, query } from './query.ts';

const NAME = 'app.example.com';
const question: Question = { name: NAME, type: 'TXT' };
const never = new AbortController().signal;
const within = (timeoutMs: number, signal = never) => ({ timeoutMs, signal });
const right = { answers: [txt(NAME, 'right')] };
const values = ({ answers }: Awaited<ReturnType<typeof query>>) => answers.map(({ value }) => value);

test('a response over UDP is enough', async (t) => {
  const server = await startDnsServer(t, () => right);
  assert.deepEqual(await query(server, question, within(5000)), {
    rcode: 'NOERROR',
    answers: [{ name: NAME, type: 'TXT', value: 'right' }],
    authorities: [],
  });
  assert.deepEqual(server.queries, [`udp ${NAME} TXT`]);
});

const overTcp: [title: string, udp: ReturnType<DnsScript>, timeoutMs: number][] = [
  ['a truncated response', { truncated: true, answers: [txt(NAME, 'cut')] }, 5000],
  ['silence', 'silence', 60],
  ['a response with another id', { ...right, otherId: true }, 60],
  ['a response to another name', { ...right, otherQuestion: { name: 'x.example.com', type: 'TXT' } }, 60],
  ['a response to another type', { ...right, otherQuestion: { name: NAME, type: 'A' } }, 60],
  ['a malformed response', { raw: Buffer.from('junk') }, 60],
];
for (const [title, udp, timeoutMs] of overTcp) {
  test(`after ${title} over UDP the question is sent over TCP`, async (t) => {
    const server = await startDnsServer(t, (_, transport) =>
      transport === 'udp' ? udp : { answers: [txt(NAME, 'whole')] },
    );
    assert.deepEqual(values(await query(server, question, within(timeoutMs))), ['whole']);
    assert.deepEqual(server.queries, [`udp ${NAME} TXT`, `tcp ${NAME} TXT`]);
  });
}

test('responses that do not match the question are ignored', async (t) => {
  const forged = { answers: [txt(NAME, 'forged')] };
  const server = await startDnsServer(t, () => [
    { ...forged, otherId: true },
    { ...forged, otherQuestion: { name: 'x.example.com', type: 'TXT' } },
    { raw: Buffer.alloc(3) },
    right,
  ]);
  assert.deepEqual(values(await query(server, question, within(5000))), ['right']);
  assert.equal(server.queries.length, 1);
});

test('a response may spell the name in another case', async (t) => {
  const server = await startDnsServer(t, () => ({
    otherQuestion: { name: 'APP.example.COM', type: 'TXT' },
    answers: [txt('APP.example.COM', 'right')],
  }));
  assert.deepEqual((await query(server, question, within(5000))).answers, [
    { name: NAME, type: 'TXT', value: 'right' },
  ]);
});

for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED'] as const) {
  test(`${rcode} is returned with the authority section`, async (t) => {
    const server = await startDnsServer(t, () => ({ rcode, authorities: [soa('example.com')] }));
    assert.deepEqual(await query(server, question, within(5000)), {
      rcode,
      answers: [],
      authorities: [{ name: 'example.com', type: 'SOA', value: '' }],
    });
    assert.equal(server.queries.length, 1);
  });
}

test('values are canonical', async (t) => {
  const all = [
    txt(NAME, 'one ', 'Two'),
    cname(NAME, 'Gateway.Example.NET'),
    ns(NAME, 'NS1.example.com'),
    a(NAME, '192.0.2.1'),
    aaaa(NAME, '2001:db8::1'),
    caa(NAME, 'issue', 'ca.example;accounturi=https://ca.example/Acct/1'),
  ];
  const server = await startDnsServer(t, () => ({ answers: all }));
  assert.deepEqual(values(await query(server, question, within(5000))), [
    'one Two',
    'gateway.example.net',
    'ns1.example.com',
    '192.0.2.1',
    '2001:db8::1',
    '0 issue "ca.example;accounturi=https://ca.example/Acct/1"',
  ]);
});

const failures: [title: string, tcp: ReturnType<DnsScript>, code: string][] = [
  ['does not respond', 'silence', TIMEOUT],
  ['closes the connection', 'close', EOF],
  ['answers another question', { ...right, otherId: true }, BADRESP],
  ['sends junk', { raw: Buffer.from('junk') }, BADRESP],
];
for (const [title, tcp, code] of failures) {
  test(`a server that ${title} over TCP as well is ${code}`, async (t) => {
    const server = await startDnsServer(t, (_, transport) =>
      transport === 'udp' ? { truncated: true } : tcp,
    );
    await assert.rejects(query(server, question, within(60)), { code });
  });
}

test('a response over TCP may arrive byte by byte', async (t) => {
  const server = await startDnsServer(t, (_, transport) =>
    transport === 'udp' ? { truncated: true } : { ...right, inPieces: true },
  );
  assert.deepEqual(values(await query(server, question, within(5000))), ['right']);
});

test('a response over TCP may be as long as a message can be', async (t) => {
  // Close to the longest possible message, 65,535 bytes.
  const parts = Array.from({ length: 250 }, (_, index) => String(index).padEnd(255, '.'));
  const server = await startDnsServer(t, (_, transport) =>
    transport === 'udp' ? { truncated: true } : { answers: [txt(NAME, ...parts)] },
  );
  assert.deepEqual(values(await query(server, question, within(5000))), [parts.join('')]);
});

test('a refused connection is an error with its code, and is not unroutable', async () => {
  await assert.rejects(
    query({ address: '127.0.0.1', port: await freePort() }, question, within(5000)),
    (thrown) => {
      assert.ok(thrown instanceof Error && 'code' in thrown);
      assert.equal(thrown.code, 'ECONNREFUSED');
      return !isUnroutable(thrown);
    },
  );
});

test('an address without a route fails at once, without TCP', async () => {
  // A link-local address without its interface (RFC 4007 §6) leads nowhere on any host.
  const pending = query({ address: 'fe80::1', port: 53 }, question, within(60_000));
  await assert.rejects(pending, (thrown) => isUnroutable(thrown));
});

for (const code of [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EINVAL',
  'EPERM',
  'EACCES',
]) {
  test(`${code} is unroutable`, () => assert.ok(isUnroutable(Object.assign(new Error('no'), { code }))));
}
for (const thrown of [
  Object.assign(new Error('no'), { code: 'ECONNREFUSED' }),
  new Error('no'),
  'ENETUNREACH',
]) {
  test(`${String(thrown)} is not unroutable`, () => assert.ok(!isUnroutable(thrown)));
}

for (const silent of ['udp', 'tcp'] as const) {
  test(`an abort during the ${silent} exchange rejects with its reason`, async (t) => {
    const abort = new AbortController();
    const server = await startDnsServer(t, (_, transport) => {
      if (transport === silent) queueMicrotask(() => abort.abort(new Error('stopped')));
      return transport === silent ? 'silence' : { truncated: true };
    });
    await assert.rejects(query(server, question, within(60_000, abort.signal)), /stopped/);
    assert.equal(server.queries.at(-1), `${silent} ${NAME} TXT`);
  });
}

test('nothing is sent after an abort', async (t) => {
  const server = await startDnsServer(t, () => right);
  const aborted = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(query(server, question, within(5000, aborted)), /stopped/);
  assert.deepEqual(server.queries, []);
});

test('the longest run of zeros of an IPv6 address is shortened', async (t) => {
  const server = await startDnsServer(t, () => ({ answers: [aaaa('app.example.com', '2a01:0:0:2::3')] }));
  const { answers } = await query(
    server,
    { name: 'app.example.com', type: 'AAAA' },
    { timeoutMs: 2000, signal: AbortSignal.timeout(5000) },
  );
  assert.deepEqual(
    answers.map(({ value }) => value),
    ['2a01:0:0:2::3'],
  );
});
