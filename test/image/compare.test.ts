import assert from 'node:assert/strict';
import { appendFile, chmod, chown, cp, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { privateStore } from './podman.ts';
import { buildahFor, temporaryDirectory } from './support.ts';
import { writeTinyImage } from './tiny-image.ts';

const CONFIGURATION = {
  architecture: 'amd64',
  os: 'linux',
  config: {
    User: '',
    Env: ['PATH=/bin'],
    Entrypoint: ['/program', 'one', 'two'],
    Cmd: null,
    Volumes: { '/data': {} },
    Labels: { title: 'a tiny image' },
    Healthcheck: { Test: ['CMD', '/program', 'health'], Interval: 30_000_000_000 },
    StopSignal: 'SIGTERM',
  },
};

type Changes = Readonly<Record<string, unknown>>;

test('scripts/compare-images', async (t) => {
  if (!(await buildahFor(t))) return;
  const env = await privateStore();
  const stage = { folder: await temporaryDirectory(t), made: 0 };

  /** An image with the common tree and these changes. */
  const image = async (
    change: (root: string) => unknown = () => undefined,
    config: Changes = {},
    top: Changes = {},
  ) => {
    stage.made += 1;
    const root = join(stage.folder, `root-${stage.made}`);
    await plantTree(root);
    await change(root);
    const configuration = { ...CONFIGURATION, ...top, config: { ...CONFIGURATION.config, ...config } };
    return writeTinyImage(join(stage.folder, `image-${stage.made}`), { root, configuration });
  };
  const compare = (one: string, other: string) =>
    execa('scripts/compare-images', [one, other], { env, reject: false, all: true });
  const original = await image();

  const differs = (what: string, make: () => Promise<string>, seen: RegExp) =>
    t.test(`finds ${what}`, async () => {
      const { exitCode, all } = await compare(original, await make());
      assert.equal(exitCode, 1, all);
      assert.match(all, seen);
    });

  await t.test('equal trees and configurations are equal, whatever the tool and the build time', async () => {
    const unset = {
      Cmd: [],
      Hostname: '0123456789ab',
      Image: 'sha256:1234',
      Domainname: '',
      Tty: false,
      ArgsEscaped: true,
    };
    const built = { created: '2026-11-01T00:00:00Z', container: 'ab'.repeat(32), docker_version: '27.0' };
    const { exitCode, all } = await compare(original, await image(() => undefined, unset, built));
    assert.match(all, /^the same: \d+ files and directories, and the configuration$/);
    assert.equal(exitCode, 0);
  });

  await t.test(
    'an image that hides changes behind ONBUILD is refused, and none of its commands runs',
    async () => {
      const evil = await image((root) => appendFile(join(root, 'program'), 'evil'), {
        OnBuild: ['RUN /bin/sh /bin/heal'],
      });
      const { exitCode, all } = await compare(original, evil);
      assert.equal(exitCode, 1, all);
      assert.match(all, /has ONBUILD instructions.*\n\["RUN \/bin\/sh \/bin\/heal"\]$/);
      assert.doesNotMatch(all, /the same/);
    },
  );

  const program = (root: string) => join(root, 'program');
  const files: [what: string, change: (root: string) => unknown, seen: RegExp][] = [
    ['a byte', (root) => appendFile(program(root), 'x'), /^\+[0-9a-f]{64} {2}\.\/program$/m],
    ['a mode', (root) => chmod(program(root), 0o4755), /^\+f 4755 0:0 \.\/program$/m],
    ['an owner', (root) => chown(program(root), 0, 7), /^\+f 755 0:7 \.\/program$/m],
    ['another target of a link', relink, /^\+link \.\/alias\/\/bin\/sh$/m],
    ['a file capability', grant, /^\+xattr security\.capability=0x[0-9a-f]+ \.\/program$/m],
    ['an extended attribute', mark, /^\+xattr user\.mark=0x61 \.\/program$/m],
    ['another device', renumber, /^\+device 1:3 \.\/zero$/m],
    ['a name that looks like other lines', misname, /^\+f 644 0:0 \.\/a\\nf 644 0:0 \.\/b$/m],
  ];
  for (const [what, change, seen] of files) await differs(what, () => image(change), seen);

  const configurations: [what: string, config: Changes, seen: RegExp][] = [
    ['words with other boundaries', { Entrypoint: ['/program', 'one two'] }, /"Entrypoint",1\] "one two"$/m],
    ['a variable', { Env: ['PATH=/bin', 'LD_PRELOAD=/x'] }, /"Env",1\] "LD_PRELOAD=\/x"$/m],
    ['a shell', { Shell: ['/bin/evil'] }, /"Shell",0\] "\/bin\/evil"$/m],
    ['a stop timeout', { StopTimeout: 1 }, /"StopTimeout"\] 1$/m],
    ['a volume', { Volumes: { '/data': {}, '/other': {} } }, /"Volumes","\/other"\] \{\}$/m],
    ['a user', { User: '7' }, /"User"\] "7"$/m],
    ['an unspecified key', { Unheard: 'of' }, /^\+\["literal","config","Unheard"\] "of"$/m],
  ];
  for (const [what, config, seen] of configurations)
    await differs(what, () => image(undefined, config), seen);
  await differs('another architecture', () => image(undefined, {}, { architecture: 'arm64' }), /"arm64"$/m);
  await differs('another system', () => image(undefined, {}, { variant: 'v2' }), /"variant"\] "v2"$/m);

  await t.test('leaves no image and no container behind, and overwrites no local name', async () => {
    const { stdout: images } = await execa('buildah', ['images', '--all', '--quiet'], { env });
    const { stdout: containers } = await execa('buildah', ['containers', '--quiet'], { env });
    await compare(original, await image((root) => chmod(program(root), 0o700)));
    assert.equal((await execa('buildah', ['images', '--all', '--quiet'], { env })).stdout, images);
    assert.equal((await execa('buildah', ['containers', '--quiet'], { env })).stdout, containers);
  });
});

/** A tree with a file of each kind, and the programs that ONBUILD would need to hide a change. */
async function plantTree(root: string): Promise<void> {
  await mkdir(join(root, 'bin'), { recursive: true });
  await chmod(root, 0o755);
  const { stdout } = await execa('ldd', ['/bin/sh']);
  const libraries = stdout.match(/\/\S+/g) ?? [];
  await cp('/bin/sh', join(root, 'bin/sh'), { dereference: true });
  for (const library of libraries) await cp(library, join(root, library), { dereference: true });
  await writeFile(join(root, 'program'), 'program\n', { mode: 0o755 });
  await writeFile(join(root, 'bin/heal'), 'echo program >/program\n');
  await symlink('program', join(root, 'alias'));
  await execa('mknod', [join(root, 'zero'), 'c', '1', '5']);
}

async function relink(root: string): Promise<void> {
  await symlink('bin/sh', join(root, 'new'));
  await rename(join(root, 'new'), join(root, 'alias'));
}

async function grant(root: string): Promise<void> {
  await execa('setcap', ['cap_net_admin+ep', join(root, 'program')]);
}

async function mark(root: string): Promise<void> {
  await execa('setfattr', ['--name=user.mark', '--value=a', join(root, 'program')]);
}

async function renumber(root: string): Promise<void> {
  await execa('mknod', [join(root, 'other'), 'c', '1', '3']);
  await rename(join(root, 'other'), join(root, 'zero'));
}

async function misname(root: string): Promise<void> {
  await mkdir(join(root, 'a\nf 644 0:0 .'));
  await writeFile(join(root, 'a\nf 644 0:0 ./b'), '');
}
