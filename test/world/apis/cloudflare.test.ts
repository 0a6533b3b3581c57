import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ZonePublisher, ZoneRecord } from '../dns/publisher.ts';
import { createCloudflare } from './cloudflare.ts';

const UNKNOWN_TOKEN = 'n'.repeat(40);
const NO_ID = '0'.repeat(32);

const simulator = await createCloudflare({ zones: ['example.com', 'example.net'] });
after(() => simulator[Symbol.asyncDispose]());
const records = `/zones/${simulator.zoneId('example.com')}/dns_records`;
const other = `/zones/${simulator.zoneId('example.net')}`;
const limited = simulator.addToken({ zones: { 'example.com': { zoneRead: true, dnsRead: true } } });

const envelope = z.object({
  success: z.boolean(),
  errors: z.array(
    z.object({ code: z.number(), error_chain: z.array(z.object({ code: z.number() })).optional() }),
  ),
  messages: z.array(z.unknown()),
  result: z.unknown(),
  result_info: z.record(z.string(), z.number()).optional(),
});

async function call(
  method: string,
  path: string,
  {
    body,
    token = simulator.token,
    headers = {},
  }: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
) {
  const response = await fetch(simulator.baseUrl + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, ...envelope.parse(await response.json()) };
}

const txt = { type: 'TXT', name: 'x.example.com', content: '"value"' };

describe('the simulator refuses', { concurrency: true }, () => {
  const refused: readonly (readonly [what: string, status: number, code: number, Parameters<typeof call>])[] =
    [
      ['a malformed token', 400, 6003, ['GET', '/zones', { token: '"quoted"' }]],
      ['an unknown token', 403, 9109, ['GET', '/zones', { token: UNKNOWN_TOKEN }]],
      ['an unknown token at DNS', 400, 9106, ['GET', records, { token: UNKNOWN_TOKEN }]],
      [
        'the verification of an unknown token',
        401,
        1000,
        ['GET', '/user/tokens/verify', { token: UNKNOWN_TOKEN }],
      ],
      ['a zone out of reach', 403, 9109, ['GET', other, { token: limited }]],
      ['records out of reach', 403, 10000, ['GET', `${other}/dns_records`, { token: limited }]],
      ['a write without the permission', 403, 10000, ['POST', records, { token: limited, body: txt }]],
      ['an unknown zone', 404, 1001, ['GET', `/zones/${NO_ID}`]],
      ['a malformed zone id', 400, 7003, ['GET', '/zones/example.com/dns_records']],
      ['an unknown record', 404, 81044, ['DELETE', `${records}/${NO_ID}`]],
      ['an unknown method', 405, 10405, ['DELETE', '/zones']],
      [
        'another content type',
        400,
        9207,
        ['POST', records, { body: txt, headers: { 'content-type': 'text/plain' } }],
      ],
      ['a body that is not JSON', 400, 9207, ['POST', records, { body: '{' }]],
      ['a list for a record', 400, 9207, ['POST', records, { body: [] }]],
      ['a short page of zones', 400, 1004, ['GET', '/zones?per_page=4']],
      ['a long page of zones', 400, 1004, ['GET', '/zones?per_page=51']],
      ['an unknown filter', 400, 1004, ['GET', `${records}?name.like=x`]],
      ['a TTL of 59', 400, 9021, ['POST', records, { body: { ...txt, ttl: 59 } }]],
      ['a TTL of a day and a second', 400, 9021, ['POST', records, { body: { ...txt, ttl: 86_401 } }]],
      ['a proxied TXT', 400, 9004, ['POST', records, { body: { ...txt, proxied: true } }]],
      ['a long comment', 400, 1004, ['POST', records, { body: { ...txt, comment: 'x'.repeat(101) } }]],
      ['quotes that do not match', 400, 1004, ['POST', records, { body: { ...txt, content: '"value' } }]],
      ['an invalid address', 400, 9005, ['POST', records, { body: { ...txt, type: 'A' } }]],
      [
        'a CNAME to a URL',
        400,
        9007,
        ['POST', records, { body: { ...txt, type: 'CNAME', content: 'https://x.example' } }],
      ],
      [
        'a CNAME to an address',
        400,
        9007,
        ['POST', records, { body: { ...txt, type: 'CNAME', content: '192.0.2.1' } }],
      ],
      [
        'CAA without data',
        400,
        9036,
        ['POST', records, { body: { ...txt, type: 'CAA', content: '0 issue "ca"' } }],
      ],
      ['an unknown type', 400, 9020, ['POST', records, { body: { ...txt, type: 'XYZ' } }]],
      ['a name with a space', 400, 9000, ['POST', records, { body: { ...txt, name: 'a b' } }]],
      [
        'more than 200 operations',
        400,
        1004,
        [
          'POST',
          `${records}/batch`,
          { body: { deletes: Array.from({ length: 201 }, () => ({ id: NO_ID })) } },
        ],
      ],
    ];
  for (const [what, status, code, request] of refused) {
    test(what, async () => {
      const answer = await call(...request);
      assert.deepEqual(
        [answer.status, answer.errors[0]?.code, answer.success, answer.result],
        [status, code, false, null],
      );
    });
  }
});

test('refuses identical records and a CNAME beside addresses, accepts a CNAME beside CAA and TXT', async () => {
  const post = async (type: string, part: object) => {
    const { errors } = await call('POST', records, { body: { type, name: 'b.example.com', ...part } });
    return errors[0]?.code;
  };
  assert.equal(await post('TXT', { content: '"one"' }), undefined);
  assert.equal(await post('TXT', { content: 'one' }), 81058);
  assert.equal(await post('CNAME', { content: 'c.example.com' }), undefined);
  assert.equal(await post('CAA', { data: { flags: 0, tag: 'issue', value: 'ca' } }), undefined);
  assert.equal(await post('A', { content: '192.0.2.1' }), 81054);
  assert.equal(await post('CNAME', { content: 'd.example.com' }), 81053);
});

test('appends the zone to a name outside it, and quotes unquoted text on the next read', async () => {
  const body = { type: 'TXT', name: 'App.Example.ORG', content: `a"${'b'.repeat(300)}` };
  const { result } = await call('POST', records, { body });
  const made = z.object({ id: z.string(), name: z.string(), content: z.string() }).parse(result);
  assert.deepEqual([made.name, made.content], ['app.example.org.example.com', body.content]);
  const again = z.object({ content: z.string() }).parse((await call('GET', `${records}/${made.id}`)).result);
  assert.match(again.content, /^"a\\"b{253}" "b{47}"$/);
});

test('a batch is atomic, deletes before it posts, and responds with lists', async () => {
  const { id } = simulator.addRecord('example.net', {
    name: 'a.example.net',
    type: 'A',
    content: '192.0.2.1',
  });
  const alias = { type: 'CNAME', name: 'a.example.net', content: 'b.example.net' };
  const path = `${other}/dns_records/batch`;
  const before = simulator.recordsOf('example.net');
  const failed = await call('POST', path, {
    body: { deletes: [{ id }], posts: [alias, { ...alias, ttl: 2 }] },
  });
  assert.equal(failed.errors[0]?.code, 9021);
  assert.deepEqual(simulator.recordsOf('example.net'), before);
  const { result } = await call('POST', path, { body: { posts: [alias], deletes: [{ id }] } });
  assert.deepEqual(Object.keys(Object(result)), ['deletes', 'posts']);
});

test('a token without a zone may not list zones', async () => {
  const blind = simulator.addToken({ zones: { 'example.com': { dnsEdit: true } } });
  const answer = await call('GET', '/zones', { token: blind });
  assert.deepEqual([answer.status, answer.errors[0]?.code], [403, 0]);
});

class Recorder implements ZonePublisher {
  readonly published: (readonly [zone: string, records: readonly ZoneRecord[]])[] = [];
  async publish(zone: string, content: readonly ZoneRecord[]): Promise<void> {
    this.published.push([zone, content]);
  }
}

test('publishes the whole zone after every write, in order, after the delay', async () => {
  const publisher = new Recorder();
  await using world = await createCloudflare({ zones: ['example.com'], publisher });
  const post = (content: string) =>
    fetch(`${world.baseUrl}/zones/${world.zoneId('example.com')}/dns_records`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...txt, content }),
    });
  await post('"one"');
  const one = { name: 'x.example.com', type: 'TXT', ttl: 300, data: '"one"' };
  assert.deepEqual(publisher.published, [['example.com', [one]]]);
  world.publishDelayMs = 40;
  await post('"two"');
  assert.equal(publisher.published.length, 1);
  world.publishDelayMs = 1;
  await post('"three"');
  await sleep(10);
  assert.equal(publisher.published.length, 1, 'a later write overtook an earlier one');
  await world.published();
  assert.deepEqual(
    publisher.published.map(([, content]) => content.length),
    [1, 2, 3],
  );
});
