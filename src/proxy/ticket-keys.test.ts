import assert from 'node:assert/strict';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { memoryLog } from '../../test/doubles/memory-log.ts';
import { temporaryDir } from '../../test/doubles/proxy.ts';
import type { Clock } from '../clock.ts';
import { IngressError } from '../errors.ts';
import { SESSION_LIFETIME_MS } from './render.ts';
import type { RuntimeSocket } from './runtime-socket.ts';
import { TicketKeys } from './ticket-keys.ts';

/** Keys that can be told apart: the first is all ones, the next all twos. */
function counting(): (size: number) => Buffer {
  let made = 0;
  return (size) => {
    made += 1;
    return Buffer.alloc(size, made);
  };
}

async function start(t: TestContext) {
  const path = join(await temporaryDir(t), 'ticket-keys');
  const waits: number[] = [];
  const stop = new AbortController();
  /** Stands still, and ends the rotation once it was waited for `periods` times. */
  const clock = (periods: number): Clock => ({
    now: () => new Date(0),
    async wait(ms) {
      waits.push(ms);
      if (waits.length > periods) stop.abort();
    },
  });
  const { log, lines } = memoryLog();
  const keys = (periods: number) =>
    new TicketKeys({ path, randomBytes: counting(), clock: clock(periods), log });
  return { path, waits, keys, lines, signal: stop.signal };
}

/** The first byte of each key in the file. */
async function lent(keys: TicketKeys, path: string): Promise<(number | undefined)[]> {
  const text = await keys.lent(() => readFile(path, 'utf8'));
  return text
    .trimEnd()
    .split('\n')
    .map((line) => Buffer.from(line, 'base64')[0]);
}

/** Keeps the keys that it is given, by their first byte; refuses those of `refuse`. */
function listening(refuse: readonly number[] = []) {
  const commands: string[] = [];
  const given: (number | undefined)[] = [];
  const socket: RuntimeSocket = {
    async send(command, { secret } = {}) {
      commands.push(command);
      const [first] = Buffer.from(secret?.reveal() ?? '', 'base64');
      given.push(first);
      return refuse.includes(first ?? 0) ? 'Unable to update' : 'TLS ticket key updated!';
    },
  };
  return { socket, commands, given };
}

test('three keys of 80 bytes are in the file while HAProxy starts, for its owner only, and then gone', async (t) => {
  const { path, keys } = await start(t);
  const own = keys(0);
  await own.lent(async () => {
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const lines = (await readFile(path, 'utf8')).split('\n');
    assert.deepEqual(
      lines.map((line) => Buffer.from(line, 'base64').length),
      [80, 80, 80, 0],
    );
  });
  await assert.rejects(access(path));
});

test('the file is gone after a start that failed, too, and the failure is thrown as it is', async (t) => {
  const { path, keys } = await start(t);
  for (const failure of [new IngressError('PROXY_CONFIG_REJECTED', 'no'), new Error('aborted')]) {
    await assert.rejects(
      keys(0).lent(() => Promise.reject(failure)),
      failure,
    );
    await assert.rejects(access(path));
  }
});

test('a file that cannot be written is a start that failed, without a key in its words', async (t) => {
  const { log } = memoryLog();
  const randomBytes = (size: number) => Buffer.alloc(size, 7);
  const clock: Clock = { now: () => new Date(0), wait: async () => undefined };
  const file = join(await temporaryDir(t), 'file');
  await writeFile(file, '');
  const keys = new TicketKeys({ path: join(file, 'ticket-keys'), randomBytes, clock, log });
  await assert.rejects(
    keys.lent(async () => undefined),
    (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'PROXY_START_FAILED');
      assert.ok(!thrown.message.includes(Buffer.alloc(9, 7).toString('base64')));
      return true;
    },
  );
});

test('each lifetime of a session, HAProxy gets one new key; the next HAProxy starts where this one is', async (t) => {
  const { path, waits, keys, signal } = await start(t);
  const own = keys(4);
  assert.deepEqual(await lent(own, path), [1, 2, 3]);
  const { socket, commands, given } = listening();
  await own.rotate(() => socket, signal);
  assert.deepEqual(given, [4, 5, 6, 7]);
  assert.deepEqual(new Set(waits), new Set([SESSION_LIFETIME_MS]));
  assert.deepEqual(new Set(commands), new Set([`set ssl tls-key ${path}`]));
  assert.deepEqual(await lent(own, path), [5, 6, 7]);
});

test('while no HAProxy runs, keys grow old all the same', async (t) => {
  const { path, keys, signal } = await start(t);
  const own = keys(2);
  await own.rotate(() => undefined, signal);
  assert.deepEqual(await lent(own, path), [3, 4, 5]);
});

test('a key that HAProxy did not take is a warning without the key, and the next one is tried', async (t) => {
  const { keys, lines, signal } = await start(t);
  const { socket, given } = listening([4]);
  await keys(2).rotate(() => socket, signal);
  assert.deepEqual(given, [4, 5]);
  assert.deepEqual(
    lines.map(({ level }) => level),
    [40],
  );
  assert.ok(!JSON.stringify(lines).includes(Buffer.alloc(9, 4).toString('base64')));
});
