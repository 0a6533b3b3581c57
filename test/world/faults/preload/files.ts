import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { carryOut } from './carry-out.ts';
import { firstHalf } from './first-half.ts';
import type { Actor } from './outside.ts';

/** Functions by name; those of Node.js have no other common type. */
type Calls = Record<string, (this: unknown, ...args: unknown[]) => unknown>;

/**
 * Calls that change something at a path, with the index of that argument. A created entry is named
 * by its new path.
 */
const PATH_CALLS: Readonly<Record<string, 0 | 1>> = {
  open: 0,
  writeFile: 0,
  appendFile: 0,
  truncate: 0,
  mkdir: 0,
  mkdtemp: 0,
  rename: 1,
  symlink: 1,
  link: 1,
  copyFile: 1,
  rm: 0,
  rmdir: 0,
  unlink: 0,
  chmod: 0,
  chown: 0,
  utimes: 0,
};

/** Methods of a FileHandle, with the kind that they are counted as. */
const HANDLE_CALLS: Readonly<Record<string, string>> = {
  write: 'write',
  writev: 'write',
  writeFile: 'write',
  appendFile: 'write',
  sync: 'sync',
  datasync: 'sync',
  truncate: 'truncate',
  chmod: 'chmod',
  chown: 'chown',
  utimes: 'utimes',
};

/** The same for a file descriptor. */
const DESCRIPTOR_CALLS: Readonly<Record<string, string>> = {
  writeSync: 'write',
  writevSync: 'write',
  fsyncSync: 'sync',
  fdatasyncSync: 'sync',
  ftruncateSync: 'truncate',
  fchmodSync: 'chmod',
  fchownSync: 'chown',
  futimesSync: 'utimes',
};

const DATA_CALLS = /^(?:write|writev|writeFile|appendFile)(?:Sync)?$/;
const SYSCALLS: Readonly<Record<string, string>> = { sync: 'fsync', writeFile: 'write', appendFile: 'write' };

/** The state that the patches share. */
interface Watch {
  /** The actor that makes the call; undefined for one that is not watched. */
  readonly actor: () => Actor | undefined;
  readonly open: OpenFiles;
}

/** The paths of open files below the root. */
class OpenFiles {
  readonly #handles = new WeakMap<object, string>();
  /** Descriptor numbers are reused. */
  readonly #descriptors = new Map<number, string>();

  get(file: unknown): string | undefined {
    if (typeof file === 'number') return this.#descriptors.get(file);
    return typeof file === 'object' && file !== null ? this.#handles.get(file) : undefined;
  }

  set(file: unknown, path: string): void {
    if (typeof file === 'number') this.#descriptors.set(file, path);
    else if (typeof file === 'object' && file !== null) this.#handles.set(file, path);
  }

  closed(descriptor: unknown): void {
    this.#descriptors.delete(Number(descriptor));
  }
}

/** One call made by the program. */
interface Called {
  readonly name: string;
  readonly args: readonly unknown[];
  /** The object whose method is called. */
  readonly self: unknown;
  /** Makes the real call with these arguments. */
  readonly real: (args: readonly unknown[]) => unknown;
}

/**
 * Counts the changes that each actor makes on its volume, through node:fs/promises and the
 * synchronous calls of node:fs. Calls with a callback, streams and `cp` are not counted.
 */
export async function watchFiles(actor: () => Actor | undefined): Promise<void> {
  const watch: Watch = { actor, open: new OpenFiles() };
  const handle = await fs.promises.open(import.meta.filename);
  await handle.close();
  // Each of these has a precise type, and no two are the same.
  const [promises, sync, methods] = [fs.promises, fs, Object.getPrototypeOf(handle)] as unknown as [
    ...[Calls, Calls, Calls],
  ];
  for (const [name, at] of Object.entries(PATH_CALLS)) {
    replace(promises, name, (called) => byPath(watch, name, at, called));
    replace(sync, `${name}Sync`, (called) => byPath(watch, name, at, called));
  }
  for (const [name, kind] of Object.entries(HANDLE_CALLS))
    replace(methods, name, (called) => byOpen(watch, kind, called.self, called.args, called));
  for (const [name, kind] of Object.entries(DESCRIPTOR_CALLS))
    replace(sync, name, (called) => byOpen(watch, kind, called.args[0], called.args.slice(1), called));
  replace(sync, 'closeSync', ({ args, real }) => {
    watch.open.closed(args[0]);
    return real(args);
  });
  syncBuiltinESMExports();
}

let isInside = false;

/**
 * Replaces a call. Node.js implements some synchronous calls by others, which must not count
 * separately.
 */
function replace(calls: Calls, name: string, instead: (called: Called) => unknown): void {
  const original = calls[name];
  if (!original) throw new Error(`fault points: this Node.js has no ${name}`);
  const call = (self: unknown, args: readonly unknown[]) =>
    instead({ name, args, self, real: (changed) => original.apply(self, [...changed]) });
  calls[name] = name.endsWith('Sync')
    ? function (...args) {
        if (isInside) return original.apply(this, args);
        isInside = true;
        try {
          return call(this, args);
        } finally {
          isInside = false;
        }
      }
    : async function (...args) {
        return call(this, args);
      };
}

function byPath(watch: Watch, kind: string, at: 0 | 1, { name, args, real }: Called): unknown {
  const { open } = watch;
  const actor = watch.actor();
  if (!actor) return real(args);
  const { begin, die } = actor;
  const root = resolve(actor.root);
  const path = pathOf(args[at]) ?? open.get(args[at]);
  if (path === undefined || relative(root, path).startsWith('..')) return real(args);
  const opened = (result: unknown) => {
    open.set(result, path);
    actor.opened?.(result);
    return result;
  };
  const act = () => {
    const result = real(args);
    if (kind !== 'open') return result;
    return result instanceof Promise ? result.then(opened) : opened(result);
  };
  if (kind === 'open' && !isForWriting(args[1])) return act();
  const half = halfOf(name, args.slice(1), (cut) => real([args[0], ...cut]));
  const paths = at === 0 ? [path] : [String(args[0]), path];
  return carryOut(
    { syscall: SYSCALLS[kind] ?? kind, paths, act, half },
    begin(kind, inside(root, path), path),
    die,
  );
}

function byOpen(
  { actor, open }: Watch,
  kind: string,
  key: unknown,
  data: readonly unknown[],
  { name, args, real }: Called,
): unknown {
  const path = open.get(key);
  const acting = actor();
  if (path === undefined || !acting) return real(args);
  const before = args.slice(0, args.length - data.length);
  const half = halfOf(name, data, (cut) => real([...before, ...cut]));
  const call = { syscall: SYSCALLS[kind] ?? kind, paths: [], act: () => real(args), half };
  return carryOut(call, acting.begin(kind, inside(resolve(acting.root), path), path), acting.die);
}

function halfOf(name: string, data: readonly unknown[], write: (args: readonly unknown[]) => unknown) {
  const cut = DATA_CALLS.test(name) ? firstHalf(name.replace(/Sync$/, ''), data) : undefined;
  return cut && (() => write(cut));
}

function inside(root: string, path: string): string {
  return relative(root, path) || '.';
}

function pathOf(argument: unknown): string | undefined {
  if (typeof argument === 'string') return resolve(argument);
  if (argument instanceof URL) return fileURLToPath(argument);
  return Buffer.isBuffer(argument) ? resolve(argument.toString()) : undefined;
}

function isForWriting(flags: unknown): boolean {
  if (typeof flags === 'number')
    return (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT)) !== 0;
  return flags !== undefined && !['r', 'rs', 'sr'].includes(String(flags));
}
