import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import { isIngressError } from '../../src/errors.ts';
import { afterTest } from '../../test/harness/after-test.ts';
import { createTestContext } from '../../test/harness/dns/provider-context.ts';
import { createTcpSplitter, withLength } from '../../test/world/dns/dns-client.ts';
import { openServer } from '../../test/world/open-server.ts';
import { createBudget } from '../shared/budget.ts';
import { createClient } from './client.ts';
import { CLASSES, decodeMessage, encodeName, encodeRecord, TYPES, type WireRecord } from './wire.ts';

/**
 * A server with its own implementation of TSIG (RFC 8945), which can give answers that no real name
 * server gives.
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
  /** Changes the message after it was signed. */
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
  const budget = createBudget({ title: 'the server', limit: { burst: 9, calls: 9, perMs: 1000 }, context });
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
    'messages, of which only the first and the last are signed',
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
  test(`a transfer in ${what} is accepted`, async (t) => {
    assert.equal((await transfer(t, answers)).length, count);
  });
}

const spoil = (octets: Buffer) => void octets.writeUInt8(octets.readUInt8(12 + 13) ^ 1, 12 + 13);
const faulty: readonly (readonly [what: string, answers: readonly Answer[], reason: string])[] = [
  ['with a message that was changed', [{ records: [SOA, A, SOA], spoil }], 'forged'],
  [
    'with an unsigned message that was changed between two signed ones',
    [{ records: [SOA] }, { records: [A], unsigned: true, spoil }, { records: [SOA] }],
    'forged',
  ],
  ['whose first message is not signed', [{ records: [SOA], unsigned: true }, { records: [SOA] }], 'unsigned'],
  ['whose last message is not signed', [{ records: [SOA] }, { records: [SOA], unsigned: true }], 'unsigned'],
  ['with the id of another question', [{ records: [SOA, A, SOA], otherId: true }], 'other-message'],
  ['that does not begin with the SOA record', [{ records: [A, SOA, SOA] }], 'outside-zone'],
  ['that continues after the last SOA record', [{ records: [SOA, SOA, A] }], 'outside-zone'],
  ['without records', [{ records: [] }], 'zone-without-records'],
];
for (const [what, answers, reason] of faulty) {
  test(`a transfer ${what} is a bad answer: ${reason}`, async (t) => {
    await assert.rejects(transfer(t, answers), { code: 'PROVIDER_BAD_ANSWER', details: { reason } });
  });
}

test('a transfer whose signature is too old has the difference of the clocks among the details', async (t) => {
  const failure: unknown = await transfer(t, [{ records: [SOA, A, SOA], behind: 400 }]).catch(
    (thrown: unknown) => thrown,
  );
  assert.ok(isIngressError(failure, 'PROVIDER_CREDENTIALS_REJECTED'), String(failure));
  const { tsigError, aheadSeconds } = failure.details;
  assert.equal(tsigError, 'BADTIME');
  assert.ok(Math.abs(Number(aheadSeconds) - 400) <= 1, String(aheadSeconds));
});
