import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { execaSync } from 'execa';
import { type Engine, OWNER_LABEL } from './engine.ts';
import { removeTree } from './remove-tree.ts';

/**
 * Projects are named `dstack-ingress-test-<process id>-<number>`, which compose uses as a prefix.
 */
const PROJECT = /^dstack-ingress-test-(\d+)-\d+[-_]/;

/** See ownDirectory. */
const DIRECTORY = /^dstack-ingress-[a-z-]+-(\d+)-\w{6}$/;

/**
 * The process that created something, from its label or its name; undefined if the tests did not
 * create it. Pure.
 */
export function ownerOf(name: string, label = ''): number | undefined {
  const pid = label === '' ? PROJECT.exec(name)?.[1] : label;
  return pid === undefined || !/^\d+$/.test(pid) ? undefined : Number(pid);
}

/** Removes what killed processes left behind. Returns the names of what was removed. */
export async function removeLeftovers(engine: Engine, isAlive = isRunning): Promise<string[]> {
  const removed: string[] = [];
  const remove = async (pid: number | undefined, name: string, ...command: readonly string[]) => {
    if (pid === undefined || isAlive(pid)) return;
    await engine.run([...command, name]);
    removed.push(name);
  };
  const list = async (...command: readonly string[]) =>
    (await engine.run(command)).split('\n').filter((line) => line !== '');
  for (const name of await list('ps', '--all', '--format', '{{.Names}}')) {
    const format = `{{index .Config.Labels "${OWNER_LABEL}"}}`;
    const label = (await engine.run(['inspect', '--format', format, name])).trim();
    await remove(ownerOf(name, label), name, ...removal(engine));
  }
  for (const kind of ['network', 'volume'])
    for (const name of await list(kind, 'ls', '--format', '{{.Name}}'))
      await remove(ownerOf(name), name, kind, 'rm');
  for (const name of await readdir(tmpdir())) {
    const pid = DIRECTORY.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await removeTree(join(tmpdir(), name));
    removed.push(name);
  }
  return removed;
}

/** Removes this process's own containers; synchronous, for the end of the process. */
export function removeOwn({ kind, program, environment }: Engine): void {
  const options = { env: environment, timeout: 20_000, reject: false } as const;
  const mine = `label=${OWNER_LABEL}=${process.pid}`;
  const { stdout } = execaSync(program, ['ps', '--all', '--quiet', '--filter', mine], options);
  const ids = stdout.split('\n').filter((id) => id !== '');
  if (ids.length > 0) execaSync(program, [...removal({ kind }), ...ids], options);
}

/** By default podman sends SIGTERM and waits ten seconds. */
function removal({ kind }: Pick<Engine, 'kind'>): readonly string[] {
  return ['rm', '--force', '--volumes', ...(kind === 'podman' ? ['--time', '0'] : [])];
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
