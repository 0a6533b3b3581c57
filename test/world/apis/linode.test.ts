import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { z } from 'zod';
import type { ZonePublisher, ZoneRecord } from '../dns/publisher.ts';
import { createLinode } from './linode.ts';

const simulator = await createLinode({ zones: ['example.com', 'example.net'] });
after(() => simulator[Symbol.asyncDispose]());
const { id } = simulator.domain('example.com');
const records = `/domains/${id}/records`;
const kept = simulator.addRecord('example.com', { type: 'TXT', name: 'kept', target: 'x' });
simulator.addRecord('example.com', { type: 'CNAME', name: 'alias', target: 'b.example' });

const blind = simulator.addToken({ domains: 'none' });
const reading = simulator.addToken({ domains: 'read_only' });
const granted = { 'example.com': 'read_only' } as const;
const restricted = simulator.addToken({ grants: granted });
const stranger = simulator.addToken({ grants: { 'example.net': 'read_write' } });

const failure = z.object({ errors: z.array(z.object({ reason: z.string(), field: z.string().optional() })) });
const recordAnswer = z.object({ id: z.number(), name: z.string(), target: z.string(), ttl_sec: z.number() });
const page = z.object({
  data: z.array(z.object({ id: z.number(), name: z.string().optional() })),
  page: z.number(),
  pages: z.number(),
  results: z.number(),
});

interface Asking {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly world?: { readonly baseUrl: string; readonly token: string };
}

async function call(method: string, path: string, options: Asking = {}) {
  const { body, headers = {}, world = simulator, token = world.token } = options;
  const response = await fetch(world.baseUrl + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  return { status: response.status, headers: response.headers, answer };
}

const txt = { type: 'TXT', name: 'x', target: 'value' };
const post = (part: object): Parameters<typeof call> => ['POST', records, { body: { ...txt, ...part } }];

describe('the simulator refuses', { concurrency: true }, () => {
  const refused: readonly (readonly [
    what: string,
    status: number,
    reason: RegExp,
    Parameters<typeof call>,
  ])[] = [
    ['no token', 401, /^Invalid Token$/, ['GET', '/domains', { headers: { authorization: '' } }]],
    ['an unknown token', 401, /^Invalid Token$/, ['GET', '/domains', { token: 'n'.repeat(64) }]],
    [
      'a token without the scope',
      401,
      /OAuth token is not authorized/,
      ['GET', '/domains', { token: blind }],
    ],
    [
      'a read-only token',
      401,
      /OAuth token is not authorized/,
      ['POST', records, { body: txt, token: reading }],
    ],
    [
      'a user with read-only access',
      403,
      /^Unauthorized$/,
      ['POST', records, { body: txt, token: restricted }],
    ],
    ['a user without the grant', 403, /^Unauthorized$/, ['GET', records, { token: stranger }]],
    ['an unknown domain', 404, /^Not found$/, ['GET', '/domains/1/records']],
    ['an unknown record', 404, /^Not found$/, ['DELETE', `${records}/1`]],
    ['an unknown route', 404, /^Not found$/, ['GET', '/zones']],
    ['a change of the domain itself', 405, /Method/, ['PUT', `/domains/${id}`, { body: { axfr_ips: [] } }]],
    [
      'another content type',
      415,
      /Media/,
      ['POST', records, { body: txt, headers: { 'content-type': 'text/plain' } }],
    ],
    ['a body that is not JSON', 400, /JSON/, ['POST', records, { body: '{' }]],
    ['a list for a record', 400, /object/, ['POST', records, { body: [] }]],
    ['a short page', 400, /25-500/, ['GET', `${records}?page_size=24`]],
    ['a long page', 400, /25-500/, ['GET', `${records}?page_size=501`]],
    ['a page after the last one', 404, /^Not found$/, ['GET', `${records}?page=2`]],
    ['a filter that is not JSON', 400, /JSON/, ['GET', records, { headers: { 'x-filter': '{' } }]],
    [
      'a filter of another field',
      400,
      /filter/,
      ['GET', records, { headers: { 'x-filter': '{"weight": 1}' } }],
    ],
    ['an unknown type', 400, /Must be one of/, post({ type: 'XYZ' })],
    ['no target', 400, /required/, post({ target: '' })],
    ['an invalid address', 400, /IPv4/, post({ type: 'A' })],
    ['an invalid IPv6 address', 400, /IPv6/, post({ type: 'AAAA', target: '192.0.2.1' })],
    ['a CNAME to an address', 400, /valid domain/, post({ type: 'CNAME', target: '192.0.2.1' })],
    ['a CNAME to a URL', 400, /valid domain/, post({ type: 'CNAME', target: 'https://x.example' })],
    ['an unknown CAA tag', 400, /Must be one of/, post({ type: 'CAA', tag: 'other' })],
    ['CAA without a tag', 400, /Must be one of/, post({ type: 'CAA' })],
    ['CAA with a space', 400, /whitespace/, post({ type: 'CAA', tag: 'issue', target: 'ca; x=y' })],
    ['a TTL that is not a number', 400, /Integer/, post({ ttl_sec: '300' })],
    ['a name with a space', 400, /Invalid name/, post({ name: 'a b' })],
    ['a long name', 400, /Invalid name/, post({ name: `${'a.'.repeat(50)}a` })],
    [
      'a CNAME beside a TXT record',
      400,
      /CNAMES must be unique/,
      post({ type: 'CNAME', name: 'kept', target: 'b.example' }),
    ],
    ['a TXT record beside a CNAME', 400, /CNAMES must be unique/, post({ name: 'Alias' })],
    [
      'a CNAME at the apex',
      400,
      /CNAMES must be unique/,
      post({ type: 'CNAME', name: '', target: 'b.example' }),
    ],
    [
      'a changed record type',
      400,
      /cannot be changed/,
      ['PUT', `${records}/${kept.id}`, { body: { type: 'A', target: '192.0.2.1' } }],
    ],
  ];
  for (const [what, status, reason, request] of refused) {
    test(what, async () => {
      const refusal = await call(...request);
      assert.equal(refusal.status, status);
      assert.match(failure.parse(refusal.answer).errors[0]?.reason ?? '', reason);
    });
  }
});

test('stores an identical record again with every post', async () => {
  const made = await Promise.all(
    [1, 2].map(async () => recordAnswer.parse((await call(...post({ name: 'twice' }))).answer)),
  );
  assert.notEqual(made[0]?.id, made[1]?.id);
});

test('normalizes what it stores: TTLs, dots, names, flags', async () => {
  const stored = async (part: object) => {
    const { target, ttl_sec, name } = recordAnswer.parse((await call(...post(part))).answer);
    return [name, target, ttl_sec];
  };
  assert.deepEqual(await stored({ name: 't1', ttl_sec: 301 }), ['t1', 'value', 3600]);
  assert.deepEqual(await stored({ name: 't2', ttl_sec: 60 }), ['t2', 'value', 120]);
  assert.deepEqual(await stored({ name: 't3', ttl_sec: 9_999_999 }), ['t3', 'value', 2_419_200]);
  const alias = { type: 'CNAME', name: 'c.example.com', target: 'b.example.' };
  assert.deepEqual(await stored(alias), ['c', 'b.example', 0]);
  const { answer } = await call(
    ...post({ type: 'CAA', name: 'caa', tag: 'iodef', target: 'mailto:a@b.example', flags: 128 }),
  );
  assert.ok(!Object.keys(Object(answer)).includes('flags'));
});

test('lists are paged and filtered, and their headers say when the rate window ends', async () => {
  await using world = await createLinode({ zones: ['example.com'] });
  for (let index = 0; index < 130; index += 1) {
    world.addRecord('example.com', { type: 'TXT', name: `n${index}`, target: 'x' });
  }
  const path = `/domains/${world.domain('example.com').id}/records`;
  const usual = await call('GET', path, { world });
  assert.match(usual.headers.get('retry-after') ?? '', /^\d+$/);
  const shown = ({ answer }: { answer: unknown }) => {
    const { data, ...numbers } = page.parse(answer);
    return [data.length, numbers];
  };
  assert.deepEqual(shown(usual), [100, { page: 1, pages: 2, results: 130 }]);
  assert.deepEqual(shown(await call('GET', `${path}?page=5&page_size=25`, { world })), [
    25,
    { page: 5, pages: 6, results: 130 },
  ]);
  const headers = { 'x-filter': '{"+or": [{"name": "n1"}, {"name": "n129", "type": "TXT"}, {"name": "n"}]}' };
  assert.deepEqual(shown(await call('GET', path, { world, headers })), [
    2,
    { page: 1, pages: 1, results: 2 },
  ]);
});

test('a user sees only the domains of the grants', async () => {
  const { results } = page.parse((await call('GET', '/domains', { token: restricted })).answer);
  assert.equal(results, 1);
});

test('refuses more than 200 lists in a minute', async () => {
  await using world = await createLinode({ zones: ['example.com'] });
  for (let index = 0; index < 200; index += 1)
    assert.equal((await call('GET', '/domains', { world })).status, 200);
  assert.equal((await call('GET', '/domains', { world })).status, 429);
  assert.equal((await call('GET', `/domains/${world.domain('example.com').id}`, { world })).status, 200);
});

class Recorder implements ZonePublisher {
  readonly published: (readonly [zone: string, records: readonly ZoneRecord[]])[] = [];
  async publish(zone: string, content: readonly ZoneRecord[]): Promise<void> {
    this.published.push([zone, content]);
  }
}

test('publishes the whole zone after every write, as the name servers answer it', async () => {
  const publisher = new Recorder();
  await using world = await createLinode({ zones: ['example.com'], publisher });
  const domain = world.domain('example.com');
  const path = `/domains/${domain.id}/records`;
  const write = (body: object) => call('POST', path, { world, body });
  await write({ type: 'TXT', name: '', target: `"q" \\ ${'x'.repeat(300)}` });
  await write({ type: 'CAA', name: 'a', tag: 'issue', target: 'ca;x=y', ttl_sec: 300 });
  domain.ttlSec = 3600;
  const last = await write({ type: 'MX', name: 'b', target: 'mx.example', priority: 10 });
  assert.deepEqual(publisher.published.at(-1), [
    'example.com',
    [
      {
        name: 'example.com',
        type: 'TXT',
        ttl: 3600,
        data: `"\\"q\\" \\\\ ${'x'.repeat(249)}" "${'x'.repeat(51)}"`,
      },
      { name: 'a.example.com', type: 'CAA', ttl: 300, data: '0 issue "ca;x=y"' },
      { name: 'b.example.com', type: 'MX', ttl: 3600, data: '10 mx.example' },
    ],
  ]);
  domain.status = 'disabled';
  await call('DELETE', `${path}/${recordAnswer.parse(last.answer).id}`, { world });
  assert.deepEqual(publisher.published.at(-1), ['example.com', []]);
});
