import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  after,
  lacks,
  NAME,
  nameServers,
  RECORD,
  refused,
  serves,
  servfail,
  startWait,
  timeoutOf,
  unreachable,
  unroutable,
} from '../../test/harness/dns/propagation.ts';
import { memoryResolver, rr } from '../../test/harness/dns/resolver.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { errorRegistry } from '../errors.ts';
import type { Progress } from './propagation.ts';

/** When the resolvers are queried, because no authoritative server answers at any address. */

const servingResolver = () =>
  memoryResolver({ [`${NAME} TXT`]: { answers: [rr(NAME, 'TXT', 'new'), rr(NAME, 'TXT', 'other')] } });

test('if every server is lame, as when port 53 is redirected, the resolvers are queried', async () => {
  const { resolve, queries } = servingResolver();
  const options = { resolver: resolve, timeoutMs: 20_000 };
  const { by, siblings } = await startWait(nameServers(refused, servfail), options).waiting;
  assert.deepEqual({ by, siblings }, { by: 'resolvers', siblings: [rr(NAME, 'TXT', 'other')] });
  assert.deepEqual(queries, [`${NAME} TXT`]);
});

test('if servers have been stale before all became lame, no resolver is queried', async () => {
  const { resolve, queries } = servingResolver();
  await timeoutOf(
    startWait(nameServers(after(1, servfail), after(1, servfail)), { resolver: resolve }).waiting,
  );
  assert.deepEqual(queries, []);
});

test('if no server answers, the resolvers are queried, but not before half of the time has passed', async () => {
  const { resolve } = servingResolver();
  const reports: Progress[] = [];
  const { waiting, waited } = startWait(nameServers(unreachable, unreachable, unroutable), {
    resolver: async (question, signal) => {
      assert.ok(waited() >= 10_000, `queried after ${waited()} ms`);
      return resolve(question, signal);
    },
    timeoutMs: 20_000,
    onProgress: (progress) => reports.push(progress),
  });
  const { by, passedOver } = await waiting;
  assert.deepEqual([by, passedOver.length], ['resolvers', 3]);
  assert.ok(waited() < 14_000);
  assert.deepEqual(
    reports.map(({ queryResolversAt }) => queryResolversAt?.toISOString()),
    [undefined, '2026-11-24T00:00:10.000Z'],
  );
});

test('if the records were published a while ago, the resolvers are queried as soon as no server is known to answer', async () => {
  const { resolve } = servingResolver();
  const publishedAt = new Date('2026-11-23T23:59:00Z');
  const options = { resolver: resolve, publishedAt, timeoutMs: 60_000 };
  const { waiting, waited } = startWait(nameServers(unreachable), options);
  assert.equal((await waiting).by, 'resolvers');
  assert.ok(waited() < 9000);
});

test('if the resolvers do not return the record either, the error has their answer', async () => {
  const { resolve } = memoryResolver({});
  const { hint, details } = await timeoutOf(
    startWait(nameServers(unreachable), { resolver: resolve }).waiting,
  );
  assert.equal(details['isFiltered'], true);
  assert.deepEqual(details['waitingFor'], [
    'ns1.example.net (192.0.2.1) did not answer: connect ECONNREFUSED',
    `the resolver lacks ${NAME} TXT new (answers NXDOMAIN)`,
  ]);
  assert.notEqual(hint, errorRegistry.PROPAGATION_TIMEOUT.hint);
});

test('a server that answers after all decides before the resolvers are queried', async () => {
  const { resolve, queries } = servingResolver();
  const clock = createFakeClock();
  const start = clock.now().getTime();
  const returned = after(1, serves, lacks);
  const zone = nameServers((question, signal) =>
    (clock.now().getTime() - start > 9000 ? returned : unreachable)(question, signal),
  );
  const { by } = await startWait(zone, { clock, timeoutMs: 60_000, resolver: resolve }).waiting;
  assert.deepEqual([by, queries], ['name servers', []]);
});

test('a CAA record beside an alias does not keep the resolvers from deciding; a TXT record does', async () => {
  const app = 'app.example.com';
  const answers = [rr(app, 'CNAME', 'gateway.example.net')];
  const { resolve } = memoryResolver({
    [`${app} CAA`]: { answers },
    [`${app} CNAME`]: { answers },
    [`${NAME} TXT`]: { answers: [rr(NAME, 'CNAME', 'wildcard.example.net')] },
  });
  const alias = { name: app, type: 'CNAME', value: 'gateway.example.net', ttl: 60 };
  const caa = { name: app, type: 'CAA', value: '0 issue "ca.example"', ttl: 60 };
  const wait = (...records: (typeof RECORD)[]) =>
    startWait(
      nameServers(unreachable),
      { resolver: resolve },
      records.map((record) => ({ record })),
    ).waiting;
  assert.equal((await wait(caa, alias)).by, 'resolvers');
  await timeoutOf(wait(RECORD));
});
