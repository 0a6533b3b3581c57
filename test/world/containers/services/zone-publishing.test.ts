import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../../../src/clock.ts';
import { eventually } from '../../../e2e/support.ts';
import { temporaryDirectory } from '../../../harness/temporary-directory.ts';
import { query, txtTexts } from '../../dns/dns-client.ts';
import type { ZonePublisher, ZoneRecord } from '../../dns/publisher.ts';
import { claimLoopback, type Loopback } from '../../loopback.ts';
import { openServer } from '../../open-server.ts';
import { createHttpPublisher } from './http-publisher.ts';
import { openNameServer } from './name-server.ts';
import { PORTS } from './service.ts';

/** Cloudflare's simulator and the name servers in separate processes, connected by HTTP. */

const zone = 'example.test';
const txt = (data: string, name = `www.${zone}`): ZoneRecord => ({ name, type: 'TXT', ttl: 60, data });

let loopback: Loopback;
let directory: string;
let ns1: string;
let ns2: string;
before(async () => {
  loopback = await claimLoopback();
  directory = temporaryDirectory();
});
// Cancels the deliveries that a failed test leaves pending.
const over = new AbortController();
after(async () => {
  over.abort();
  await loopback[Symbol.asyncDispose]();
});

/** Unused addresses and a new directory. */
async function freshPlace(): Promise<string> {
  [ns1, ns2] = [loopback.next(), loopback.next()];
  return mkdtemp(join(directory, 'place-'));
}

function open(address: string, place: string, say = (_line: string) => {}): Promise<AsyncDisposable> {
  const resolver = '127.0.0.1';
  return openNameServer({ directory: join(place, address), address, resolver, zones: [zone], ns1, ns2, say });
}

const urlOf = (address: string) => `http://${address}:${PORTS.zones}`;

function publisherTo(addresses: readonly string[], patienceMs = 10_000, signal = over.signal): ZonePublisher {
  return createHttpPublisher({ servers: addresses.map(urlOf), patienceMs, clock: systemClock, signal });
}

const textsOf = async (address: string) => txtTexts((await query(address, `www.${zone}`, 'TXT')).answers);

test('both servers answer what was published once publish() resolves, and nothing else', async () => {
  const place = await freshPlace();
  await using _one = await open(ns1, place);
  await using _two = await open(ns2, place);
  const publisher = publisherTo([ns1, ns2]);
  for (const data of ['one', 'two']) {
    await publisher.publish(zone, [txt(data)]);
    assert.deepEqual([await textsOf(ns1), await textsOf(ns2)], [[data], [data]]);
  }
});

test('a server keeps its zone across a restart', async () => {
  const place = await freshPlace();
  await using stack = new AsyncDisposableStack();
  const first = await open(ns1, place);
  stack.use(first);
  await publisherTo([ns1]).publish(zone, [txt('kept')]);
  await first[Symbol.asyncDispose]();
  const said: string[] = [];
  stack.use(await open(ns1, place, (line) => said.push(line)));
  assert.deepEqual(await textsOf(ns1), ['kept']);
  assert.match(said[0] ?? '', /with 1 records/);
});

test('publish() rejects with the server’s message for a record that may not be set, and the server keeps its content', async () => {
  const place = await freshPlace();
  await using _server = await open(ns1, place);
  const publisher = publisherTo([ns1]);
  await publisher.publish(zone, [txt('before')]);
  const refused: [zone: string, record: ZoneRecord, words: RegExp][] = [
    ['elsewhere.test', txt('x', 'www.elsewhere.test'), /422 elsewhere\.test is not a zone of this world/],
    [zone, txt('x', 'www.other.test'), /422 www\.other\.test is not in the zone example\.test/],
    [
      zone,
      { name: zone, type: 'NS', ttl: 60, data: 'ns9.other.test' },
      /422 the world owns the NS records of /,
    ],
  ];
  for (const [into, record, words] of refused) {
    await assert.rejects(publisher.publish(into, [record]), words);
  }
  assert.deepEqual(await textsOf(ns1), ['before']);
  await publisher.publish(zone, [txt('after')]);
  assert.deepEqual(await textsOf(ns1), ['after']);
});

test('publish() rejects what BIND refuses', async () => {
  const place = await freshPlace();
  await using stack = new AsyncDisposableStack();
  const server = await open(ns1, place);
  // Disposal also rejects, because an update has failed.
  stack.defer(() => Promise.resolve(server[Symbol.asyncDispose]()).catch(() => undefined));
  // A name is at most 255 octets long (RFC 1035 §2.3.4).
  const tooLong = [...'abcd'].map((letter) => letter.repeat(60)).join('.');
  const record = { name: `${tooLong}.${zone}`, type: 'A', ttl: 60, data: '192.0.2.1' };
  await assert.rejects(publisherTo([ns1]).publish(zone, [record]), /refuses: 422/);
});

test('the endpoint refuses every other request', async () => {
  const place = await freshPlace();
  await using _server = await open(ns1, place);
  const put = (path: string, body: string) => fetch(`${urlOf(ns1)}${path}`, { method: 'PUT', body });
  const statuses = [
    await put('/elsewhere', '[]'),
    await fetch(`${urlOf(ns1)}/zones/${zone}`),
    await put(`/zones/${zone}`, 'no JSON'),
    await put(`/zones/${zone}`, '{}'),
    await put(`/zones/${zone}`, JSON.stringify([{ ...txt('x'), ttl: '60' }])),
    await put(`/zones/${zone}`, JSON.stringify([{ ...txt('x'), priority: 1 }])),
  ].map(({ status }) => status);
  assert.deepEqual(statuses, [404, 405, 400, 400, 400, 400]);
  assert.deepEqual(await textsOf(ns1), []);
});

test('a server that stays unreachable beyond the patience counts as one with a lag', async () => {
  const place = await freshPlace();
  await using _one = await open(ns1, place);
  const publisher = publisherTo([ns1, ns2], 50);
  await publisher.publish(zone, [txt('first')]);
  await publisher.publish(zone, [txt('second')]);
  await following(ns1, 'second');
  await using _two = await open(ns2, place);
  await following(ns2, 'second');
});

function following(address: string, data: string): Promise<true> {
  return eventually(
    `${address} answers ${data}`,
    async () => (await textsOf(address))[0] === data || undefined,
  );
}

test('publications arrive one after the other, in the order of the calls', async () => {
  const arrived: string[] = [];
  const open = new Set<string>();
  const slow = createServer(async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('');
    arrived.push(`${body} beside ${open.size}`);
    open.add(body);
    setTimeout(() => {
      open.delete(body);
      response.writeHead(204).end();
    }, 20);
  });
  await using server = await openServer(slow, { host: '127.0.0.1', port: 0 });
  const servers = [`http://127.0.0.1:${server.port}`];
  const publisher = createHttpPublisher({ servers, clock: systemClock, signal: over.signal });
  const records = [1, 2, 3].map((ttl) => [{ ...txt('x'), ttl }]);
  await Promise.all(records.map((content) => publisher.publish(zone, content)));
  assert.deepEqual(
    arrived,
    records.map((content) => `${JSON.stringify(content)} beside 0`),
  );
});

test('publish() waits for a server that starts in time', async () => {
  const place = await freshPlace();
  const published = publisherTo([ns1]).publish(zone, [txt('late')]);
  await using _server = await open(ns1, place);
  await published;
  assert.deepEqual(await textsOf(ns1), ['late']);
});

test('the signal ends pending deliveries', async () => {
  await freshPlace();
  const stop = new AbortController();
  const published = publisherTo([ns1], 10_000, stop.signal).publish(zone, []);
  stop.abort(new Error('over'));
  await assert.rejects(published, /over/);
});
