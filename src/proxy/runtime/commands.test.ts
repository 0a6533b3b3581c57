import assert from 'node:assert/strict';
import { test } from 'node:test';
import { availableConnections, type ProcessInfo, setServerAddress, showInfo } from './commands.ts';
import type { RuntimeApi } from './runtime-api.ts';

/** Replies from a table; any other command is an error. */
function scripted(replies: Readonly<Record<string, string>>): RuntimeApi {
  return {
    async send(command) {
      const reply = replies[command];
      if (reply === undefined) throw new Error(`unexpected: ${command}`);
      return reply;
    },
  };
}

const info: ProcessInfo = {
  pid: 1,
  version: '2.6',
  fdLimit: 8_236,
  fdsNeeded: 8_236,
  maxconn: 4_104,
};

const fits: readonly [what: string, descriptors: number, connections: number][] = [
  ['enough', 8_236, 4_096],
  ['more than enough', 1_000_000, 4_096],
  ['one too few', 8_235, 4_095],
  ['the usual 1,024', 1_024, 490],
  ['almost none', 20, 1],
];
for (const [what, descriptors, connections] of fits) {
  test(`${what}: ${descriptors} open files suffice for ${connections} client connections`, () => {
    assert.equal(availableConnections({ ...info, fdLimit: descriptors }), connections);
  });
}

test('reads show info', async () => {
  const reply =
    'Name: HAProxy\nVersion: 3.0.11\nPid: 42\nUlimit-n: 1024\nMaxsock: 228\nMaxconn: 50\nHard_maxconn: 100';
  assert.deepEqual(await showInfo(scripted({ 'show info': reply })), {
    pid: 42,
    version: '3.0.11',
    fdLimit: 1024,
    fdsNeeded: 228,
    maxconn: 100,
  });
  await assert.rejects(showInfo(scripted({ 'show info': 'hello' })), { code: 'PROXY_COMMAND_FAILED' });
});

const moves = [
  "IP changed from '127.0.0.1' to '::1', no need to change the port by 'stats socket command'",
  "no need to change the addr, port changed from '1' to '9000' by 'stats socket command'",
  'no need to change the addr, no need to change the port by',
  'nothing changed',
];
for (const reply of moves) {
  test(`the reply "${reply}" means that the address is set`, async () => {
    await setServerAddress(
      scripted({ 'set server app/app addr ::1 port 80': reply, 'set server app/app state ready': '' }),
      'app/app',
      { address: '::1', port: 80 },
    );
  });
}

test('an address that HAProxy refuses is an error with its reply', async () => {
  const socket = scripted({ 'set server app/app addr x port 80': "Invalid addr 'x'" });
  await assert.rejects(setServerAddress(socket, 'app/app', { address: 'x', port: 80 }), {
    code: 'PROXY_COMMAND_FAILED',
    details: { command: 'set server app/app addr x port 80', reply: "Invalid addr 'x'" },
  });
});
