import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { IngressError, messageOf } from './errors.ts';

/** A file or directory that stands in the way, and who we are to it. */
export interface Obstacle {
  readonly path: string;
  readonly owner: number;
  /** Permission bits. */
  readonly mode: number;
  /** Our effective user id. */
  readonly uid: number;
}

/**
 * STORE_FAILED for something that the file system threw; where rights are missing, the hint says whose and how to get them. A disk
 * may have room again by itself; who mounted it or owns it has to do something.
 */
export async function storeFailure(sentence: string, path: string, thrown: unknown): Promise<IngressError> {
  const { code, path: reported } = factsOf(thrown);
  const context = { cause: thrown };
  const full = `${sentence}: ${messageOf(thrown)}`;
  if (code === 'EROFS')
    return new IngressError('STORE_FAILED', full, { ...context, hint: READ_ONLY, retryable: false });
  if (code === 'ENOENT') {
    const nearest = (await findObstacle(path)).path;
    const hint = (await isDeleted(nearest)) ? { hint: describeDeleted(nearest), retryable: false } : {};
    return new IngressError('STORE_FAILED', full, { ...context, ...hint });
  }
  if (code !== 'EACCES' && code !== 'EPERM') return new IngressError('STORE_FAILED', full, context);
  const obstacle = await findObstacle(reported ?? path);
  return new IngressError('STORE_FAILED', full, {
    ...context,
    hint: describeRemedy(obstacle),
    retryable: false,
    details: { ...obstacle },
  });
}

/**
 * Why nothing could be stored in one of these directories, or undefined. Of one that is not there yet, the nearest above
 * it that is. Writes nothing, so a volume that is full is not noticed.
 */
export async function whyUnwritable(directories: readonly string[]): Promise<IngressError | undefined> {
  for (const directory of directories) {
    const { path } = await findObstacle(directory);
    const sentence = `nothing can be stored in ${directory}`;
    if (await isDeleted(path))
      return new IngressError('STORE_FAILED', `${sentence}: it is deleted`, {
        hint: describeDeleted(path),
        retryable: false,
      });
    try {
      await access(path, constants.W_OK | constants.X_OK);
    } catch (thrown) {
      return storeFailure(sentence, path, thrown);
    }
  }
  return undefined;
}

/** What has to be done so that we may write there. Pure. */
export function describeRemedy({ path, owner, mode, uid }: Obstacle): string {
  const bits = mode.toString(8).padStart(3, '0');
  if (owner === uid)
    return `${path} belongs to us (user ${uid}), but its mode ${bits} keeps us out: chmod -R u+rwX it.`;
  const whose = `${path} belongs to user ${owner} (mode ${bits}), and we are user ${uid}`;
  if (uid === 0)
    return `${whose} without the right to pass over that: give the whole volume to us (chown -R 0:0), or the container the capability (cap_add: [DAC_OVERRIDE]).`;
  return `${whose}: give the whole volume to us (chown -R ${uid}).`;
}

const READ_ONLY = 'The volume is mounted read-only: mount it without ":ro".';

/** Whether a directory has no name any more: it can be read, and nothing can be made in it. */
async function isDeleted(path: string): Promise<boolean> {
  return (await stat(path)).nlink === 0;
}

function describeDeleted(path: string): string {
  return `${path} was deleted on the host while it is mounted here: make it again there and restart the container.`;
}

/** The nearest thing at or above a path that we can see. */
async function findObstacle(path: string): Promise<Obstacle> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    try {
      const { uid: owner, mode } = await stat(candidate);
      return { path: candidate, owner, mode: mode & 0o7777, uid: process.geteuid?.() ?? 0 };
    } catch (thrown) {
      if (candidate === dirname(candidate)) throw thrown;
    }
  }
}

function factsOf(thrown: unknown): { code: string | undefined; path: string | undefined } {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  if (!(thrown instanceof Error)) return { code: undefined, path: undefined };
  return {
    code: 'code' in thrown ? text(thrown.code) : undefined,
    path: 'path' in thrown ? text(thrown.path) : undefined,
  };
}
