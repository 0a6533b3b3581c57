import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDnsServer, txt } from '../../test/harness/dns/dns-server.ts';
import {
  after,
  lacks,
  NAME,
  nameServers,
  RECORD,
  refused,
  type ServerScript,
  serversIn,
  serves,
  startWait,
  TIMEOUT_MS,
  timeoutOf,
  unreachable,
} from '../../test/harness/dns/propagation.ts';
import { rr } from '../../test/harness/dns/resolver.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { freePort } from '../../test/world/free-port.ts';
import { errorRegistry } from '../errors.ts';
import { type ExpectationRefresh, type Progress, waitForPropagation } from './propagation.ts';

test('a record that every server serves has propagated at once', async () => {
  const zone = nameServers(serves, serves);
  const { clock, waiting } = startWait(zone);
  const { by, passedOver } = await waiting;
  assert.deepEqual({ by, passedOver }, { by: 'name servers', passedOver: [] });
  assert.deepEqual([zone.queries, clock.waits], [[1, 1], []]);
});

test('only the servers that are pending are queried again', async () => {
  const zone = nameServers(serves, after(2), after(1));
  const { clock, waiting } = startWait(zone);
  await waiting;
  assert.deepEqual(zone.queries, [1, 3, 2]);
  assert.deepEqual(clock.waits, [100, 150]);
});

test('the pauses grow to 3 s, and the last one ends at the timeout', async () => {
  const { clock, waiting, waited } = startWait(nameServers(lacks), { timeoutMs: 20_000 });
  await timeoutOf(waiting);
  assert.equal(Math.max(...clock.waits), 3000);
  // A date has no fractions of a millisecond.
  assert.ok(waited() >= 20_000 && waited() < 20_001, `${waited()} ms`);
});

test('with no time at all the servers are queried once', async () => {
  await startWait(nameServers(serves), { timeoutMs: 0 }).waiting;
  const { clock, waiting } = startWait(nameServers(lacks), { timeoutMs: 0 });
  await timeoutOf(waiting);
  assert.deepEqual(clock.waits, []);
});

test('every expectation must be met by every server', async () => {
  const both = [{ record: RECORD }, { record: { ...RECORD, value: 'second' } }];
  const { details } = await timeoutOf(startWait(nameServers(serves), { timeoutMs: 1 }, both).waiting);
  assert.deepEqual(details['waitingFor'], [
    `ns1.example.net (192.0.2.1) lacks ${NAME} TXT second (serves new)`,
  ]);
});

test('the error has the last result of each server', async () => {
  const zone = nameServers(serves, lacks, refused, unreachable);
  const error = await timeoutOf(startWait(zone, { timeoutMs: 200 }).waiting);
  assert.deepEqual(serversIn(error), [
    'ns1.example.net seen',
    'ns2.example.net lacks',
    'ns3.example.net declines',
    'ns4.example.net silent',
  ]);
  const { zone: apex, isFiltered, waitingFor } = error.details;
  assert.deepEqual({ apex, isFiltered }, { apex: 'example.com', isFiltered: false });
  // A server without a problem is not waited for.
  assert.deepEqual(
    Array.from(Object(waitingFor), (text) => String(text).split(' ')[0]),
    ['ns2.example.net', 'ns3.example.net', 'ns4.example.net'],
  );
});

test('the siblings of the record come from every server', async () => {
  const withSibling =
    (value: string): ServerScript =>
    () => ({
      answers: [rr(NAME, 'TXT', 'new'), rr(NAME, 'TXT', value)],
    });
  const { siblings } = await startWait(nameServers(withSibling('one'), withSibling('two'))).waiting;
  assert.deepEqual(siblings, [rr(NAME, 'TXT', 'one'), rr(NAME, 'TXT', 'two')]);
});

test('the error is about NOTIFY only if the secondaries depend on it', async () => {
  const errorWith = (byNotify: boolean) =>
    timeoutOf(startWait(nameServers(serves, lacks), { timeoutMs: 1, byNotify }).waiting);
  const { details, hint } = await errorWith(false);
  assert.equal(hint, errorRegistry.PROPAGATION_TIMEOUT.hint);
  assert.equal(details['unnotified'], undefined);
  assert.deepEqual((await errorWith(true)).details['unnotified'], ['ns2.example.net']);
});

test('progress is reported first, and when the number of pending servers changes', async () => {
  const reports: Progress[] = [];
  await startWait(nameServers(serves, after(3), after(6)), {
    onProgress: (progress) => reports.push(progress),
  }).waiting;
  assert.deepEqual(
    reports.map(({ servers, seenBy, waitingFor }) => [servers, seenBy, waitingFor.length]),
    [
      [3, 1, 2],
      [3, 2, 1],
    ],
  );
});

test('an abort ends the wait with its reason, during a query and during a pause', async () => {
  const querying = new AbortController();
  const silent: ServerScript = (_, signal) => {
    queueMicrotask(() => querying.abort(new Error('stopped')));
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason));
    return promise;
  };
  await assert.rejects(startWait(nameServers(silent), { signal: querying.signal }).waiting, /stopped/);
  const pausing = new AbortController();
  const clock = { ...createFakeClock(), wait: async () => pausing.abort(new Error('stopped')) };
  await assert.rejects(startWait(nameServers(lacks), { clock, signal: pausing.signal }).waiting, /stopped/);
});

test('without another `query` the servers are queried over the network', async (t) => {
  const server = await startDnsServer(t, (_, transport) =>
    transport === 'udp' ? { truncated: true } : { answers: [txt(NAME, 'new')] },
  );
  const wait = (port: number, timeoutMs: number) =>
    waitForPropagation(
      {
        apex: 'example.com',
        servers: [{ hostname: 'ns1.example.net', address: server.address, port }],
      },
      [{ record: RECORD }],
      { clock: createFakeClock(), signal: new AbortController().signal, timeoutMs },
    );
  assert.equal((await wait(server.port, TIMEOUT_MS)).by, 'name servers');
  assert.deepEqual(serversIn(await timeoutOf(wait(await freePort(), 1))), ['ns1.example.net silent']);
});

test('the expectations are recomputed at growing intervals, and last shortly before the timeout', async () => {
  const clock = createFakeClock();
  const start = clock.now().getTime();
  const times: number[] = [];
  const refresh: ExpectationRefresh = {
    afterMs: 5000,
    expectations: async () => {
      times.push(Math.round((clock.now().getTime() - start) / 1000));
      return [{ record: RECORD }];
    },
  };
  await timeoutOf(startWait(nameServers(lacks), { clock, refresh, timeoutMs: 300_000 }).waiting);
  const [first = 0, ...others] = times;
  const last = others.at(-1) ?? 0;
  assert.ok(first >= 5 && first < 10 && last >= 295 && last < 300, times.join());
  assert.ok(others.length >= 3 && others.length <= 6, times.join());
});

test('recomputed expectations replace the earlier ones, each time', async () => {
  let calls = 0;
  const expectations = async () => {
    calls += 1;
    return calls < 2 ? [{ record: RECORD }] : [];
  };
  await startWait(nameServers(lacks), { refresh: { afterMs: 1000, expectations } }).waiting;
  assert.equal(calls, 2);
});
