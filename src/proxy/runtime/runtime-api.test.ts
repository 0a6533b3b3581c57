import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../../test/harness/after-test.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { systemClock } from '../../clock.ts';
import type { IngressError } from '../../errors.ts';
import { type RuntimeApi, runtimeApi } from './runtime-api.ts';

/** A server that answers instead of HAProxy. */
async function answering(
  t: TestContext,
  answer: (socket: Socket, command: string) => void,
  timeoutMs?: number,
): Promise<RuntimeApi> {
  const path = join(temporaryDirectory(t), 'sock');
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

test('a command is one line, and the complete reply is read', async (t) => {
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
  'a connection that is closed without a reply': (peer) => peer.end(),
  'no reply in time': () => undefined,
};
for (const [what, answer] of Object.entries(failures)) {
  test(`${what} is PROXY_COMMAND_FAILED, and the payload is not in the error`, async (t) => {
    const socket = await answering(t, answer, 100);
    const sent = socket.send('set ssl cert x', { payload: 'the key' });
    await assert.rejects(sent, (thrown: IngressError) => {
      assert.equal(thrown.code, 'PROXY_COMMAND_FAILED');
      assert.deepEqual(thrown.details, { command: 'set ssl cert x' });
      assert.ok(!JSON.stringify([thrown, thrown.message, thrown.stack]).includes('the key'));
      return true;
    });
  });
}

test('a socket that does not exist is PROXY_COMMAND_FAILED', async () => {
  const socket = runtimeApi('/no/such/socket', systemClock);
  await assert.rejects(socket.send('show info'), (thrown: IngressError) => {
    assert.equal(thrown.code, 'PROXY_COMMAND_FAILED');
    assert.equal((thrown.cause as NodeJS.ErrnoException).code, 'ENOENT'); // what node:net emits
    return true;
  });
});

test('an aborted signal rejects with its reason', async (t) => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const socket = await answering(t, () => stop.abort(reason));
  await assert.rejects(socket.send('show info', { signal: stop.signal }), reason);
  await assert.rejects(socket.send('show info', { signal: stop.signal }), reason);
});

test('text that HAProxy would read as several commands is never sent', async () => {
  const socket = runtimeApi('/no/such/socket', systemClock);
  for (const command of ['a;b', 'a\nb', 'a <<', '', 'é']) {
    await assert.rejects(socket.send(command), RangeError, command);
  }
  for (const payload of ['a\n\nb', 'a\n', '', 'a\n \nb']) {
    await assert.rejects(socket.send('set ssl cert x', { payload }), RangeError, payload);
  }
});

test("a payload that does not fit one of HAProxy's buffers is not sent", async () => {
  const socket = runtimeApi('/no/such/socket', systemClock);
  const sent = socket.send('set ssl cert x', { payload: 'x'.repeat(16_000) });
  // Sending it would fail with ENOENT as the cause.
  await assert.rejects(sent, (thrown: IngressError) => {
    assert.deepEqual([thrown.code, thrown.cause], ['PROXY_COMMAND_FAILED', undefined]);
    return true;
  });
});
