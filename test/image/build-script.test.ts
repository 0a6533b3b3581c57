import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { temporaryDirectory } from './support.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

test('a failed build keeps the results of an earlier one and leaves none of its own', async (t) => {
  const { folder, build } = await sources(t);
  await mkdir(join(folder, 'out/image'), { recursive: true });
  await writeFile(join(folder, 'out/npm.cdx.json'), 'earlier');
  assert.notEqual((await build()).exitCode, 0);
  assert.equal(await readFile(join(folder, 'out/npm.cdx.json'), 'utf8'), 'earlier');
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('out')),
    ['out'],
  );
});

test('a folder with other files is not replaced', async (t) => {
  const { folder, build } = await sources(t);
  await mkdir(join(folder, 'mine'));
  await writeFile(join(folder, 'mine/thesis.txt'), '');
  const { exitCode, stderr } = await build('--out', 'mine');
  assert.equal(exitCode, 1);
  assert.match(stderr, /mine contains files that are not from a build/);
  assert.deepEqual(await readdir(join(folder, 'mine')), ['thesis.txt']);
});

test('in a repository the revision is the commit, with a mark for uncommitted changes', async (t) => {
  const { folder, build, git } = await sources(t);
  await git('init', '--quiet');
  await git('add', '.');
  await git('-c', 'user.name=n', '-c', 'user.email=e@example.com', 'commit', '--quiet', '--message', 'x');
  const { stdout: commit } = await git('rev-parse', 'HEAD');
  assert.match((await build()).stderr, new RegExp(`revision ${commit}$`, 'm'));
  await writeFile(join(folder, 'new.txt'), '');
  assert.match((await build()).stderr, new RegExp(`revision ${commit}-dirty$`, 'm'));
});

test('a repository that git cannot read is an error; a source archive is not', async (t) => {
  const { folder, build } = await sources(t);
  assert.match((await build()).stderr, /revision unknown$/m);
  await writeFile(join(folder, '.git'), 'gitdir: /nowhere\n');
  const { exitCode, stderr } = await build();
  assert.equal(exitCode, 128);
  assert.doesNotMatch(stderr, /revision/);
});

/** The script's inputs in a folder of its own, with a buildah that builds nothing. */
async function sources(t: TestContext) {
  const folder = await temporaryDirectory(t);
  await cp(join(ROOT, 'scripts/build-image'), join(folder, 'scripts/build-image'));
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const bin = await temporaryDirectory(t);
  await writeFile(join(bin, 'buildah'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
  const env = { PATH: `${bin}:${process.env['PATH']}`, GIT_CEILING_DIRECTORIES: join(folder, '..') };
  const options = { cwd: folder, env, reject: false } as const;
  return {
    folder,
    build: (...args: string[]) => execa('scripts/build-image', args, options),
    git: (...args: string[]) => execa('git', args, { ...options, reject: true }),
  };
}
