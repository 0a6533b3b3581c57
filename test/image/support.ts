import { rm } from 'node:fs/promises';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { ExecaError } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import { type Engine, ownDirectory } from './engine.ts';
import { hasBuildah } from './images.ts';
import { openEngine } from './open-engine.ts';
import { openProject, type Project, type ProjectOptions } from './project.ts';

/** What the tests of one file share; ended after them, last started first. */
export interface Stage {
  readonly engine: Engine;
  /** Creates the compose project without starting anything. */
  project(options?: ProjectOptions): Promise<Project>;
  /** A new directory. */
  directory(): Promise<string>;
  /** Runs `work` at the end. */
  defer(work: () => unknown): void;
}

/**
 * The stage of a test. If no containers can be run, skips the test with the reason and returns
 * undefined; with `CONTAINERS=required` the test fails.
 */
export async function stageFor(t: TestContext): Promise<Stage | undefined> {
  const engine = await openEngine();
  if (typeof engine === 'string') {
    skip(t, `no containers here: ${engine}`);
    return undefined;
  }
  afterTest(t, () => engine[Symbol.asyncDispose]());
  return {
    engine,
    async project(options) {
      const project = await openProject(engine, options);
      afterTest(t, () => project[Symbol.asyncDispose]());
      return project;
    },
    directory: () => temporaryDirectory(t),
    defer: (work) => afterTest(t, work),
  };
}

/**
 * Whether buildah is available; if not, the test is skipped, or fails with `CONTAINERS=required`.
 */
export async function buildahFor(t: TestContext): Promise<boolean> {
  if (await hasBuildah()) return true;
  skip(t, 'buildah is not installed (scripts/prepare containers installs it)');
  return false;
}

function skip(t: TestContext, reason: string): void {
  if (process.env['CONTAINERS'] === 'required') throw new Error(reason);
  t.skip(reason);
}

/** A new directory that is removed after the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await ownDirectory('image-test');
  afterTest(t, () => rm(path, { recursive: true, force: true }));
  return path;
}

/** A service's health. */
export interface ServiceHealth {
  /** According to the engine: starting, healthy or unhealthy. */
  readonly status: string;
  /** According to the last check. */
  readonly checked: string | undefined;
  /** The output of the last check, which begins with that. */
  readonly words: string;
}

/** The health of a service according to the engine. */
export async function health(project: Project, service: string): Promise<ServiceHealth> {
  // Podman leaves the scheduling of checks to systemd, so without systemd the test runs them.
  if (project.engine.kind === 'podman')
    await project.engine.run(['healthcheck', 'run', await project.container(service)]).catch(() => undefined);
  const text = await project.inspect(service, '{{json .State.Health}}');
  const { Status, Log } = JSON.parse(text);
  const words = String(Log?.at(-1)?.Output ?? '').trim();
  return { status: String(Status), checked: /^(\w+):/.exec(words)?.[1], words };
}

/** What `health --json` prints in a container. */
export interface HealthJson {
  readonly status: string;
  readonly names: readonly {
    readonly domain: string;
    readonly serial?: string;
    readonly notAfter?: string;
  }[];
}

/** Runs `health --json` in a container. */
export async function healthJson({ run }: Engine, id: string): Promise<HealthJson> {
  const output = await run(['exec', id, 'dstack-ingress', 'health', '--json']).catch((thrown: unknown) => {
    // An exit code other than 0 says that it is not healthy.
    if (thrown instanceof ExecaError) return String(thrown.stdout);
    throw thrown;
  });
  return JSON.parse(output);
}
