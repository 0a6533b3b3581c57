import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { afterTest } from '../../test/harness/after-test.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { startGuestAgent } from '../../test/world/dstack/guest-agent.ts';
import { openServer } from '../../test/world/open-server.ts';
import { findGuestAgent } from './agent.ts';

const APP_ID = 'ab'.repeat(20);
const never = new AbortController().signal;

/** What an author may write into a compose file: letters of two, three and four octets. */
const COMPOSE = 'services:\n  app: # größer, für 日本語, 😀\n    image: "café"\n';

function info(compose = COMPOSE): Buffer {
  const tcbInfo = JSON.stringify({ app_compose: compose, event_log: [] });
  return Buffer.from(JSON.stringify({ app_id: APP_ID, app_name: 'größe', tcb_info: tcbInfo }));
}

type Pieces = readonly Buffer[];

const head = (status: string, ...headers: string[]) =>
  Buffer.from([`HTTP/1.1 ${status}`, 'Content-Type: application/json', ...headers, '', ''].join('\r\n'));
const measured = (body: Buffer, status = '200 OK') => [head(status, `Content-Length: ${body.length}`), body];
const octets = (bytes: Buffer) => Array.from(bytes, (octet) => Buffer.of(octet));
const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
const chunked = (parts: Pieces) => [
  head('200 OK', 'Transfer-Encoding: chunked'),
  ...parts.map(chunk),
  Buffer.from('0\r\n\r\n'),
];

/** Cuts a body inside a letter of several octets. */
function cutInLetter(body: Buffer): Pieces {
  const inside = body.indexOf(Buffer.from('😀')) + 2;
  return [body.subarray(0, inside), body.subarray(inside)];
}

/**
 * An agent that responds to every call with these pieces, one after the other, and then closes if
 * `end` is set.
 */
async function agentThatSends(t: TestContext, pieces: Pieces, end = false) {
  const folder = temporaryDirectory(t);
  const server = createServer((connection) => {
    connection.once('data', async () => {
      for (const piece of pieces) {
        await new Promise((sent) => connection.write(piece, sent));
        // The client reads it before the next one is sent.
        await setImmediate();
      }
      if (end) connection.end();
    });
  });
  const path = join(folder, 'dstack.sock');
  const open = await openServer(server, { path });
  afterTest(t, () => open[Symbol.asyncDispose]());
  const agent = findGuestAgent(path);
  assert.ok(agent);
  return agent;
}

const whole = (pieces: Pieces): Pieces => [Buffer.concat(pieces)];
const large = info(COMPOSE.repeat(40_000));
const withMark = Buffer.concat([Buffer.from('\uFEFF'), info()]);
const escaped = Buffer.from(
  info()
    .toString()
    .replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
);

const answers: readonly (readonly [what: string, pieces: Pieces, end?: boolean])[] = [
  ['with its length, in one piece', whole(measured(info()))],
  ['with its length, head and body apart', measured(info())],
  ['with its length, octet by octet', octets(Buffer.concat(measured(info())))],
  [
    'with its length, cut inside a letter',
    [head('200 OK', `Content-Length: ${info().length}`), ...cutInLetter(info())],
  ],
  ['in chunks', whole(chunked([info()]))],
  ['in chunks that are cut inside a letter', chunked(cutInLetter(info()))],
  ['in chunks of one octet', whole(chunked(octets(info())))],
  ['that ends with the connection', [head('200 OK'), info()], true],
  [
    'with a header in other letters and no space',
    [Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length:${info().length}\r\n\r\n`), info()],
  ],
  ['after an interim response', [Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'), ...measured(info())]],
  ['of five megabytes', measured(large)],
  ['with a byte order mark', measured(withMark)],
  ['with every letter escaped', measured(escaped)],
  ['with white space around it', measured(Buffer.concat([Buffer.from('\n '), info(), Buffer.from(' \r\n')]))],
  [
    'with octets that are not valid UTF-8',
    measured(Buffer.concat([info().subarray(0, -2), Buffer.of(0xff), info().subarray(-2)])),
  ],
  [
    'with undocumented fields',
    measured(Buffer.from(JSON.stringify({ app_id: APP_ID, tcb_info: null, news: [] }))),
  ],
];
for (const [what, pieces, end] of answers) {
  test(`a response ${what} is read`, async (t) => {
    const agent = await agentThatSends(t, pieces, end);
    assert.equal(await agent.appId(AbortSignal.timeout(2000)), APP_ID);
  });
}

const failures: readonly (readonly [what: string, message: RegExp, pieces: Pieces, end?: boolean])[] = [
  [
    'an error status with a valid body',
    /: it answered with status 500: \{"app_id"/,
    measured(info(), '500 Internal Server Error'),
  ],
  [
    'an error status with text',
    /: it answered with status 404: Service not found: \/Info$/,
    measured(Buffer.from('Service not\nfound: /Info\n'), '404 Not Found'),
  ],
  [
    'a response that is cut off',
    /: the answer broke off after 10 bytes$/,
    [head('200 OK', 'Content-Length: 400'), info().subarray(0, 10)],
    true,
  ],
  [
    'a chunked response that is cut off',
    /: the answer broke off after \d+ bytes$/,
    chunked([info()]).slice(0, 2),
    true,
  ],
  [
    'a response of more than eight megabytes',
    /: the answer has more than 8388608 bytes$/,
    measured(Buffer.alloc(9 * 1024 * 1024, ' ')),
  ],
  ['HTML', /: its answer is not JSON: <html>/, measured(Buffer.from('<html>hello</html>'))],
  ['an empty response', /: its answer is not JSON: \(nothing\)$/, measured(Buffer.alloc(0))],
  [
    'JSON that is not an object',
    /returned no app id of 40 hexadecimal digits$/,
    measured(Buffer.from('"info"')),
  ],
  ['another protocol', /Parse Error/, [Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')]],
  ['the end of the connection', /socket hang up/, [], true],
];
for (const [what, message, pieces, end] of failures) {
  test(`${what} is GUEST_AGENT_FAILED`, async (t) => {
    const agent = await agentThatSends(t, pieces, end);
    await assert.rejects(agent.appId(never), { code: 'GUEST_AGENT_FAILED', message });
  });
}

test('an agent at a URL is queried there', async (t) => {
  const folder = temporaryDirectory(t);
  const world = await startGuestAgent({ directory: folder, appId: APP_ID, compose: COMPOSE });
  afterTest(t, () => world.stop());
  const relay = createServer((connection) => {
    connection.pipe(connect(world.socket)).pipe(connection);
  });
  const open = await openServer(relay, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  assert.equal(await findGuestAgent(`http://localhost:${open.port}`)?.appId(never), APP_ID);
  assert.deepEqual(world.calls, [{ path: '/Info', status: 200 }]);
});

test('a URL where nothing listens is GUEST_AGENT_FAILED, with the reason', async () => {
  const open = await openServer(createServer(), { host: '127.0.0.1', port: 0 });
  await open[Symbol.asyncDispose]();
  const agent = findGuestAgent(`http://localhost:${open.port}`);
  await assert.rejects(agent?.appId(never) ?? Promise.resolve(), {
    code: 'GUEST_AGENT_FAILED',
    message: new RegExp(`^the guest agent at http://localhost:${open.port}: connect ECONNREFUSED`),
  });
});
