import assert from 'node:assert/strict';
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

test('an answer over UDP is enough', async (t) => {
  const server = await startDnsServer(t, () => right);
  assert.deepEqual(await query(server, question, within(5000)), {
    rcode: 'NOERROR',
    answers: [{ name: NAME, type: 'TXT', value: 'right' }],
    authorities: [],
  });
  assert.deepEqual(server.asked, [`udp ${NAME} TXT`]);
});

const overTcp: [title: string, udp: ReturnType<DnsScript>, timeoutMs: number][] = [
  ['a truncated answer', { truncated: true, answers: [txt(NAME, 'cut')] }, 5000],
  ['silence', 'silence', 60],
  ['an answer with another id', { ...right, otherId: true }, 60],
  ['an answer to another name', { ...right, otherQuestion: { name: 'x.example.com', type: 'TXT' } }, 60],
  ['an answer to another type', { ...right, otherQuestion: { name: NAME, type: 'A' } }, 60],
  ['bytes that are no message', { raw: Buffer.from('junk') }, 60],
];
for (const [title, udp, timeoutMs] of overTcp) {
  test(`${title} over UDP is asked again over TCP`, async (t) => {
    const server = await startDnsServer(t, (_, transport) =>
      transport === 'udp' ? udp : { answers: [txt(NAME, 'whole')] },
    );
    assert.deepEqual(values(await query(server, question, within(timeoutMs))), ['whole']);
    assert.deepEqual(server.asked, [`udp ${NAME} TXT`, `tcp ${NAME} TXT`]);
  });
}

test('what is not the answer is passed over, and the answer behind it taken', async (t) => {
  const forged = { answers: [txt(NAME, 'forged')] };
  const server = await startDnsServer(t, () => [
    { ...forged, otherId: true },
    { ...forged, otherQuestion: { name: 'x.example.com', type: 'TXT' } },
    { raw: Buffer.alloc(3) },
    right,
  ]);
  assert.deepEqual(values(await query(server, question, within(5000))), ['right']);
  assert.equal(server.asked.length, 1);
});

test('a server that spells the name in another case has answered', async (t) => {
  const server = await startDnsServer(t, () => ({
    otherQuestion: { name: 'APP.example.COM', type: 'TXT' },
    answers: [txt('APP.example.COM', 'right')],
  }));
  assert.deepEqual((await query(server, question, within(5000))).answers, [
    { name: NAME, type: 'TXT', value: 'right' },
  ]);
});

for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED'] as const) {
  test(`${rcode} is told as it is, with the authority section`, async (t) => {
    const server = await startDnsServer(t, () => ({ rcode, authorities: [soa('example.com')] }));
    assert.deepEqual(await query(server, question, within(5000)), {
      rcode,
      answers: [],
      authorities: [{ name: 'example.com', type: 'SOA', value: '' }],
    });
    assert.equal(server.asked.length, 1);
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

const failures: [title: string, tcp: ReturnType<DnsScript>, message: RegExp][] = [
  ['says nothing', 'silence', /no answer within 60 ms/],
  ['ends the connection', 'close', /closed the connection without an answer/],
  ['answers another question', { ...right, otherId: true }, /answered another question/],
  ['sends junk', { raw: Buffer.from('junk') }, /answered another question/],
];
for (const [title, tcp, message] of failures) {
  test(`a server that ${title} over TCP too has not answered`, async (t) => {
    const server = await startDnsServer(t, (_, transport) =>
      transport === 'udp' ? { truncated: true } : tcp,
    );
    await assert.rejects(query(server, question, within(60)), message);
  });
}

test('an answer over TCP that arrives byte by byte is put together', async (t) => {
  const server = await startDnsServer(t, (_, transport) =>
    transport === 'udp' ? { truncated: true } : { ...right, inPieces: true },
  );
  assert.deepEqual(values(await query(server, question, within(5000))), ['right']);
});

test('a long answer over TCP is taken whole', async (t) => {
  // Close to the longest message that there can be.
  const parts = Array.from({ length: 250 }, (_, index) => String(index).padEnd(255, '.'));
  const server = await startDnsServer(t, (_, transport) =>
    transport === 'udp' ? { truncated: true } : { answers: [txt(NAME, ...parts)] },
  );
  assert.deepEqual(values(await query(server, question, within(5000))), [parts.join('')]);
});

test('a port that refuses is an error that keeps its code, and is no missing route', async () => {
  await assert.rejects(
    query({ address: '127.0.0.1', port: await freePort() }, question, within(5000)),
    (thrown) => {
      assert.ok(thrown instanceof Error && 'code' in thrown);
      assert.equal(thrown.code, 'ECONNREFUSED');
      return !isUnroutable(thrown);
    },
  );
});

test('an address without a route fails at once, and is not asked over TCP', async () => {
  // A link-local address without its interface (RFC 4007 §6) leads nowhere on any host.
  const asking = query({ address: 'fe80::1', port: 53 }, question, within(60_000));
  await assert.rejects(asking, (thrown) => isUnroutable(thrown));
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
  test(`${code} means that there is no route`, () =>
    assert.ok(isUnroutable(Object.assign(new Error('no'), { code }))));
}
for (const thrown of [
  Object.assign(new Error('no'), { code: 'ECONNREFUSED' }),
  new Error('no'),
  'ENETUNREACH',
]) {
  test(`${String(thrown)} says nothing of a route`, () => assert.ok(!isUnroutable(thrown)));
}

for (const silent of ['udp', 'tcp'] as const) {
  test(`an abort while it waits for ${silent} rejects with its reason`, async (t) => {
    const abort = new AbortController();
    const server = await startDnsServer(t, (_, transport) => {
      if (transport === silent) queueMicrotask(() => abort.abort(new Error('stopped')));
      return transport === silent ? 'silence' : { truncated: true };
    });
    await assert.rejects(query(server, question, within(60_000, abort.signal)), /stopped/);
    assert.equal(server.asked.at(-1), `${silent} ${NAME} TXT`);
  });
}

test('after an abort nothing is sent', async (t) => {
  const server = await startDnsServer(t, () => right);
  const aborted = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(query(server, question, within(5000, aborted)), /stopped/);
  assert.deepEqual(server.asked, []);
});

test('an IPv6 address is in its shortest text, the longest run of zeros left out', async (t) => {
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
