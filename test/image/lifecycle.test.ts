import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { test } from 'node:test';
import { eventually } from '../e2e/support.ts';
import type { LogLine } from '../world/ingress.ts';
import type { Project } from './project.ts';
import { startWorld } from './start-world.ts';
import { health, healthJson, stageFor } from './support.ts';

// The value of CLOUDFLARE_API_TOKEN in the compose file.
const TOKEN = 'only-for-the-cloudflare-of-the-local-world';

test('the image in its compose project, from the first start to the end', async (t) => {
  const stage = await stageFor(t);
  if (!stage) return;
  const { engine } = stage;
  const project = await stage.project();

  await t.test('it is starting before there is a certificate', async () => {
    await startWorld(project);
    await project.compose('stop', 'ca');
    await project.compose('up', '--detach', '--no-build', '--no-deps', 'ingress');
    const { status } = await eventually('a health check of a HAProxy without certificate', async () => {
      const now = await health(project, 'ingress');
      // Without HAProxy it would be unhealthy.
      return now.checked === 'starting' ? now : undefined;
    });
    assert.equal(status, 'starting');
  });

  await t.test('HTTPS through the gateway is verified, and it is healthy', async () => {
    await project.compose('start', 'ca');
    const { status, body } = await eventually('an answer', () => project.get('/hello'), 60_000);
    assert.equal(status, 200);
    assert.match(body, /the app answers \/hello/);
    await eventually('healthy', async () => {
      const now = await health(project, 'ingress');
      return (now.status === 'healthy' && now.checked === 'healthy') || undefined;
    });
    const { status: checked, names } = await healthJson(engine, await project.container('ingress'));
    assert.deepEqual([checked, names.map(({ domain }) => domain)], ['healthy', ['app.example.test']]);
    assert.ok(Date.parse(names[0]?.notAfter ?? '') > Date.now());
  });

  await t.test('the visitor reports the same', async () => {
    await project.compose('up', '--detach', '--no-build', '--no-deps', 'visitor');
    const lines = await eventually('the words of the visitor', async () => {
      const log = await project.log('visitor');
      return log.some((line) => line.includes('curl --cacert')) ? log : undefined;
    });
    assert.match(lines.join('\n'), /answer +the app answers \/$/m);
    assert.match(lines.join('\n'), /record +app\.example\.test CAA 0 issue "pebble\.letsencrypt\.org;/);
  });

  await t.test('the log is JSON, one event per line, without the token', async () => {
    const lines = await project.log('ingress');
    const events = lines.map((line): LogLine => JSON.parse(line)).map(({ event }) => event);
    assert.ok(events.includes('serving') && events.includes('pass-finished'), events.join());
    assert.ok(lines.every((line) => !line.includes(TOKEN)));
  });

  await t.test(
    'HAProxy runs as nobody: not root, no capability, an empty root directory, no credentials',
    async () => {
      const processes = await project.processes('ingress');
      const haproxy = processes.filter(({ comm }) => comm === 'haproxy');
      assert.equal(haproxy.length, 1);
      for (const { pid, status } of haproxy) {
        assert.match(status, /^Uid:\t(?!0\b)(\d+)\t\1\t\1\t\1$/m);
        assert.match(status, /^CapEff:\t0+$/m);
        assert.match(status, /^CapPrm:\t0+$/m);
        assert.match(status, /^NoNewPrivs:\t1$/m);
        assert.deepEqual(
          await engine.run(['exec', await project.container('ingress'), 'ls', '/run/dstack-ingress/chroot']),
          '',
        );
        assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /TOKEN|cloudflare/i);
      }
    },
  );

  await t.test('no process has a secret in its command line, and none is a zombie', async () => {
    for (const { comm, cmdline, status } of await project.processes('ingress')) {
      assert.ok(!cmdline.includes(TOKEN), comm);
      assert.doesNotMatch(status, /^State:\tZ/m, comm);
    }
  });

  await t.test('only root can read keys on the volume, and the root file system is read-only', async () => {
    const ingress = await project.container('ingress');
    const find = ['find', '/etc/letsencrypt', '/evidences', '-printf', '%y %m %U %p\\n'];
    const files = (await engine.run(['exec', ingress, ...find])).trim().split('\n');
    assert.ok(
      files.includes('f 600 0 /etc/letsencrypt/archive/app.example.test/privkey1.pem'),
      files.join('\n'),
    );
    assert.ok(files.some((line) => /^f 600 0 .*\/private_key\.json$/.test(line)));
    const open = files.filter((line) => /privkey|private_key/.test(line) && !/^[fl] (600|777) 0 /.test(line));
    assert.deepEqual(open, []);
    assert.ok(files.includes('d 755 0 /evidences'), files.join('\n'));
    await assert.rejects(engine.run(['exec', ingress, 'touch', '/usr/local/x']), /Read-only file system/);
  });

  await t.test('arguments after the image’s name are a subcommand', async () => {
    const plan = await project.compose('run', '--rm', '--no-deps', '-T', 'ingress', 'plan', '--json');
    const { zones, failures } = JSON.parse(plan);
    const records = zones[0].standing.map(({ name, type }: Record<string, string>) => `${name} ${type}`);
    assert.deepEqual(failures, []);
    assert.ok(records.includes('app.example.test CNAME'), records.join());
  });

  await t.test('after a restart with its volume it serves the same certificate and orders none', async () => {
    const before = await project.get('/');
    await project.compose('restart', '--timeout', '10', 'ingress');
    const after = await eventually('an answer', () => project.get('/'));
    assert.equal(after.certificate.serialNumber, before.certificate.serialNumber);
    await eventually('a reconciliation after the restart', async () => {
      const finished = (await events(project)).filter((event) => event === 'pass-finished');
      return finished.length >= 2 || undefined;
    });
    assert.equal((await events(project)).filter((event) => event === 'order').length, 1);
  });

  await t.test('a stop lets an open connection finish within its ten seconds', async () => {
    const stream = await openStream(project);
    const startedAt = performance.now();
    const stopped = project.compose('stop', 'ingress');
    await eventually('stopping', async () => (await events(project)).includes('stopping') || undefined);
    const grown = stream.lines;
    await eventually('the stream continues', () => stream.lines > grown || undefined);
    stream.close();
    await stopped;
    const seconds = (performance.now() - startedAt) / 1000;
    assert.ok(seconds < 9, `${seconds} s`);
    assert.equal(await project.inspect('ingress', '{{.State.ExitCode}}'), '0');
    assert.equal((await events(project)).at(-1), 'stopped');
  });
});

test('the certificate expires: unhealthy, and healthy again after its renewal', async (t) => {
  const stage = await stageFor(t);
  if (!stage) return;
  const { engine } = stage;
  const project = await stage.project({ validityS: 20 });
  await project.compose('up', '--detach', '--no-build', 'ingress', 'visitor');
  const state = (wanted: string) =>
    eventually(
      wanted,
      async () => {
        const now = await health(project, 'ingress');
        return now.status === wanted ? now : undefined;
      },
      60_000,
    );
  await state('healthy');
  const first = await project.get('/');
  await state('unhealthy');
  const {
    status,
    names: [expired],
  } = await healthJson(engine, await project.container('ingress'));
  assert.deepEqual([status, expired?.serial], ['unhealthy', first.certificate.serialNumber]);
  assert.ok(Date.parse(expired?.notAfter ?? '') <= Date.now());
  await engine.run(['kill', '--signal', 'HUP', await project.container('ingress')]);
  await state('healthy');
  const second = await project.get('/');
  assert.notEqual(second.certificate.serialNumber, first.certificate.serialNumber);
  const pids = (await project.processes('ingress')).filter(({ comm }) => comm === 'haproxy');
  assert.equal(pids.length, 1);
});

test('with the image’s own health check: starting while the start waits for the CA, unhealthy soon with a wrong token', async (t) => {
  const stage = await stageFor(t);
  if (!stage) return;
  const { engine } = stage;
  if (engine.kind === 'podman') return t.skip('podman waits for the end of each health check');
  const project = await stage.project({ waitingCheck: true });
  await startWorld(project);
  await project.compose('stop', 'ca');
  await project.compose('up', '--detach', '--no-build', '--no-deps', 'ingress');
  const seconds = async () => {
    const startedAt = await project.inspect('ingress', '{{.State.StartedAt}}');
    return (Date.now() - Date.parse(startedAt)) / 1000;
  };
  await eventually('three times the start period', async () => (await seconds()) > 15 || undefined, 60_000);
  const before = await health(project, 'ingress');
  assert.equal(before.status, 'starting', before.words);
  await project.compose('start', 'ca');
  const after = await eventually(
    'the end of the start',
    async () => {
      const now = await health(project, 'ingress');
      return now.status === 'starting' ? undefined : now;
    },
    60_000,
  );
  assert.equal(after.status, 'healthy', after.words);

  await t.test('a wrong token', async () => {
    const run = ['run', '--detach', '--no-deps', '--env', `CLOUDFLARE_API_TOKEN=${'x'.repeat(40)}`];
    const id = (await project.compose(...run, '--env', 'LETSENCRYPT_DIR=/tmp/empty', 'ingress')).trim();
    stage.defer(() => engine.run(['rm', '--force', id]));
    const words = await eventually(
      'unhealthy',
      async () => {
        const { Status, Log } = JSON.parse(
          await engine.run(['inspect', '--format', '{{json .State.Health}}', id]),
        );
        return Status === 'unhealthy' ? String(Log.at(-1).Output) : undefined;
      },
      60_000,
    );
    assert.match(words, /^unhealthy:.*\bPROVIDER_CREDENTIALS_REJECTED\b/);
  });
});

async function events(project: Project): Promise<(string | undefined)[]> {
  return (await project.log('ingress'))
    .map((line): LogLine => JSON.parse(line))
    .flatMap(({ event }) => event ?? []);
}

/** A response of the app that does not end on its own. */
async function openStream(project: Project): Promise<{ readonly lines: number; close(): void }> {
  const { port, roots, domain } = await project.place();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let lines = 0;
  const sent = request({
    ...{ host: '127.0.0.1', port, path: '/stream', ca: roots, servername: domain, agent: false },
    headers: { Host: domain },
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    response.on('error', () => undefined);
    response.on('data', () => {
      lines += 1;
      resolve();
    });
  });
  sent.end();
  await promise;
  return {
    get lines() {
      return lines;
    },
    close: () => void sent.destroy(),
  };
}
