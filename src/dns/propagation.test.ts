import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { a, cname, type DnsScript, ns, startDnsServer, txt } from '../../test/harness/dns/dns-server.ts';
import { memoryResolver, rr } from '../../test/harness/dns/resolver.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { freePort } from '../../test/world/free-port.ts';
import { IngressError } from '../errors.ts';
import type { AuthoritativeServer } from './authoritative.ts';
import type { Expectation } from './probe.ts';
import { type Progress, type PropagationOptions, waitForPropagation } from './propagation.ts';
import type { DnsRecord } from './record.ts';

const NAME = '_acme-challenge.example.com';
const record = { name: NAME, type: 'TXT', value: 'new', ttl: 60 };
const never = new AbortController().signal;
const yes: DnsScript = () => ({ answers: [txt(NAME, 'new')] });
const no: DnsScript = () => ({ rcode: 'NXDOMAIN' });
// Without its interface it leads nowhere on any host (RFC 4007 §6).
const unroutable: AuthoritativeServer = { hostname: 'ns6.example.net', address: 'fe80::1', port: 53 };

/** Answers nothing of the name until it was asked that often. */
function after(times: number): DnsScript {
  let asked = 0;
  return (question, transport) => {
    asked += 1;
    return (asked > times ? yes : no)(question, transport);
  };
}

async function servers(t: TestContext, ...scripts: DnsScript[]) {
  return Promise.all(
    scripts.map(async (script, index) => {
      const server = await startDnsServer(t, script, { address: `127.0.0.${index + 1}` });
      // Not a copy: what was asked goes on growing in the array.
      return { hostname: `ns${index + 1}.example.net`, ...server };
    }),
  );
}

function wait(
  zoneServers: readonly AuthoritativeServer[],
  expectations: readonly Expectation[] = [{ record }],
  options: Partial<PropagationOptions> = {},
) {
  const clock = createFakeClock();
  const waiting = waitForPropagation({ apex: 'example.com', servers: zoneServers }, expectations, {
    clock,
    signal: never,
    timeoutMs: 10_000,
    ...options,
  });
  return { clock, waiting };
}

const sum = (waits: readonly number[]) => waits.reduce((all, ms) => all + ms, 0);

// A date has no fractions of a millisecond.
function assertWholeTime(waits: readonly number[]): void {
  assert.ok(sum(waits) >= 10_000 && sum(waits) < 10_001, `${sum(waits)} ms`);
}

/** The error of a wait that ends without success. */
async function lateness(waiting: Promise<unknown>): Promise<IngressError> {
  const thrown: unknown = await waiting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof IngressError, String(thrown));
  assert.equal(thrown.code, 'PROPAGATION_TIMEOUT');
  return thrown;
}

test('what every server serves is seen at once, without waiting', async (t) => {
  const [one, two] = await servers(t, yes, yes);
  assert.ok(one && two);
  const { clock, waiting } = wait([one, two]);
  await waiting;
  assert.deepEqual([one.asked.length, two.asked.length, clock.waits], [1, 1, []]);
});

test('one address that lacks it is waited for; the others are not asked again', async (t) => {
  const [one, two, three] = await servers(t, yes, after(2), after(1));
  assert.ok(one && two && three);
  const { clock, waiting } = wait([one, two, three]);
  await waiting;
  assert.deepEqual(
    [one, two, three].map(({ asked }) => asked.length),
    [1, 3, 2],
  );
  assert.deepEqual(clock.waits, [100, 150]);
});

test('the pauses grow to 3 s and the last one ends at the deadline', async (t) => {
  const { clock, waiting } = wait(await servers(t, no), [{ record }], { timeoutMs: 20_000 });
  await lateness(waiting);
  assert.equal(Math.max(...clock.waits), 3000);
  // A date has no fractions of a millisecond.
  const waited = clock.waits.reduce((sum, ms) => sum + ms, 0);
  assert.ok(waited >= 20_000 && waited < 20_001, `${waited} ms`);
});

test('it looks once even when there is no time', async (t) => {
  await wait(await servers(t, yes), [{ record }], { timeoutMs: 0 }).waiting;
  const { clock, waiting } = wait(await servers(t, no), [{ record }], { timeoutMs: 0 });
  await lateness(waiting);
  assert.deepEqual(clock.waits, []);
});

test('the error names who lacks what, and what each said last', async (t) => {
  const absent = { hostname: 'ns9.example.net', address: '127.0.0.1', port: await freePort() };
  const [one, two, three] = await servers(
    t,
    yes,
    () => ({ answers: [txt(NAME, 'old'), txt('x.example.com', 'new')] }),
    () => ({ rcode: 'SERVFAIL' }),
  );
  assert.ok(one && two && three);
  const { message, details } = await lateness(
    wait([one, two, three, absent], undefined, { timeoutMs: 200 }).waiting,
  );
  assert.match(message, /after 0\.2 s not every name server of example\.com/);
  assert.deepEqual(details['zone'], 'example.com');
  assert.match(message, /ns2\.example\.net \(127\.0\.0\.2\) lacks \S+ TXT new \(serves old there\)/);
  assert.match(message, /ns3\.example\.net \(127\.0\.0\.3\) says SERVFAIL/);
  assert.match(message, /ns9\.example\.net \(127\.0\.0\.1\) did not answer: .*ECONNREFUSED/);
  assert.doesNotMatch(message, /ns1\.example\.net/);
});

test('a primary of one’s own whose secondaries lack it was not heard by them, and the error says so', async (t) => {
  const zone = await servers(t, yes, no);
  const { hint } = await lateness(wait(zone, undefined, { timeoutMs: 1, byNotify: true }).waiting);
  assert.match(hint, /ns2\.example\.net was most likely not told of it.* NOTIFY/);
  const elsewhere = await lateness(wait(zone, undefined, { timeoutMs: 1 }).waiting);
  assert.doesNotMatch(elsewhere.hint, /NOTIFY/);
});

test('progress is told at first and when the number of servers changes, not at every look', async (t) => {
  const told: Progress[] = [];
  await wait(await servers(t, yes, after(3), after(6)), undefined, {
    onProgress: (progress) => told.push(progress),
  }).waiting;
  assert.deepEqual(
    told.map(({ servers: all, propagatedTo: seenBy, waitingFor }) => [all, seenBy, waitingFor.length]),
    [
      [3, 1, 2],
      [3, 2, 1],
    ],
  );
});

const oldToo: DnsScript = () => ({ answers: [txt(NAME, 'old'), txt(NAME, 'new')] });
const table: [title: string, script: DnsScript, expectation: Expectation, seen: boolean][] = [
  ['a value beside others', oldToo, { record }, true],
  ['a value beside others that must be alone', oldToo, { record, alone: true }, false],
  ['a value alone that must be alone', yes, { record, alone: true }, true],
  [
    'a value that only another name has',
    () => ({ answers: [txt('x.example.com', 'new')] }),
    { record },
    false,
  ],
  ['a value in another case', () => ({ answers: [txt(NAME, 'NEW')] }), { record }, false],
  ['a value of another type', () => ({ answers: [cname(NAME, 'new')] }), { record }, false],
  [
    'a value over TCP only',
    (_, by) => (by === 'udp' ? { truncated: true } : yes({ name: NAME, type: 'TXT' }, by)),
    { record },
    true,
  ],
];
for (const [title, script, expectation, seen] of table) {
  test(`${title} is ${seen ? '' : 'not '}seen`, async (t) => {
    const { waiting } = wait(await servers(t, script), [expectation], { timeoutMs: 1 });
    if (seen) await waiting;
    else await lateness(waiting);
  });
}

const alias = { name: 'example.com', type: 'CNAME', value: 'gateway.example.net', ttl: 60 };
const addresses: DnsScript = ({ name, type }) => ({ answers: type === 'A' ? [a(name, '192.0.2.1')] : [] });
const apexTable: [title: string, script: DnsScript, flattened: boolean, seen: boolean][] = [
  ['flattened to addresses', addresses, true, true],
  ['as addresses where the provider flattens nothing', addresses, false, false],
  ['as nothing where the provider flattens', () => ({}), true, false],
  [
    'as an alias where the provider flattens',
    () => ({ answers: [cname('example.com', alias.value)] }),
    true,
    true,
  ],
];
for (const [title, script, flattened, seen] of apexTable) {
  test(`an alias at the apex, ${title}, is ${seen ? '' : 'not '}seen`, async (t) => {
    const { waiting } = wait(await servers(t, script), [{ record: alias, flattened }], { timeoutMs: 1 });
    if (seen) await waiting;
    else await lateness(waiting);
  });
}

test('every expectation has to be met, and all that lack are named', async (t) => {
  const other = { ...record, value: 'second' };
  const { message } = await lateness(
    wait(await servers(t, no), [{ record }, { record: other }], { timeoutMs: 1 }).waiting,
  );
  assert.match(message, /TXT new .*TXT second/);
  await lateness(wait(await servers(t, yes), [{ record }, { record: other }], { timeoutMs: 1 }).waiting);
});

test('an address without a route is left out once another one of its server serves it', async (t) => {
  const [one] = await servers(t, after(2));
  assert.ok(one);
  await wait([one, { ...unroutable, hostname: one.hostname }]).waiting;
  assert.equal(one.asked.length, 3);
});

test('an address that refuses look after look is left out when another address of the server serves it', async (t) => {
  const [one, two] = await servers(t, yes, after(1));
  assert.ok(one && two);
  const refusing = { hostname: one.hostname, address: '127.0.0.1', port: await freePort() };
  const { clock, waiting } = wait([one, refusing, two]);
  await waiting;
  assert.equal(clock.waits.length, 2, 'three looks');
});

for (const silent of ['without a route', 'that refuses'] as const) {
  test(`a server whose only address is one ${silent} is waited for to the end, whoever else serves it`, async (t) => {
    const refusing = { ...unroutable, address: '127.0.0.1', port: await freePort() };
    const only = silent === 'that refuses' ? refusing : unroutable;
    const { clock, waiting } = wait([...(await servers(t, yes)), only]);
    const [passed] = (await waiting).passedOver;
    assert.match(JSON.stringify(passed), /did not answer/);
    assertWholeTime(clock.waits);
  });
}

test('an address that answers and lacks it is not left out, whatever its server serves elsewhere', async (t) => {
  const [one, two] = await servers(t, yes, no);
  assert.ok(one && two);
  const { message } = await lateness(wait([one, { ...two, hostname: one.hostname }]).waiting);
  assert.match(message, /127\.0\.0\.2\) lacks/);
});

test('an address without a route is not left out while another one still lacks it', async (t) => {
  const { message } = await lateness(
    wait([...(await servers(t, no)), { ...unroutable, hostname: 'ns1.example.net' }], undefined, {
      timeoutMs: 1,
    }).waiting,
  );
  assert.match(message, /ns1\.example\.net .*lacks/);
});

test('when no address has a route, nothing was seen', async () => {
  const { message } = await lateness(wait([unroutable], undefined, { timeoutMs: 1 }).waiting);
  assert.match(message, /ns6\.example\.net \(fe80::1\) did not answer/);
});

test('an abort ends the wait with its reason, while it asks and while it pauses', async (t) => {
  const abort = new AbortController();
  const asking = await servers(t, () => {
    queueMicrotask(() => abort.abort(new Error('stopped')));
    return 'silence';
  });
  await assert.rejects(wait(asking, undefined, { signal: abort.signal }).waiting, /stopped/);
  const pausing = new AbortController();
  const clock = { ...createFakeClock(), wait: async () => pausing.abort(new Error('stopped')) };
  const waiting = wait(await servers(t, no), undefined, { clock, signal: pausing.signal });
  await assert.rejects(waiting.waiting, /stopped/);
});

async function refuses(hostname: string, address = '127.0.0.1'): Promise<AuthoritativeServer> {
  return { hostname, address, port: await freePort() };
}

const mutes: [title: string, script: DnsScript | undefined][] = [
  ['SERVFAIL', () => ({ rcode: 'SERVFAIL' })],
  ['REFUSED', () => ({ rcode: 'REFUSED' })],
  ['a referral to the root', () => ({ authorities: [ns('', 'a.root-servers.net')] })],
  ['no answer', undefined],
];
for (const [title, script] of mutes) {
  test(`a server that gives ${title} until the time-out is passed over when the others serve it`, async (t) => {
    const [one, two] = await servers(t, after(1), ...(script ? [script] : []));
    assert.ok(one);
    const { clock, waiting } = wait([one, two ?? (await refuses('ns2.example.net'))]);
    const { by, passedOver } = await waiting;
    assert.equal(by, 'name servers');
    assert.deepEqual(
      passedOver.map(({ server: { hostname } }) => hostname),
      ['ns2.example.net'],
    );
    assertWholeTime(clock.waits);
  });

  test(`a server that gives ${title} is not waited for to the end when it is urgent, but for some seconds`, async (t) => {
    const [one, two] = await servers(t, yes, ...(script ? [script] : []));
    assert.ok(one);
    const second = two ?? (await refuses('ns2.example.net'));
    const { clock, waiting } = wait([one, second], undefined, { urgent: true });
    assert.equal((await waiting).passedOver.length, 1);
    const waited = sum(clock.waits);
    assert.ok(waited >= 5000 && waited < 9000, `${waited} ms`);
  });
}

test('a server that a wait of the same round has passed over is not waited for again, but asked', async (t) => {
  const [one, two] = await servers(t, yes, no);
  assert.ok(one && two);
  const gone = await refuses('ns2.example.net');
  const { clock, waiting } = wait([one, gone], undefined, { passedOverBefore: new Set([gone]) });
  assert.equal((await waiting).passedOver.length, 1);
  assert.deepEqual(clock.waits, []);
  await lateness(wait([one, two], undefined, { passedOverBefore: new Set([two]) }).waiting);
});

test('a server that has answered with old data shortly before the end is not passed over for a silence', async (t) => {
  let asked = 0;
  const [one, two] = await servers(t, yes, (question, transport) => {
    asked += 1;
    return asked > 5 ? { rcode: 'SERVFAIL' } : no(question, transport);
  });
  assert.ok(one && two);
  // The sixth look is the last one: 100 + 150 + 225 + 337.5 + 506.25 ms.
  const { message } = await lateness(wait([one, two], undefined, { timeoutMs: 1300 }).waiting);
  assert.match(message, /ns2\.example\.net \S+ says SERVFAIL/);
});

test('when every server declines, as somebody does to whom port 53 is redirected, the resolvers are asked', async (t) => {
  const { resolve, asked } = memoryResolver({ [`${NAME} TXT`]: { answers: [rr(NAME, 'TXT', 'new')] } });
  const all = await servers(
    t,
    () => ({ rcode: 'REFUSED' }),
    () => ({ rcode: 'SERVFAIL' }),
  );
  const options = { resolver: resolve, timeoutMs: 20_000 };
  assert.equal((await wait(all, undefined, options).waiting).by, 'resolvers');
  assert.equal(asked.length, 1);
});

test('servers that have answered before they all decline are waited for, and no resolver is asked', async (t) => {
  const { resolve, asked } = memoryResolver({ [`${NAME} TXT`]: { answers: [rr(NAME, 'TXT', 'new')] } });
  let questions = 0;
  const all = await servers(t, (question, transport) => {
    questions += 1;
    return questions > 1 ? { rcode: 'SERVFAIL' } : no(question, transport);
  });
  await lateness(wait(all, undefined, { resolver: resolve }).waiting);
  assert.deepEqual(asked, []);
});

test('when no address of any server answers, the resolvers are asked, but not before half of the time is over', async () => {
  const resolver = memoryResolver({ [`${NAME} TXT`]: { answers: [rr(NAME, 'TXT', 'new')] } });
  const told: Progress[] = [];
  const all = [await refuses('ns1.example.net'), await refuses('ns2.example.net'), unroutable];
  const { clock, waiting } = wait(all, undefined, {
    resolver: async (question, signal) => {
      assert.ok(sum(clock.waits) >= 10_000, `asked after ${sum(clock.waits)} ms`);
      return resolver.resolve(question, signal);
    },
    timeoutMs: 20_000,
    onProgress: (progress) => told.push(progress),
  });
  const { by, passedOver } = await waiting;
  assert.deepEqual([by, passedOver.length], ['resolvers', 3]);
  assert.ok(sum(clock.waits) < 14_000);
  assert.deepEqual(
    told.map(({ askResolversAt }) => askResolversAt?.toISOString()),
    [undefined, '2026-11-24T00:00:10.000Z'],
  );
});

test('what was published a while ago is asked of the resolvers as soon as the name servers are known to be silent', async () => {
  const { resolve } = memoryResolver({ [`${NAME} TXT`]: { answers: [rr(NAME, 'TXT', 'new')] } });
  const publishedAt = new Date('2026-11-23T23:59:00Z');
  const options = { resolver: resolve, publishedAt, timeoutMs: 60_000 };
  const { clock, waiting } = wait([await refuses('ns1.example.net')], undefined, options);
  assert.equal((await waiting).by, 'resolvers');
  assert.ok(sum(clock.waits) < 9000);
});

test('what the resolvers do not show either is not seen: the error names port 53 and what they say', async () => {
  const { resolve } = memoryResolver({});
  const gone = [await refuses('ns1.example.net')];
  const { message, hint, details } = await lateness(wait(gone, undefined, { resolver: resolve }).waiting);
  assert.match(message, /no name server of example\.com gives an answer at any address/);
  assert.match(message, /the resolver lacks \S+ TXT new \(says NXDOMAIN\)/);
  assert.match(hint, /port 53/);
  assert.equal(details['isFiltered'], true);
});

test('a server that answers after all is believed before the resolvers', async (t) => {
  const { resolve, asked } = memoryResolver({ [`${NAME} TXT`]: { answers: [rr(NAME, 'TXT', 'new')] } });
  const gone = await refuses('ns1.example.net');
  const clock = createFakeClock();
  const wait = async (ms: number, signal?: AbortSignal) => {
    await clock.wait(ms, signal);
    if (sum(clock.waits) > 9000 && clock.waits.length < 100) await returns();
  };
  let returned = false;
  const returns = async () => {
    if (!returned) await startDnsServer(t, after(1), gone);
    returned = true;
  };
  const zone = { apex: 'example.com', servers: [gone] };
  const options = { clock: { ...clock, wait }, signal: never, timeoutMs: 60_000, resolver: resolve };
  const { by } = await waitForPropagation(zone, [{ record }], options);
  assert.deepEqual([by, asked], ['name servers', []]);
});

test('what each server said is data of the error', async (t) => {
  const { details } = await lateness(
    wait(await servers(t, yes, no, () => ({ rcode: 'REFUSED' })), undefined, { timeoutMs: 200 }).waiting,
  );
  assert.deepEqual(
    Array.from(Object(details['servers']), (one) => Object(one)).map(({ hostname, said }) => [
      hostname,
      said,
    ]),
    [
      ['ns1.example.net', 'seen'],
      ['ns2.example.net', 'lacks'],
      ['ns3.example.net', 'declines'],
    ],
  );
});

test('a CAA record beside an alias is nothing that resolvers can tell; a TXT record is', async () => {
  const [caaRecord, alias] = [
    { name: 'app.example.com', type: 'CAA', value: '0 issue "ca.example"', ttl: 60 },
    { name: 'app.example.com', type: 'CNAME', value: 'gateway.example.net', ttl: 60 },
  ];
  const answers = [rr('app.example.com', 'CNAME', 'gateway.example.net')];
  const { resolve } = memoryResolver({
    'app.example.com CAA': { answers },
    'app.example.com CNAME': { answers },
    [`${NAME} TXT`]: { answers: [rr(NAME, 'CNAME', 'wildcard.example.net')] },
  });
  const gone = [await refuses('ns1.example.net')];
  const look = (...records: DnsRecord[]) =>
    wait(
      gone,
      records.map((one) => ({ record: one })),
      { resolver: resolve },
    ).waiting;
  assert.equal((await look(caaRecord, alias)).by, 'resolvers');
  await lateness(look(record));
});

test('what is not seen is thought over again and again, last shortly before the time-out', async (t) => {
  const clock = createFakeClock();
  const start = clock.now().getTime();
  const times: number[] = [];
  const refresh = {
    afterMs: 5000,
    expectations: async () => {
      times.push(Math.round((clock.now().getTime() - start) / 1000));
      return [{ record }];
    },
  };
  const options = { clock, refresh, timeoutMs: 300_000 };
  const { waiting } = wait(await servers(t, no), [{ record }], options);
  await assert.rejects(waiting, { code: 'PROPAGATION_TIMEOUT' });
  const [first = 0, ...others] = times;
  const last = others.at(-1) ?? 0;
  assert.ok(first >= 5 && first < 10 && last >= 295 && last < 300, times.join());
  assert.ok(others.length >= 3 && others.length <= 6, times.join());
});

test('what is expected after the second time counts, too', async (t) => {
  let thought = 0;
  const expect = async () => {
    thought += 1;
    return thought < 2 ? [{ record }] : [];
  };
  const options = { refresh: { afterMs: 1000, expectations: expect } };
  await wait(await servers(t, no), [{ record }], options).waiting;
  assert.equal(thought, 2);
});
