import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../../test/harness/after-test.ts';
import { temporaryDir } from '../../../test/harness/proxy/proxy.ts';
import { systemClock } from '../../clock.ts';
import { type RuntimeApi, runtimeApi } from './runtime-api.ts';

/** Something that answers in HAProxy's place. */
async function answering(
  t: TestContext,
  answer: (socket: Socket, command: string) => void,
  timeoutMs?: number,
): Promise<RuntimeApi> {
  const path = join(await temporaryDir(t), 'sock');
  const server = createServer((socket) => {
    afterTest(t, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('data', (data) => answer(socket, String(data)));
  });
  server.listen(path);
  await once(server, 'listening');
  afterTest(t, () => server.close());
  return runtimeApi(path, systemClock, timeoutMs);
}

test('a command is one line, and its reply is whole', async (t) => {
  const socket = await answering(t, async (peer, command) => {
    assert.equal(command, 'show info\n');
    peer.write('Name: HAP');
    await systemClock.wait(20);
    peer.end('roxy\nPid: 7\n\n');
  });
  assert.equal(await socket.send('show info'), 'Name: HAProxy\nPid: 7');
});

test('a payload follows its command and ends with an empty line', async (t) => {
  const socket = await answering(t, (peer, command) => {
    assert.equal(command, 'set ssl cert x <<\na\nb\n\n');
    peer.end('\n');
  });
  assert.equal(await socket.send('set ssl cert x', { payload: 'a\nb' }), '');
});

const failures: Readonly<Record<string, (socket: Socket) => void>> = {
  'a connection that is closed without a line': (peer) => peer.end(),
  'no reply in time': () => undefined,
};
for (const [what, answer] of Object.entries(failures)) {
  test(`${what} is a failed command, and the payload is not in the error`, async (t) => {
    const socket = await answering(t, answer, 100);
    const sent = socket.send('set ssl cert x', { payload: 'the key' });
    await assert.rejects(sent, (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'PROXY_COMMAND_FAILED');
      assert.match(thrown.message, /"set ssl cert x"/);
      assert.ok(!JSON.stringify([thrown, thrown.message, thrown.stack]).includes('the key'));
      return true;
    });
  });
}

test('a socket that is not there is a failed command', async () => {
  const socket = runtimeApi('/no/such/socket', systemClock);
  await assert.rejects(socket.send('show info'), { code: 'PROXY_COMMAND_FAILED', message: /ENOENT/ });
});

test('an aborted signal gives up with its reason', async (t) => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const socket = await answering(t, () => stop.abort(reason));
  await assert.rejects(socket.send('show info', { signal: stop.signal }), reason);
  await assert.rejects(socket.send('show info', { signal: stop.signal }), reason);
});

test('what HAProxy would read as several commands is never sent', async () => {
  const socket = runtimeApi('/no/such/socket', systemClock);
  for (const command of ['a;b', 'a\nb', 'a <<', '', 'é']) {
    await assert.rejects(socket.send(command), RangeError, command);
  }
  for (const payload of ['a\n\nb', 'a\n', '', 'a\n \nb']) {
    await assert.rejects(socket.send('set ssl cert x', { payload }), RangeError, payload);
  }
});

test('what does not fit a buffer of HAProxy is not sent', async () => {
  const socket = runtimeApi('/no/such/socket', systemClock);
  const sent = socket.send('set ssl cert x', { payload: 'x'.repeat(16_000) });
  await assert.rejects(sent, { code: 'PROXY_COMMAND_FAILED', message: /too long/ });
});
