import { rm } from 'node:fs/promises';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { type Engine, ownDirectory } from './engine.ts';
import { hasBuildah } from './images.ts';
import { openEngine } from './open-engine.ts';
import { openProject, type Project, type ProjectOptions } from './project.ts';

/** What the tests of one file share: ended when they are over, the last started first. */
export interface Stage {
  readonly engine: Engine;
  /** The compose project, with nothing started. */
  project(options?: ProjectOptions): Promise<Project>;
  /** A new directory. */
  directory(): Promise<string>;
  /** Does something at the end. */
  defer(work: () => unknown): void;
}

/**
 * The stage of a test; undefined where no containers can be run, and then the test is skipped with the reason. With
 * `CONTAINERS=required` it fails instead.
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

/** Whether buildah is there; where not, the test is skipped, or fails with `CONTAINERS=required`. */
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

/** The health of a service as the engine sees it: starting, healthy or unhealthy, with the words of the last check. */
export async function health(project: Project, service: string): Promise<{ status: string; words: string }> {
  // Podman leaves it to systemd when to check, so where there is no systemd nobody does.
  if (project.engine.kind === 'podman')
    await project.engine.run(['healthcheck', 'run', await project.container(service)]).catch(() => undefined);
  const text = await project.inspect(service, '{{json .State.Health}}');
  const { Status, Log } = JSON.parse(text);
  return { status: String(Status), words: String(Log?.at(-1)?.Output ?? '').trim() };
}
