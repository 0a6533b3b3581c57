import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { errorIn, eventually, plantCertificate } from '../e2e/support.ts';
import type { LogLine } from '../world/ingress.ts';
import type { Engine } from './engine.ts';
import { ingressImage } from './images.ts';
import { healthJson, type Stage, stageFor } from './support.ts';

const DOMAIN = 'app.example.com';
const ENVIRONMENT = {
  DOMAIN,
  TARGET_ENDPOINT: '127.0.0.1:80',
  GATEWAY_DOMAIN: '_.cluster.test',
  CLOUDFLARE_API_TOKEN: 'nobody-is-there-to-see-this-token-anyway',
  APP_ID: '3327603e03f5bd1f830812ca4a789277fc31f577',
};

const HARDENED = ['--read-only', '--tmpfs', '/run', '--tmpfs', '/tmp', '--security-opt', 'no-new-privileges'];
// Docker allows every process to listen on every port; other engines, and the host's network, do
// not.
const PRIVILEGED_PORTS = ['--sysctl', 'net.ipv4.ip_unprivileged_port_start=1024'];

interface Case {
  readonly title: string;
  readonly capabilities: readonly string[];
  readonly options?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The owner of the volume. Default: root. */
  readonly owner?: string;
  /** HAProxy's user and root directory, as logged. */
  readonly account: { readonly user?: string; readonly chroot?: string };
}

const CHROOT = '/run/dstack-ingress/chroot';

const serving: readonly Case[] = [
  {
    title: 'the smallest set',
    capabilities: ['NET_BIND_SERVICE', 'SETUID', 'SETGID'],
    options: PRIVILEGED_PORTS,
    account: { user: 'haproxy' },
  },
  {
    title: 'with an empty root directory for HAProxy',
    capabilities: ['NET_BIND_SERVICE', 'SETUID', 'SETGID', 'SYS_CHROOT'],
    options: PRIVILEGED_PORTS,
    account: { user: 'haproxy', chroot: CHROOT },
  },
  {
    title: 'on a port above 1023',
    capabilities: ['SETUID', 'SETGID'],
    options: PRIVILEGED_PORTS,
    environment: { PORT: '8443' },
    account: { user: 'haproxy' },
  },
  {
    title: 'no capability at all, as another user',
    capabilities: [],
    options: [...PRIVILEGED_PORTS, '--user', '10001:10001'],
    // Only root may write to /run.
    environment: { PORT: '8443', RUNTIME_DIR: '/tmp/dstack-ingress' },
    owner: '10001:10001',
    account: {},
  },
];

test('the capabilities that the container needs', async (t) => {
  const stage = await stageFor(t);
  if (!stage) return;
  const image = await ingressImage(stage.engine);

  for (const { title, capabilities, options = [], environment = {}, owner, account } of serving) {
    await t.test(`serves with [${capabilities.join(', ')}]: ${title}`, async () => {
      const all = [...HARDENED, ...drop(capabilities), ...options];
      const id = await start(stage, image, { options: all, environment, owner });
      const up = await event(stage.engine, id, (line) => line.event === 'haproxy-up');
      assert.deepEqual(
        { user: up['user'], chroot: up['chroot'] },
        { user: undefined, chroot: undefined, ...account },
      );
      await event(stage.engine, id, (line) => line.event === 'serving');
      // Warns of its user, 10001, only if HAProxy cannot change to another.
      const warned = (await logOf(stage.engine, id)).filter(
        (line) => line.event === 'warning' && String(line['msg']).includes('10001'),
      );
      assert.equal(warned.length, account.user === undefined ? 1 : 0);
      const { status, names } = await healthJson(stage.engine, id);
      assert.deepEqual([status, names.map(({ domain }) => domain)], ['healthy', [DOMAIN]]);
      await stopsSoon(stage.engine, id);
    });
  }

  await t.test('serves with the defaults of `docker run`', async () => {
    const id = await start(stage, image, { options: [] });
    await event(stage.engine, id, (line) => line.event === 'serving');
    await stopsSoon(stage.engine, id);
  });

  await t.test(
    'on a volume of another user, the error has the owner and the user of the ingress',
    async () => {
      const all = [...HARDENED, ...drop(['NET_BIND_SERVICE', 'SETUID', 'SETGID']), ...PRIVILEGED_PORTS];
      const id = await start(stage, image, { options: all, owner: '1000:1000' });
      const line = await event(stage.engine, id, ({ event }) => event === 'volume-not-writable');
      const { code, details } = errorIn(line);
      // For user 0 the fix is chown or the capability DAC_OVERRIDE.
      assert.deepEqual([code, details['owner'], details['uid']], ['STORE_FAILED', 1000, 0]);
      await stopsSoon(stage.engine, id);
    },
  );

  const missing: [without: string, needed: readonly string[]][] = [
    ['NET_BIND_SERVICE', ['NET_BIND_SERVICE']],
    ['SETUID', ['SETUID', 'SETGID']],
    ['SETGID', ['SETUID', 'SETGID']],
  ];
  for (const [without, needed] of missing) {
    await t.test(`without ${without} it does not start, and the error lists what to add`, async () => {
      const capabilities = ['NET_BIND_SERVICE', 'SETUID', 'SETGID'].filter((name) => name !== without);
      const all = [...HARDENED, ...drop(capabilities), ...PRIVILEGED_PORTS];
      const id = await start(stage, image, { options: all });
      const line = await event(stage.engine, id, ({ event }) => event === 'proxy-not-started');
      const { code, details } = errorIn(line);
      assert.deepEqual([code, details['capabilities']], ['PROXY_START_FAILED', needed]);
      assert.equal(await exitCode(stage.engine, id), '1');
    });
  }

  await t.test('an unknown subcommand is an error that lists the known ones', async () => {
    await assert.rejects(stage.engine.run(['run', '--rm', image, 'serve']), {
      exitCode: 64,
      stderr: /"serve".*\brun, plan, status, health\b/,
    });
  });

  await t.test('without a configuration it ends with 78 and names every variable', async () => {
    const id = (await stage.engine.run(['run', '--detach', image])).trim();
    stage.defer(() => stage.engine.run(['rm', '--force', '--volumes', id]));
    assert.equal(await exitCode(stage.engine, id), '78');
    const words = await stage.engine.run(['logs', id], { both: true });
    for (const variable of ['DOMAIN', 'TARGET_ENDPOINT', 'GATEWAY_DOMAIN', 'APP_ID'])
      assert.ok(words.includes(variable));
  });
});

interface StartOptions {
  readonly options: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly owner?: string | undefined;
}

/** Starts the image without network on a volume that has a certificate, which it serves. */
async function start(
  stage: Stage,
  image: string,
  { options, environment = {}, owner }: StartOptions,
): Promise<string> {
  const volume = await stage.directory();
  await plantCertificate({ DOMAIN, LETSENCRYPT_DIR: volume }, 80);
  if (owner !== undefined) await execa('chown', ['-R', owner, volume]);
  const variables = Object.entries({ ...ENVIRONMENT, ...environment }).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  const mount = ['--volume', `${volume}:/etc/letsencrypt`];
  const id = await stage.engine.run([
    'run',
    '--detach',
    '--network',
    'none',
    ...mount,
    ...variables,
    ...options,
    image,
  ]);
  stage.defer(() => stage.engine.run(['rm', '--force', '--volumes', id.trim()]));
  return id.trim();
}

function drop(but: readonly string[]): string[] {
  return ['--cap-drop', 'ALL', ...but.flatMap((name) => ['--cap-add', name])];
}

async function event(engine: Engine, id: string, fits: (line: LogLine) => boolean): Promise<LogLine> {
  return eventually('the line in the log', async () => {
    return (await logOf(engine, id)).find(fits);
  });
}

async function logOf(engine: Engine, id: string): Promise<LogLine[]> {
  const text = await engine.run(['logs', id], { both: true });
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line): LogLine => JSON.parse(line));
}

/** Without a client there is nothing to drain and nothing to kill. */
async function stopsSoon(engine: Engine, id: string): Promise<void> {
  const startedAt = performance.now();
  await engine.run(['stop', id]);
  const seconds = (performance.now() - startedAt) / 1000;
  assert.equal(await exitCode(engine, id), '0');
  assert.ok(seconds < 5, `${seconds} s`);
}

async function exitCode(engine: Engine, id: string): Promise<string> {
  await eventually('the end', async () => {
    const running = await engine.run(['inspect', '--format', '{{.State.Running}}', id]);
    return running.trim() === 'false' || undefined;
  });
  return (await engine.run(['inspect', '--format', '{{.State.ExitCode}}', id])).trim();
}
