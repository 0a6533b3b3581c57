import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa, type Options } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { freePort } from '../world/free-port.ts';
import { BUNDLE, startIngress } from '../world/ingress.ts';
import { type OpenServer, openServer } from '../world/open-server.ts';
import { eventually, silentHaproxy } from './support.ts';

const ENTRYPOINT = new URL('../../entrypoint.sh', import.meta.url).pathname;
const signals = [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const;

for (const [signal, code] of signals) {
  test(`${signal} ends a plan whose provider is silent, with ${code} and nothing written`, async (t) => {
    const { server, connected } = await silentServer(t);
    const environment = await environmentIn(t, { CLOUDFLARE_BASE_URL: `http://127.0.0.1:${server.port}` });
    const child = start([process.execPath, BUNDLE, 'plan'], environment);
    await connected;
    child.kill(signal);
    const { exitCode, stdout, stderr } = await child;
    assert.deepEqual([exitCode, stdout, stderr], [code, '', '']);
  });

  test(`${signal} ends a health check that gets no response, with ${code}`, async (t) => {
    const { connected, environment } = await silentHaproxy(t);
    const child = start([process.execPath, BUNDLE, 'health'], await environmentIn(t, environment));
    await connected;
    child.kill(signal);
    assert.equal((await child).exitCode, code);
  });

  test(`${signal} before a start has read its configuration ends it with 0, and nothing was started`, async (t) => {
    const home = temporaryDirectory(t);
    const pipe = join(home, 'token');
    await execa('mkfifo', [pipe]);
    const environment = await environmentIn(t, { CLOUDFLARE_API_TOKEN: '', CLOUDFLARE_API_TOKEN_FILE: pipe });
    const child = start([process.execPath, BUNDLE], environment);
    // Opens when the program reads it, and the read lasts until it is closed.
    const token = await open(pipe, 'w');
    child.kill(signal);
    await token.writeFile('nobody-is-there-to-see-this-token-anyway');
    await token.close();
    const { exitCode, stdout } = await child;
    assert.equal(exitCode, 0, stdout);
    const events = stdout.split('\n').map((line) => JSON.parse(line).event);
    assert.deepEqual(events, ['starting', 'stopping']);
  });

  test(`${signal} before the entrypoint executes the program ends it with 0`, async (t) => {
    const { environment, whileBusy } = await slowShell(t);
    const child = start(['/bin/sh', ENTRYPOINT], environment);
    await whileBusy(() => child.kill(signal));
    const { exitCode, stdout } = await child;
    assert.deepEqual([exitCode, stdout], [0, '']);
  });
}

test('SIGTERM to `npm start` ends the program and its HAProxy', async (t) => {
  const { server } = await silentServer(t);
  const environment = await environmentIn(t, {
    CLOUDFLARE_BASE_URL: `http://127.0.0.1:${server.port}`,
    NPM_CONFIG_UPDATE_NOTIFIER: 'false',
  });
  // Whether the packages and the bundle are up to date is not tested here.
  const ingress = startIngress(environment, ['npm', 'start', '--ignore-scripts', '--silent']);
  afterTest(t, () => ingress[Symbol.asyncDispose]());
  const up = await ingress.seen('haproxy-up');
  const program = parentOf(Number(up['pid']));
  try {
    ingress.signal('SIGTERM');
    await eventually('its end', () => ingress.haproxyPids().length === 0 || undefined);
    await ingress.seen('stopped');
  } catch (thrown) {
    // The program has outlived npm and keeps npm's output open.
    process.kill(program, 'SIGKILL');
    throw thrown;
  }
});

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

type Environment = Readonly<Record<string, string>>;

function start([program, ...args]: readonly [string, ...string[]], env: Environment) {
  return execa(program, args, { env, extendEnv: false, reject: false, cleanup: false } satisfies Options);
}

/** A valid environment for every subcommand, whose servers do not exist. */
async function environmentIn(t: TestContext, changes: Environment): Promise<Environment> {
  const home = temporaryDirectory(t);
  return {
    PATH: process.env['PATH'] ?? '',
    DOMAIN: 'app.example.com',
    TARGET_ENDPOINT: '127.0.0.1:1',
    GATEWAY_DOMAIN: '_.cluster.test',
    CLOUDFLARE_API_TOKEN: 'nobody-is-there-to-see-this-token-anyway',
    DNS_RESOLVERS: '127.0.0.1:1',
    APP_ID: '3327603e03f5bd1f830812ca4a789277fc31f577',
    PORT: String(await freePort()),
    LETSENCRYPT_DIR: join(home, 'letsencrypt'),
    RUNTIME_DIR: join(home, 'run'),
    ...changes,
  };
}

async function silentServer(
  t: TestContext,
): Promise<{ readonly server: OpenServer; readonly connected: Promise<unknown> }> {
  const listener = createServer();
  const connected = once(listener, 'connection');
  const server = await openServer(listener, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => server[Symbol.asyncDispose]());
  return { server, connected };
}

/**
 * An environment in which the entrypoint's last step before the program blocks until a signal was
 * sent.
 */
async function slowShell(t: TestContext) {
  const bin = temporaryDirectory(t);
  const [reached, go] = [join(bin, 'reached'), join(bin, 'go')];
  const programs = {
    mkdir: `touch ${reached}; until [ -e ${go} ]; do sleep 0.02; done`,
    node: 'echo handed over',
  };
  for (const [program, script] of Object.entries(programs))
    await writeFile(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return {
    environment: { PATH: `${bin}:/usr/bin:/bin` },
    async whileBusy(act: () => unknown) {
      await eventually('the step before the program', () => existsSync(reached) || undefined);
      act();
      await writeFile(go, '');
    },
  };
}
