import { access, constants, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { type ErrorContext, IngressError, isIngressError, messageOf, systemErrorCode } from './errors.ts';
import {
  isMissing,
  makeDirectory,
  makeDurableDirectory,
  moveAside,
  readIfThere,
  writeAtomically,
} from './files.ts';

/** The file or directory at which a read or write fails, and the user of the ingress. */
export interface Obstacle {
  readonly path: string;
  readonly owner: number;
  /** Permission bits. */
  readonly mode: number;
  /** The effective user id of the ingress. */
  readonly uid: number;
}

interface FoundObstacle extends Obstacle {
  readonly isDirectory: boolean;
}

/**
 * STORE_FAILED for an error of the file system. The hint says how to fix what only the operator can
 * fix: missing permissions, a read-only mount, a deleted directory, a file in the place of a
 * directory or the reverse. A full disk may have space again later. `details.path` is the obstacle,
 * or else the path that the file system reports.
 */
export async function storeFailure(sentence: string, path: string, thrown: unknown): Promise<IngressError> {
  const message = `${sentence}: ${messageOf(thrown)}`;
  const { path: reported = path } = factsOf(thrown);
  const { details, ...context } = await explain(path, thrown);
  return new IngressError('STORE_FAILED', message, {
    cause: thrown,
    ...context,
    details: { path: reported, ...details },
  });
}

/** The hint and details for an error of the file system. */
async function explain(path: string, thrown: unknown): Promise<ErrorContext> {
  const { code, path: reported = path } = factsOf(thrown);
  switch (code) {
    case 'EROFS':
      return { hint: READ_ONLY, retryable: false, details: { fault: 'read-only' } };
    case 'ENOENT': {
      const { path: nearest } = await findObstacle(path);
      return (await isDeleted(nearest)) ? deleted(nearest) : {};
    }
    case 'EISDIR':
      return inTheWay(reported, 'directory');
    case 'EEXIST':
    case 'ENOTDIR': {
      const obstacle = await findObstacle(reported);
      return obstacle.isDirectory ? {} : inTheWay(obstacle.path, 'file');
    }
    case 'EACCES':
    case 'EPERM': {
      const { isDirectory: _, ...obstacle } = await findObstacle(reported);
      return { hint: describeFix(obstacle), retryable: false, details: obstacle };
    }
    default:
      return {};
  }
}

/** Runs `work`; an error of the file system becomes STORE_FAILED, an IngressError passes. */
export async function orStoreFailed<T>(sentence: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw isIngressError(thrown) ? thrown : await storeFailure(sentence, path, thrown);
  }
}

/**
 * Why nothing can be stored in one of these directories (STORE_FAILED), or undefined. Examines the
 * nearest existing parent of a directory that does not exist yet. Writes nothing, so it does not
 * notice a full volume.
 */
export async function whyUnwritable(directories: readonly string[]): Promise<IngressError | undefined> {
  for (const directory of directories) {
    const { path, isDirectory } = await findObstacle(directory);
    const sentence = `nothing can be stored in ${directory}`;
    const failure = (message: string, context: ErrorContext) =>
      new IngressError('STORE_FAILED', `${sentence}: ${message}`, context);
    if (!isDirectory) return failure(`${path} is not a directory`, inTheWay(path, 'file'));
    if (await isDeleted(path)) return failure('it was deleted', deleted(path));
    try {
      await access(path, constants.W_OK | constants.X_OK);
    } catch (thrown) {
      return storeFailure(sentence, path, thrown);
    }
  }
  return undefined;
}

/** The operator's action that lets the ingress read and write there. Pure. */
export function describeFix({ path, owner, mode, uid }: Obstacle): string {
  const bits = mode.toString(8).padStart(3, '0');
  if (owner === uid)
    return `Run chmod -R u+rwX on ${path}: it belongs to the user of the ingress (${uid}), but its mode ${bits} denies access.`;
  const whose = `${path} belongs to user ${owner} (mode ${bits}), and the ingress runs as user ${uid}`;
  if (uid === 0)
    return `Run chown -R 0:0 on the whole volume, or give the container the capability (cap_add: [DAC_OVERRIDE]): ${whose} without that capability.`;
  return `Run chown -R ${uid} on the whole volume: ${whose}.`;
}

const READ_ONLY = 'Mount the volume without ":ro": it is mounted read-only.';

function inTheWay(path: string, kind: 'file' | 'directory'): ErrorContext {
  const other = kind === 'file' ? 'directory' : 'file';
  const hint = `Move ${path} away: it is a ${kind} in the place of a ${other}.`;
  return { hint, retryable: false, details: { path, fault: `not-a-${other}` } };
}

/** Whether a directory was deleted while mounted: it can be read, but accepts no entries. */
async function isDeleted(path: string): Promise<boolean> {
  return (await stat(path)).nlink === 0;
}

function deleted(path: string): ErrorContext {
  const hint = `Create ${path} again on the host and restart the container: it was deleted there while mounted here.`;
  return { hint, retryable: false, details: { path, fault: 'deleted' } };
}

/** The nearest visible file or directory at or above a path. */
async function findObstacle(path: string): Promise<FoundObstacle> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    try {
      const found = await stat(candidate);
      const { uid: owner, mode } = found;
      const uid = process.geteuid?.() ?? 0;
      return { path: candidate, owner, mode: mode & 0o7777, uid, isDirectory: found.isDirectory() };
    } catch (thrown) {
      if (candidate === dirname(candidate)) throw thrown;
    }
  }
}

function factsOf(thrown: unknown): { code?: string | undefined; path?: string | undefined } {
  const path = thrown instanceof Error && 'path' in thrown ? thrown.path : undefined;
  return { code: systemErrorCode(thrown), path: typeof path === 'string' ? path : undefined };
}

/**
 * The folder name for a CA's directory URL (RFC 8555 §7.1.1): host and path, as
 * `acme-v02.api.letsencrypt.org_directory`. Different URLs have different names. Pure.
 */
export function folderNameOf(directoryUrl: string): string {
  const { host, pathname } = new URL(directoryUrl);
  const parts = [host, ...pathname.split('/').filter(Boolean)];
  return parts.map((part) => part.replaceAll('_', '%5F')).join('_');
}

/**
 * One of our own JSON files. A damaged one (not JSON, another schema, a directory) counts as
 * missing and is moved aside, so that it blocks nothing. One that cannot be read, for example for
 * lack of permission, may be intact: it stays, and reading it fails. All methods throw
 * STORE_FAILED, which names the path.
 */
export interface JsonFile<T> {
  /** The value; undefined when there is none. Moves a damaged file aside, with a warning. */
  load(): Promise<T | undefined>;
  /** Like `load`, but leaves a damaged file in place, without a warning. */
  peek(): Promise<T | undefined>;
  /** Replaces the value, which is on the disk when this resolves. */
  save(value: unknown): Promise<void>;
  remove(): Promise<void>;
}

export interface JsonFileOptions<T> {
  readonly path: string;
  /** Names the file in messages, before its path: `the open order `. */
  readonly title?: string;
  /** Throws for another schema. */
  readonly parse: (value: unknown) => T;
  /** The consequence of losing the content; ends the warning. */
  readonly loss: string;
  readonly warn: (message: string) => void;
  /** The directories below this one that lead to the file are made durable too. */
  readonly durableBelow?: string;
}

/** Our JSON file at a path, with mode 0600 in directories of mode 0700. */
export function createJsonFile<T>(options: JsonFileOptions<T>): JsonFile<T> {
  const { path, title = '', parse, loss, warn, durableBelow } = options;
  const run = <R>(verb: string, work: () => Promise<R>) =>
    orStoreFailed(`cannot ${verb} ${title}${path}`, path, work);

  const read = () =>
    run('read', async (): Promise<T | 'damaged' | undefined> => {
      try {
        const text = await readIfThere(path);
        return text === undefined ? undefined : parseOr('damaged', text);
      } catch (thrown) {
        if (factsOf(thrown).code === 'EISDIR') return 'damaged';
        throw thrown;
      }
    });

  function parseOr<D>(otherwise: D, text: string): T | D {
    try {
      return parse(JSON.parse(text));
    } catch {
      return otherwise;
    }
  }

  async function clearAway(): Promise<undefined> {
    const aside = await run('move', () => moveAside(path)).catch((thrown: unknown) => {
      // Another reader has moved it.
      if (isIngressError(thrown) && isMissing(thrown.cause)) return undefined;
      throw thrown;
    });
    if (aside !== undefined) warn(`${path} is damaged and was moved to ${aside}; ${loss}`);
  }

  return {
    async load() {
      const found = await read();
      if (found !== 'damaged') return found;
      // Another process may have replaced the file meanwhile.
      const again = await read();
      return again === 'damaged' ? clearAway() : again;
    },
    async peek() {
      const found = await read();
      return found === 'damaged' ? undefined : found;
    },
    save: (value) =>
      run('write', async () => {
        const folder = dirname(path);
        if (durableBelow === undefined) await makeDirectory(folder, 0o700);
        else await makeDurableDirectory(folder, durableBelow);
        await writeAtomically(path, `${JSON.stringify(value, undefined, 2)}\n`, 0o600);
      }),
    remove: () => run('remove', () => rm(path, { force: true })),
  };
}
