import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { startChild } from '../world/child.ts';
import { freePort } from '../world/free-port.ts';
import { type Front, ingressBefore } from './ingress.ts';
import { serverProgram } from './programs.ts';
import { documented, run, succeed } from './run.ts';

/** valkey-cli, whose options are those of redis-cli, and Valkey. */

async function startValkey(t: TestContext): Promise<Front> {
  const port = await freePort();
  const program = await serverProgram('valkey-server', 'usr/bin/valkey-server');
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', ''];
  const server = await startChild(program, { args });
  afterTest(t, () => server[Symbol.asyncDispose]());
  await server.seen(/Ready to accept connections/, 10_000);
  return ingressBefore(t, `127.0.0.1:${port}`);
}

test('valkey-cli with --sni: a large value, ten thousand pipelined commands, a blocking command', async (t) => {
  const front = await startValkey(t);
  const cli = documented('valkey-cli', front);
  t.diagnostic(await succeed(front, `${cli} --version`));
  assert.equal(await succeed(front, `${cli} -x SET key`, { input: 'v'.repeat(1_000_000) }), 'OK');
  assert.equal(await succeed(front, `${cli} STRLEN key`), '1000000');
  const many = Array.from({ length: 10_000 }, (_, index) => `SET ${index} ${index}\r\n`).join('');
  assert.match(await succeed(front, `${cli} --pipe`, { input: many }), /errors: 0, replies: 10000$/);
  const waiting = succeed(front, `${cli} BLPOP list 30`);
  await succeed(front, `${cli} RPUSH list news`);
  assert.match(await waiting, /news$/);
});

test('without --sni valkey-cli sends no SNI and is refused', async (t) => {
  const front = await startValkey(t);
  const { exitCode, stderr } = await run(
    front,
    `${documented('valkey-cli', front).replace(/ --sni \S+/, '')} PING`,
  );
  assert.equal(exitCode, 1);
  assert.match(stderr, /unrecognized name/);
});
