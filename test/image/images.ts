import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { BASE, baseContext } from './base-image.ts';
import { type Engine, ownDirectory } from './engine.ts';
import { privateStore } from './podman.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const BUILD_MS = 15 * 60_000;

const COMMON = ['package.json', 'package-lock.json', '.npmrc', '.dockerignore'];
const SOURCES = {
  ingress: [
    ...COMMON,
    'Dockerfile',
    'entrypoint.sh',
    'LICENSE',
    'scripts/build',
    'scripts/build-image',
    '{src,providers}/**/*.ts',
  ],
  world: [...COMMON, 'src/{clock,files}.ts', 'test/world/**/*'],
};

/** The name of the image of exactly this source tree, so that it is built only once. */
export function imageName(kind: keyof typeof SOURCES): string {
  const hash = createHash('sha256');
  const files = globSync([...SOURCES[kind]], { cwd: ROOT }).filter((file) => !file.endsWith('.test.ts'));
  for (const file of files.sort()) {
    const path = join(ROOT, file);
    if (statSync(path).isFile()) hash.update(file).update('\0').update(readFileSync(path)).update('\0');
  }
  return `dstack-ingress-test-${kind}:${hash.digest('hex').slice(0, 12)}`;
}

/** The name of the ingress image. scripts/build-image builds it unless the engine has it. */
export async function ingressImage(engine: Engine): Promise<string> {
  const name = imageName('ingress');
  if (await has(engine, name)) return name;
  if (await hasBuildah()) {
    const { localName, out } = await runBuildImage(name, ['--once']);
    await rm(dirname(out), { recursive: true, force: true });
    await load(engine, localName, name);
  } else {
    if (process.env['CONTAINERS'] === 'required') throw new Error('buildah is not installed');
    await buildByEngine(engine, name, 'Dockerfile');
  }
  return name;
}

/** The name of the image of the world's services. The engine builds it unless it exists. */
export async function worldImage(engine: Engine): Promise<string> {
  const name = imageName('world');
  if (!(await has(engine, name))) await buildByEngine(engine, name, 'test/world/containers/Dockerfile');
  return name;
}

export async function hasBuildah(): Promise<boolean> {
  return !(await execa('buildah', ['--version'], { reject: false })).failed;
}

export interface Built {
  readonly localName: string;
  /** The value of `--out`; the caller removes it. */
  readonly out: string;
  /** The script's standard output. */
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs scripts/build-image like a user does, with the tests' own store and the replacement for the
 * base image.
 */
export async function runBuildImage(name: string, options: readonly string[]): Promise<Built> {
  const env = await privateStore();
  const base = `localhost/${BASE}`;
  if ((await execa('buildah', ['inspect', '--type', 'image', base], { env, reject: false })).failed) {
    await execa(
      'buildah',
      ['bud', '--quiet', '--identity-label=false', '--timestamp', '0', '--tag', base, await baseContext()],
      {
        env,
      },
    );
  }
  const localName = `localhost/${name}`;
  // Leaves the user's own build in place.
  const out = join(await ownDirectory('out'), 'out');
  const args = ['--tag', localName, '--base', base, '--out', out, ...extraCa(), ...options];
  const { stdout, stderr } = await execa('scripts/build-image', args, { cwd: ROOT, env, timeout: BUILD_MS });
  return { localName, out, stdout, stderr };
}

/** Copies an image from buildah's private store to the engine. */
export async function load(engine: Engine, localName: string, name: string): Promise<void> {
  const directory = await ownDirectory('image');
  try {
    const archive = join(directory, 'image.tar');
    const env = await privateStore();
    await execa('buildah', ['push', '--quiet', localName, `docker-archive:${archive}:${name}`], { env });
    await engine.run(['load', '--quiet', '--input', archive], { timeoutMs: BUILD_MS });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function has(engine: Engine, name: string): Promise<boolean> {
  return engine.run(['image', 'inspect', name]).then(
    () => true,
    () => false,
  );
}

/** The name of the replacement for the base image. The engine builds it unless it exists. */
export async function baseImage(engine: Engine): Promise<string> {
  if (!(await has(engine, BASE)))
    await engine.run(['build', '--tag', BASE, await baseContext()], { timeoutMs: BUILD_MS });
  return BASE;
}

export interface EngineBuild {
  /** Build arguments. */
  readonly args?: Readonly<Record<string, string>>;
  /** Options of the engine. */
  readonly options?: readonly string[];
}

/** Builds a Dockerfile of the project like a user who has only the engine. */
export async function buildByEngine(
  engine: Engine,
  name: string,
  dockerfile: string,
  { args = {}, options: more = [] }: EngineBuild = {},
): Promise<void> {
  process.stderr.write(`==> building ${name} with ${engine.kind}\n`);
  await baseImage(engine);
  const secret = extraCa().at(1);
  const options = [
    ...['--network', 'host', ...more],
    ...Object.entries({ ...args, BASE }).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    ...(secret === undefined ? [] : ['--secret', `id=ca,src=${secret}`]),
    ...(engine.kind === 'podman' ? ['--isolation', 'chroot', '--format', 'docker'] : []),
  ];
  const file = join(ROOT, dockerfile);
  await engine.run(['build', ...options, '--tag', name, '--file', file, ROOT], { timeoutMs: BUILD_MS });
}

/** This host's own NODE_EXTRA_CA_CERTS, saved by scripts/test: npm needs it in the build, too. */
function extraCa(): string[] {
  const path = process.env['HOST_EXTRA_CA_CERTS'];
  return path ? ['--ca', path] : [];
}
