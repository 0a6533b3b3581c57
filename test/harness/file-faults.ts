import { existsSync, mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { afterTest } from './after-test.ts';

/** A fault that makes a file unusable. */
export interface FileFault {
  readonly title: string;
  /**
   * `damaged`: its content is lost. `unreadable`: it may be good, and the operator can make it
   * readable again.
   */
  readonly kind: 'damaged' | 'unreadable';
  /** Creates the fault at a path and moves an existing file away. */
  readonly plant: (t: TestContext, path: string) => void;
}

const damaged = (title: string, text: string): FileFault => ({
  title,
  kind: 'damaged',
  plant: (_, path) => writeFileSync(cleared(path), text),
});

/** Every fault of a JSON file on the volume that this program has to handle. */
export const fileFaults: readonly FileFault[] = [
  {
    title: 'a directory',
    kind: 'damaged',
    plant: (_, path) => mkdirSync(join(cleared(path), 'inside'), { recursive: true }),
  },
  damaged('empty', ''),
  damaged('not JSON', 'not JSON'),
  damaged('JSON of another schema', '{"x":1}'),
  damaged('truncated', '[{"directoryUrl":"https://ca.exam'),
  { title: 'unreadable for lack of rights', kind: 'unreadable', plant: denyReading },
  {
    title: 'on a bad block (EIO)',
    kind: 'unreadable',
    // A read at its start fails with EIO.
    plant: (_, path) => symlinkSync('/proc/self/mem', cleared(path)),
  },
  {
    title: 'a link to itself (ELOOP)',
    kind: 'unreadable',
    plant: (_, path) => symlinkSync(path, cleared(path)),
  },
];

function cleared(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) renameSync(path, `${path}.before`);
  return path;
}

/** Makes reading a file fail with EACCES, which root otherwise never gets. */
export function denyReading(t: TestContext, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) writeFileSync(path, '');
  const real = fs.readFile;
  const denied = realpathSync(path);
  const readFile = async (...args: Parameters<typeof real>) => {
    const asked = String(args[0]);
    if (!existsSync(asked) || realpathSync(asked) !== denied) return real(...args);
    const facts = { code: 'EACCES', errno: -13, syscall: 'open', path: asked };
    throw Object.assign(new Error(`EACCES: permission denied, open '${asked}'`), facts);
  };
  Object.assign(fs, { readFile });
  syncBuiltinESMExports();
  afterTest(t, () => {
    Object.assign(fs, { readFile: real });
    syncBuiltinESMExports();
  });
}
