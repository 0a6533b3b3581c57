import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { eventually } from '../../../e2e/support.ts';
import { afterTest } from '../../../harness/after-test.ts';
import { temporaryDirectory } from '../../../harness/temporary-directory.ts';
import { claimLoopback } from '../../loopback.ts';

/** The program that every container of the demo runs. */

const MAIN = new URL('./main.ts', import.meta.url).pathname;

function directoryFor(t: TestContext): string {
  const directory = temporaryDirectory(t);
  return directory;
}

const settings = {
  ZONE: 'example.test',
  DOMAIN: 'app.example.test',
  GATEWAY_DOMAIN: 'cluster.test',
  NS1_ADDRESS: '127.0.0.1',
  NS2_ADDRESS: '127.0.0.1',
  RESOLVER_ADDRESS: '127.0.0.1',
  GATEWAY_ADDRESS: '127.0.0.1',
  APP_ID: 'a'.repeat(40),
  INSTANCE_ID: 'b'.repeat(40),
  INSTANCE_ADDRESS: 'ingress',
  CLOUDFLARE_API_TOKEN: 'c'.repeat(40),
  CERTIFICATE_SECONDS: '3600',
  PUBLISHED_PORT: '8443',
};

/** Starts a service; returns its process and its output. */
function start(t: TestContext, word: string, environment: Readonly<Record<string, string>>) {
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  const service = execa(process.execPath, [MAIN, word], { env, extendEnv: false, reject: false, all: true });
  afterTest(t, () => service.kill('SIGKILL'));
  let said = '';
  service.all.on('data', (piece) => {
    said += piece;
  });
  return { service, said: () => said };
}

/**
 * Ends it with SIGTERM. An exit code, not a signal, shows that it would also end as process 1, to
 * which signals' default actions do not apply.
 */
async function assertEnds({ service }: ReturnType<typeof start>): Promise<void> {
  const signalledAt = Date.now();
  service.kill('SIGTERM');
  const { exitCode } = await service;
  assert.equal(exitCode, 0);
  assert.ok(Date.now() - signalledAt < 1000, `took ${Date.now() - signalledAt} ms`);
}

test('an unknown service is refused with a list of all names', async (t) => {
  const { service, said } = start(t, 'nonsense', settings);
  assert.equal((await service).exitCode, 1);
  assert.match(said(), /^name one of ns1, ns2, resolver, ca, .*visitor\n$/);
});

test('missing and invalid settings are all listed at once', async (t) => {
  const { DOMAIN: _, ...others } = settings;
  const { service, said } = start(t, 'app', { ...others, NS1_ADDRESS: 'ns1', APP_ID: 'short' });
  assert.equal((await service).exitCode, 1);
  for (const name of ['DOMAIN', 'NS1_ADDRESS', 'APP_ID'])
    assert.match(said(), new RegExp(`^  ${name}: `, 'm'));
  assert.doesNotMatch(said(), /NS2_ADDRESS|at file:/);
});

test('the guest agent replaces the sockets of a killed one, and ends on SIGTERM', async (t) => {
  const GUEST_AGENT_DIR = join(directoryFor(t), 'dstack');
  const begin = () => start(t, 'guest-agent', { ...settings, GUEST_AGENT_DIR });
  const killed = begin();
  await eventually('it is up', () => /listening on/.test(killed.said()) || undefined);
  killed.service.kill('SIGKILL');
  await killed.service;
  const socket = join(GUEST_AGENT_DIR, 'dstack.sock');
  assert.ok(existsSync(socket));
  const agent = begin();
  await eventually('it is up again', () => /listening on/.test(agent.said()) || undefined);
  const { stdout } = await execa('curl', ['-s', '--unix-socket', socket, 'http://agent/Info']);
  assert.equal(JSON.parse(stdout).app_id, settings.APP_ID);
  await assertEnds(agent);
});

/** Ended, or a zombie that waits to be reaped by its adopting process. */
function isGone(pid: string | undefined): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

test('on SIGTERM, a service ends together with its BIND', async (t) => {
  await using loopback = await claimLoopback();
  const places = { RESOLVER_ADDRESS: loopback.next(), TMPDIR: directoryFor(t) };
  const resolver = start(t, 'resolver', { ...settings, ...places });
  await eventually('it is up', () => /resolving on/.test(resolver.said()) || undefined);
  const { pid } = resolver.service;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  assert.equal(children.length, 1);
  await assertEnds(resolver);
  await eventually('BIND is gone', () => isGone(children[0]) || undefined, 1000);
});
