import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from 'dns-packet';
import { afterTest } from '../../harness/after-test.ts';
import { createWorld, type World } from '../world.ts';
import { query, txtTexts } from './dns-client.ts';
import type { ZoneRecord } from './publisher.ts';

const zone = 'example.test';
const record = (name: string, type: string, data: string, ttl = 60): ZoneRecord => ({
  name,
  type,
  ttl,
  data,
});

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const dataOf = (answers: readonly Answer[], type: string) =>
  answers
    .filter((answer) => answer.type === type)
    .map((answer) => ('data' in answer ? answer.data : undefined));
const ttlOf = (answer: Answer) => ('ttl' in answer ? answer.ttl : undefined);
const addresses = async (server: string, name: string) =>
  dataOf((await query(server, name, 'A')).answers, 'A');

describe('publishing', () => {
  test('both servers answer authoritatively once publish() resolves', async () => {
    const { nameServers } = world;
    await nameServers.publish(zone, [record('app.example.test', 'A', '192.0.2.1', 77)]);
    for (const { address } of [nameServers.ns1, nameServers.ns2]) {
      const reply = await query(address, 'app.example.test', 'A');
      assert.equal(reply.authoritative, true);
      assert.deepEqual(dataOf(reply.answers, 'A'), ['192.0.2.1']);
      assert.deepEqual(reply.answers.map(ttlOf), [77]);
    }
  });

  test('publish() replaces the previous content', async () => {
    const { nameServers } = world;
    await nameServers.publish(zone, [
      record('a.example.test.', 'A', '192.0.2.1'),
      record('b.example.test', 'A', '192.0.2.2'),
    ]);
    await nameServers.publish(zone, [
      record('a.example.test', 'CNAME', 'b.example.test'),
      record('b.example.test', 'A', '192.0.2.3'),
    ]);
    assert.deepEqual(await addresses(nameServers.ns1.address, 'a.example.test'), ['192.0.2.3']);
    await nameServers.publish(zone, []);
    assert.equal((await query(nameServers.ns2.address, 'b.example.test', 'A')).rcode, 'NXDOMAIN');
  });

  test('a name has two TXT values, and one is removed without the other', async () => {
    const { nameServers } = world;
    const [one, two] = [
      record('_acme-challenge.example.test', 'TXT', 'one'),
      record('_acme-challenge.example.test', 'TXT', '"two"'),
    ];
    const values = async () =>
      txtTexts((await query(nameServers.ns1.address, one.name, 'TXT')).answers).sort();
    await nameServers.publish(zone, [one, two]);
    assert.deepEqual(await values(), ['one', 'two']);
    await nameServers.publish(zone, [two]);
    assert.deepEqual(await values(), ['two']);
  });

  test('TXT keeps quotes, backslashes, semicolons and more than 255 octets', async () => {
    const { nameServers } = world;
    const texts = ['a "b" \\ ; c', 'x'.repeat(700), 'é'];
    const quoted = `"${texts[0]?.replaceAll(/["\\]/g, '\\$&')}"`;
    await nameServers.publish(zone, [
      record('one.example.test', 'TXT', quoted),
      record('two.example.test', 'TXT', texts[1] ?? ''),
      record('three.example.test', 'TXT', '"\\195\\169"'),
    ]);
    for (const [at, name] of ['one', 'two', 'three'].entries()) {
      const { answers } = await query(nameServers.ns1.address, `${name}.example.test`, 'TXT');
      assert.deepEqual(txtTexts(answers), [texts[at]]);
    }
  });

  test('publish() rejects a foreign zone, a foreign owner name and an NS record at the apex', async () => {
    const { nameServers } = world;
    await assert.rejects(nameServers.publish('elsewhere.test', []), /not a zone of this world/);
    await assert.rejects(
      nameServers.publish(zone, [record('a.other.test', 'A', '192.0.2.1')]),
      /not in the zone/,
    );
    await assert.rejects(
      nameServers.publish(zone, [record(zone, 'NS', 'ns9.example.test')]),
      /the world owns/,
    );
  });
});

/** Longer than two updates take on a busy host. */
const LAG_MS = 1500;

describe('lag', () => {
  test('a lagging server follows later, in order, and publish() does not wait for it', async (t) => {
    const { nameServers } = world;
    await nameServers.publish(zone, []);
    nameServers.setLag('ns2', LAG_MS);
    afterTest(t, () => nameServers.setLag('ns2', 0));
    const start = Date.now();
    await nameServers.publish(zone, [record('lag.example.test', 'A', '192.0.2.1')]);
    await nameServers.publish(zone, [record('lag.example.test', 'A', '192.0.2.2')]);
    assert.ok(Date.now() - start < LAG_MS, 'publish() waited for the lagging server');
    assert.deepEqual(await addresses(nameServers.ns1.address, 'lag.example.test'), ['192.0.2.2']);
    const seen: unknown[] = [];
    while (seen.at(-1) !== '192.0.2.2') {
      assert.ok(Date.now() - start < 10 * LAG_MS, 'ns2 never followed');
      const [now] = await addresses(nameServers.ns2.address, 'lag.example.test');
      if (now !== seen.at(-1) || seen.length === 0) seen.push(now);
      await sleep(1);
    }
    assert.ok(Date.now() - start >= LAG_MS);
    assert.equal(seen[0], undefined);
  });

  test('an infinite lag ends when it is set to 0', async () => {
    const { nameServers } = world;
    nameServers.setLag('ns1', Number.POSITIVE_INFINITY);
    await nameServers.publish(zone, [record('never.example.test', 'A', '192.0.2.1')]);
    assert.deepEqual(await addresses(nameServers.ns1.address, 'never.example.test'), []);
    nameServers.setLag('ns1', 0);
    await nameServers.publish(zone, [record('never.example.test', 'A', '192.0.2.2')]);
    assert.deepEqual(await addresses(nameServers.ns1.address, 'never.example.test'), ['192.0.2.2']);
  });
});

describe('records that BIND itself refuses', () => {
  const alias = record('app.example.test', 'CNAME', 'gateway.cluster.test');
  const caa = record('app.example.test', 'CAA', '0 issue "letsencrypt.org;validationmethods=dns-01"');

  test('a CAA beside a CNAME: both are answered, and the CNAME answers every other type', async () => {
    const { nameServers } = world;
    await nameServers.publish(zone, [alias, caa]);
    for (const { address } of [nameServers.ns1, nameServers.ns2]) {
      const reply = await query(address, 'APP.example.test', 'CAA');
      assert.equal(reply.authoritative, true);
      assert.deepEqual(
        reply.answers.map(({ type, name }) => `${name} ${type}`),
        ['APP.example.test CAA'],
      );
      assert.match(JSON.stringify(dataOf(reply.answers, 'CAA')), /letsencrypt\.org;validationmethods=dns-01/);
      for (const type of ['A', 'TXT', 'CNAME'] as const) {
        assert.deepEqual(dataOf((await query(address, 'app.example.test', type)).answers, 'CNAME'), [
          'gateway.cluster.test',
        ]);
      }
    }
  });

  test('the CNAME is removed and the other type stays', async () => {
    const { nameServers } = world;
    await nameServers.publish(zone, [alias, caa]);
    await nameServers.publish(zone, [caa, record('app.example.test', 'A', '192.0.2.9')]);
    assert.equal((await query(nameServers.ns1.address, 'app.example.test', 'CAA')).answers.length, 1);
    assert.deepEqual(await addresses(nameServers.ns1.address, 'app.example.test'), ['192.0.2.9']);
  });

  test('a CNAME at the apex is answered as the addresses of its target, beside SOA, NS and CAA', async () => {
    const { nameServers, gateway, resolver } = world;
    await nameServers.publish(zone, [
      record(zone, 'CNAME', '_.cluster.test'),
      record(zone, 'CAA', '0 issue "ca.test"'),
    ]);
    for (const server of [nameServers.ns2.address, resolver.address]) {
      const { answers } = await query(server, zone, 'A');
      assert.deepEqual(
        answers.map(({ type, name }) => `${name} ${type}`),
        [`${zone} A`],
      );
      assert.deepEqual(dataOf(answers, 'A'), [gateway.address]);
    }
    for (const [type, count] of [
      ['CNAME', 0],
      ['SOA', 1],
      ['NS', 2],
      ['CAA', 1],
    ] as const) {
      assert.equal((await query(nameServers.ns1.address, zone, type)).answers.length, count, type);
    }
  });

  test('the additional types have the same lag', async () => {
    const { nameServers } = world;
    await nameServers.publish(zone, [alias]);
    nameServers.setLag('ns2', Number.POSITIVE_INFINITY);
    await nameServers.publish(zone, [alias, caa]);
    const caas = async (server: string) =>
      dataOf((await query(server, 'app.example.test', 'CAA')).answers, 'CAA').length;
    assert.equal(await caas(nameServers.ns1.address), 1);
    assert.equal(await caas(nameServers.ns2.address), 0);
    nameServers.setLag('ns2', 0);
  });
});

describe('transport and faults', () => {
  const long = [1, 2, 3, 4].map((at) => record('long.example.test', 'TXT', `${at}${'y'.repeat(250)}`));

  for (const [what, beside] of [
    ['BIND', []],
    ['the front', [record('long.example.test', 'CNAME', 'gateway.cluster.test')]],
  ] as const) {
    test(`${what} over 512 octets: the response is truncated over UDP without EDNS, complete over TCP`, async () => {
      const { nameServers } = world;
      await nameServers.publish(zone, [...long, ...beside]);
      const { address } = nameServers.ns1;
      const plain = await query(address, 'long.example.test', 'TXT', { transport: 'udp', udpPayload: 0 });
      assert.equal(plain.truncated, true);
      for (const options of [{ transport: 'tcp' }, { transport: 'udp', udpPayload: 4096 }] as const) {
        const whole = await query(address, 'long.example.test', 'TXT', options);
        assert.deepEqual([whole.truncated, txtTexts(whole.answers).length], [false, 4], options.transport);
      }
    });
  }

  test('truncateUdp forces TCP, servfail fails, silent does not respond', async () => {
    const { ns1 } = world.nameServers;
    await world.nameServers.publish(zone, [record('app.example.test', 'A', '192.0.2.1')]);
    ns1.faults.truncateUdp = true;
    assert.equal((await query(ns1.address, 'app.example.test', 'A', { transport: 'udp' })).truncated, true);
    assert.deepEqual(await addresses(ns1.address, 'app.example.test'), ['192.0.2.1']);
    ns1.faults.truncateUdp = false;
    ns1.faults.servfail = true;
    assert.equal((await query(ns1.address, 'app.example.test', 'A')).rcode, 'SERVFAIL');
    ns1.faults.servfail = false;
    ns1.faults.silent = true;
    await assert.rejects(query(ns1.address, 'app.example.test', 'A', { timeoutMs: 100 }), /does not respond/);
    ns1.faults.silent = false;
    assert.deepEqual(await addresses(ns1.address, 'app.example.test'), ['192.0.2.1']);
    assert.deepEqual(Object.keys(ns1.questions.at(-1) ?? {}), ['name', 'type', 'transport', 'client', 'at']);
  });

  test('a rule for one type can fail, lie, deny, stay silent or delay, a given number of times', async () => {
    const { ns1 } = world.nameServers;
    await world.nameServers.publish(zone, [
      record('app.example.test', 'A', '192.0.2.1'),
      record('app.example.test', 'TXT', 'true'),
    ]);
    const text = async () => {
      const started = performance.now();
      const { rcode, answers } = await query(ns1.address, 'app.example.test', 'TXT', { timeoutMs: 500 });
      const ms = performance.now() - started;
      return { said: answers.length > 0 ? txtTexts(answers) : rcode, ms };
    };
    for (const [fault, said] of [
      [{ kind: 'servfail' }, 'SERVFAIL'],
      [{ kind: 'refused' }, 'REFUSED'],
      [{ kind: 'nxdomain' }, 'NXDOMAIN'],
      [{ kind: 'empty' }, 'NOERROR'],
      [{ kind: 'lie', data: ['false', '"more of it"'] }, ['false', 'more of it']],
      [{ kind: 'slow', ms: 100 }, ['true']],
    ] as const) {
      ns1.faults.when(({ type }) => type === 'TXT', fault, 1);
      assert.deepEqual(await addresses(ns1.address, 'app.example.test'), ['192.0.2.1'], fault.kind);
      const first = await text();
      assert.deepEqual(first.said, said, fault.kind);
      if (fault.kind === 'slow') assert.ok(first.ms >= 99, `${first.ms} ms`);
      assert.deepEqual((await text()).said, ['true'], `${fault.kind} is over`);
    }
    ns1.faults.when(({ type }) => type === 'TXT', { kind: 'silent' });
    await assert.rejects(text(), /does not respond/);
    ns1.faults.clear();
    assert.deepEqual((await text()).said, ['true']);
  });

  test('slowMs delays every response, correct or not', async () => {
    const { ns1 } = world.nameServers;
    ns1.faults.slowMs = 100;
    ns1.faults.when(({ name }) => name === 'lie.example.test', { kind: 'lie', data: ['192.0.2.66'] });
    for (const [name, data] of [
      ['app.example.test', ['192.0.2.1']],
      ['lie.example.test', ['192.0.2.66']],
    ] as const) {
      const started = performance.now();
      assert.deepEqual(await addresses(ns1.address, name), data);
      assert.ok(performance.now() - started >= 99);
    }
    ns1.faults.clear();
  });

  test('a rule can tell the resolver from other clients', async () => {
    const { nameServers, resolver } = world;
    await nameServers.publish(zone, [record('who.example.test', 'A', '192.0.2.3')]);
    for (const { faults } of [nameServers.ns1, nameServers.ns2])
      faults.when(({ client }) => client === resolver.address, { kind: 'lie', data: ['192.0.2.66'] });
    assert.deepEqual(await addresses(resolver.address, 'who.example.test'), ['192.0.2.66']);
    assert.deepEqual(await addresses(nameServers.ns1.address, 'who.example.test'), ['192.0.2.3']);
    for (const { faults } of [nameServers.ns1, nameServers.ns2]) faults.clear();
  });

  test('a stopped server refuses, and is up to date when it starts again', async () => {
    const { nameServers } = world;
    await nameServers.stop('ns1');
    await assert.rejects(query(nameServers.ns1.address, 'app.example.test', 'A'), /ECONNREFUSED/);
    await nameServers.publish(zone, [record('app.example.test', 'A', '192.0.2.8')]);
    await nameServers.start('ns1');
    assert.deepEqual(await addresses(nameServers.ns1.address, 'app.example.test'), ['192.0.2.8']);
  });
});
