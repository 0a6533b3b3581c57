import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  after,
  assertWholeTime,
  lacks,
  nameServers,
  refersToRoot,
  refused,
  type ServerScript,
  serversIn,
  serves,
  servfail,
  startWait,
  timeoutOf,
  unreachable,
  unroutable,
} from '../../test/harness/dns/propagation.ts';
import type { Propagation } from './propagation.ts';

/** Which failing servers a wait passes over, and when. */

const passedOver = (propagation: Propagation) => propagation.passedOver.map(({ server }) => server.hostname);

const failing: [title: string, script: ServerScript][] = [
  ['answers SERVFAIL', servfail],
  ['answers REFUSED', refused],
  ['answers with a referral to the root', refersToRoot],
  ['does not answer', unreachable],
];
for (const [title, script] of failing) {
  test(`a server that ${title} is passed over at the timeout if the others serve the record`, async () => {
    const { waiting, waited } = startWait(nameServers(after(1), script));
    const propagation = await waiting;
    assert.equal(propagation.by, 'name servers');
    assert.deepEqual(passedOver(propagation), ['ns2.example.net']);
    assertWholeTime(waited());
  });

  test(`an urgent wait passes over a server that ${title} after some seconds`, async () => {
    const { waiting, waited } = startWait(nameServers(serves, script), { urgent: true });
    assert.deepEqual(passedOver(await waiting), ['ns2.example.net']);
    assert.ok(waited() >= 5000 && waited() < 9000, `${waited()} ms`);
  });
}

test('a stale server is never passed over, not even by an urgent wait', async () => {
  await timeoutOf(startWait(nameServers(serves, lacks), { urgent: true }).waiting);
});

test('an unroutable address is left out once another address of its server serves the record', async () => {
  const zone = nameServers(after(2), ['ns1.example.net', unroutable]);
  await startWait(zone).waiting;
  assert.equal(zone.queries[0], 3);
});

test('an address that refuses three times is left out if another address of its server serves the record', async () => {
  const { clock, waiting } = startWait(
    nameServers(serves, ['ns1.example.net', unreachable], ['ns3.example.net', after(1)]),
  );
  await waiting;
  assert.equal(clock.waits.length, 2, 'three probes');
});

for (const [title, script] of [
  ['is unroutable', unroutable],
  ['refuses', unreachable],
] as const) {
  test(`a server whose only address ${title} is waited for until the timeout, even if others serve the record`, async () => {
    const { waiting, waited } = startWait(nameServers(serves, script));
    const [passed] = (await waiting).passedOver;
    assert.equal(passed?.last?.kind, 'unreachable');
    assertWholeTime(waited());
  });
}

test('a stale address is not left out, whatever another address of its server serves', async () => {
  const error = await timeoutOf(startWait(nameServers(serves, ['ns1.example.net', lacks])).waiting);
  assert.deepEqual(serversIn(error), ['ns1.example.net seen', 'ns1.example.net lacks']);
});

test('an unroutable address is not left out while the other address of its server is stale', async () => {
  const zone = nameServers(lacks, ['ns1.example.net', unroutable]);
  const error = await timeoutOf(startWait(zone, { timeoutMs: 1 }).waiting);
  assert.deepEqual(serversIn(error), ['ns1.example.net lacks', 'ns1.example.net silent']);
});

test('without any routable address nothing has propagated', async () => {
  const error = await timeoutOf(startWait(nameServers(unroutable), { timeoutMs: 1 }).waiting);
  assert.deepEqual(serversIn(error), ['ns1.example.net silent']);
});

test('a server that an earlier wait has passed over is probed, and passed over at once if it fails', async () => {
  const down = nameServers(serves, unreachable);
  const passedBefore = (servers: typeof down.servers) => ({ passedOverBefore: new Set(servers.slice(1)) });
  const { clock, waiting } = startWait(down, passedBefore(down.servers));
  assert.deepEqual(passedOver(await waiting), ['ns2.example.net']);
  assert.deepEqual([down.queries, clock.waits], [[1, 1], []]);
  const stale = nameServers(serves, lacks);
  await timeoutOf(startWait(stale, passedBefore(stale.servers)).waiting);
});

test('a server that was stale until shortly before the timeout is not passed over when it fails then', async () => {
  // The sixth probe is the last one: 100 + 150 + 225 + 337.5 + 506.25 ms.
  const zone = nameServers(serves, after(5, servfail));
  const error = await timeoutOf(startWait(zone, { timeoutMs: 1300 }).waiting);
  assert.deepEqual(serversIn(error), ['ns1.example.net seen', 'ns2.example.net declines']);
});
