import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { afterTest } from '../../test/harness/after-test.ts';
import { createTestContext } from '../../test/harness/dns/provider-context.ts';
import { createTcpSplitter, withLength } from '../../test/world/dns/dns-client.ts';
import { openServer } from '../../test/world/open-server.ts';
import { createBudget } from '../shared/budget.ts';
import { createClient } from './client.ts';
import { CLASSES, decodeMessage, encodeName, encodeRecord, TYPES, type WireRecord } from './wire.ts';

/**
 * A server that signs as the RFC says, by code of its own, and otherwise answers what no name
 * server would.
 */

const SECRET = Buffer.from('secret');
const ZONE = 'example.com';
const rr = (name: string, type: number, data: Buffer): WireRecord => ({
  name,
  type,
  class: CLASSES.IN,
  ttl: 60,
  data,
});
const SOA = rr(ZONE, TYPES.SOA, Buffer.concat([encodeName('ns'), encodeName('host'), Buffer.alloc(20)]));
const A = rr(`a.${ZONE}`, TYPES.A, Buffer.of(192, 0, 2, 1));

interface Answer {
  readonly records: readonly WireRecord[];
  readonly unsigned?: boolean;
  /** Seconds that its clock is behind. */
  readonly behind?: number;
  readonly otherId?: boolean;
  /** What is changed after it was signed. */
  readonly spoil?: (octets: Buffer) => void;
}

async function open(t: TestContext, answers: readonly Answer[]) {
  const server = createServer((connection) => {
    const split = createTcpSplitter();
    connection.on('data', (piece: Buffer) => {
      for (const message of split(piece).flatMap((request) => reply(request, answers)))
        connection.write(withLength(message));
    });
  });
  const listening = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => listening[Symbol.asyncDispose]());
  const context = createTestContext();
  const budget = createBudget({ title: 'it', limit: { burst: 9, calls: 9, perMs: 1000 }, context });
  const key = {
    name: 'key',
    algorithm: 'hmac-sha256',
    secret: new Secret(SECRET.toString('base64')),
  } as const;
  const where = { host: '127.0.0.1', port: listening.port };
  return createClient({ server: where, key, timeoutMs: 2000, budget, clock: context.clock });
}

function reply(request: Buffer, answers: readonly Answer[]): Buffer[] {
  let prior = macIn(request);
  let waiting: Buffer[] = [];
  return answers.map((answer, index) => {
    const message = plain(request, answer);
    const signed = sign(message, { prior, waiting, isFirst: index === 0, behind: answer.behind ?? 0 });
    if (answer.unsigned) waiting.push(message);
    else [prior, waiting] = [signed.mac, []];
    const sent = Buffer.from(answer.unsigned ? message : signed.octets);
    answer.spoil?.(sent);
    return sent;
  });
}

function macIn(request: Buffer): Buffer {
  const data = decodeMessage(request).tsig?.record.data ?? Buffer.alloc(0);
  const start = encodeName('hmac-sha256').length + 10;
  return data.subarray(start, start + 32);
}

function plain(request: Buffer, { records, otherId }: Answer): Buffer {
  const head = Buffer.alloc(12);
  request.copy(head, 0, 0, 2);
  if (otherId) head.writeUInt16BE(head.readUInt16BE(0) ^ 1, 0);
  head.writeUInt16BE(0x8400, 2);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, ...records.map(encodeRecord)]);
}

function sign(
  message: Buffer,
  { prior, waiting, isFirst, behind }: { prior: Buffer; waiting: Buffer[]; isFirst: boolean; behind: number },
) {
  const timers = Buffer.alloc(8);
  timers.writeUIntBE(Math.floor(Date.now() / 1000) - behind, 0, 6);
  timers.writeUInt16BE(300, 6);
  const [name, algorithm] = [encodeName('key'), encodeName('hmac-sha256')];
  const whole = [name, Buffer.of(0, 255, 0, 0, 0, 0), algorithm, timers, Buffer.alloc(4)];
  const hmac = createHmac('sha256', SECRET).update(Buffer.of(0, prior.length)).update(prior);
  for (const part of [...waiting, message, ...(isFirst ? whole : [timers])]) hmac.update(part);
  const mac = hmac.digest();
  const data = Buffer.concat([
    algorithm,
    timers,
    Buffer.of(0, 32),
    mac,
    message.subarray(0, 2),
    Buffer.alloc(4),
  ]);
  const record = { name: 'key', type: TYPES.TSIG, class: CLASSES.ANY, ttl: 0, data };
  const octets = Buffer.concat([message, encodeRecord(record)]);
  octets.writeUInt16BE(1, 10);
  return { octets, mac };
}

const transfer = async (t: TestContext, answers: readonly Answer[]) => {
  const client = await open(t, answers);
  return client.transfer(ZONE, ({ type }) => type === TYPES.A, AbortSignal.timeout(5000));
};

const whole: readonly (readonly [what: string, answers: readonly Answer[], count: number])[] = [
  ['one message', [{ records: [SOA, A, SOA] }], 1],
  ['signed messages', [{ records: [SOA, A] }, { records: [A] }, { records: [SOA] }], 2],
  [
    'messages of which those between are not signed',
    [
      { records: [SOA] },
      { records: [A], unsigned: true },
      { records: [A], unsigned: true },
      { records: [A, SOA] },
    ],
    3,
  ],
];
for (const [what, answers, count] of whole) {
  test(`a transfer in ${what} is taken`, async (t) => {
    assert.equal((await transfer(t, answers)).length, count);
  });
}

const spoil = (octets: Buffer) => void octets.writeUInt8(octets.readUInt8(12 + 13) ^ 1, 12 + 13);
const faulty: readonly (readonly [
  what: string,
  answers: readonly Answer[],
  code: ErrorCode,
  words: RegExp,
])[] = [
  ['of another key', [{ records: [SOA, A, SOA], spoil }], 'PROVIDER_BAD_ANSWER', /not of the key/],
  [
    'with a message between that was changed',
    [{ records: [SOA] }, { records: [A], unsigned: true, spoil }, { records: [SOA] }],
    'PROVIDER_BAD_ANSWER',
    /not of the key/,
  ],
  [
    'whose first message is not signed',
    [{ records: [SOA], unsigned: true }, { records: [SOA] }],
    'PROVIDER_BAD_ANSWER',
    /without a signature/,
  ],
  [
    'whose last message is not signed',
    [{ records: [SOA] }, { records: [SOA], unsigned: true }],
    'PROVIDER_BAD_ANSWER',
    /without a signature/,
  ],
  [
    'that is too old',
    [{ records: [SOA, A, SOA], behind: 400 }],
    'PROVIDER_CREDENTIALS_REJECTED',
    /differ by (?:399|400|401) s: ours is ahead/,
  ],
  [
    'to another question',
    [{ records: [SOA, A, SOA], otherId: true }],
    'PROVIDER_BAD_ANSWER',
    /something else/,
  ],
  [
    'that does not begin with the zone',
    [{ records: [A, SOA, SOA] }],
    'PROVIDER_BAD_ANSWER',
    /outside of the zone/,
  ],
  ['that goes on behind the end', [{ records: [SOA, SOA, A] }], 'PROVIDER_BAD_ANSWER', /outside of the zone/],
  ['without records', [{ records: [] }], 'PROVIDER_BAD_ANSWER', /without records/],
];
for (const [what, answers, code, words] of faulty) {
  test(`a transfer ${what} is ${code}`, async (t) => {
    await assert.rejects(transfer(t, answers), { code, message: words });
  });
}
