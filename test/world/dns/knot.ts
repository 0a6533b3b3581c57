import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { type Child, startChild } from '../child.ts';
import { type InstalledProgram, installed } from '../debian/installed-program.ts';
import { freePort } from '../free-port.ts';
import { type TsigKey, zoneText } from './bind-config.ts';
import {
  type KeyedZone,
  onFreePort,
  type PrimaryServer,
  type PrimaryServerOptions,
  type StartPrimaryServer,
} from './primary-server.ts';

const START_MS = 10_000;

export interface KnotOptions {
  readonly program?: InstalledProgram;
  /** Additional lines of each zone's block, such as `notify: secondary`. */
  readonly zoneLines?: readonly string[];
  /** Additional blocks. */
  readonly blocks?: readonly string[];
}

/** Knot DNS. It reads its configuration file again on SIGHUP. */
export function knot(options: KnotOptions = {}): StartPrimaryServer {
  return (setup) => onFreePort(() => startKnot(setup, options));
}

async function startKnot(
  { directory, zones, keys }: PrimaryServerOptions,
  { program = installed('knotd'), zoneLines = [], blocks = [] }: KnotOptions,
): Promise<PrimaryServer> {
  for (const folder of ['run', 'db']) await mkdir(join(directory, folder), { recursive: true });
  const port = await freePort();
  const served: KeyedZone[] = [];
  const known = [...keys];
  const config = join(directory, 'knot.conf');
  const write = async (more: readonly KeyedZone[]) => {
    served.push(...more);
    for (const { name } of more) {
      const servers = [{ label: 'ns1', address: '127.0.0.1' }];
      await writeFile(join(directory, `${name}.zone`), zoneText({ name, servers }));
    }
    await writeFile(config, knotConfig(directory, port, served, known, { zoneLines, blocks }));
  };
  await write(zones);
  const args = [...program.args, '-c', config];
  const child = await startChild(program.command, { args, cwd: directory });
  try {
    await child.seen(/server started/, START_MS);
    await loaded(child, zones);
  } catch (thrown) {
    await child[Symbol.asyncDispose]();
    throw thrown;
  }
  return {
    endpoint: { address: '127.0.0.1', port },
    lines: child.lines,
    async addZone(zone, more) {
      known.push(...more);
      await write([zone]);
      process.kill(child.pid, 'SIGHUP');
      await loaded(child, [zone]);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function loaded(child: Child, zones: readonly KeyedZone[]): Promise<void> {
  await Promise.all(
    zones.map(({ name }) => child.seen(new RegExp(`\\[${name}\\.\\] loaded, serial`), START_MS)),
  );
}

function knotConfig(
  directory: string,
  port: number,
  zones: readonly KeyedZone[],
  keys: readonly TsigKey[],
  { zoneLines, blocks }: Required<Omit<KnotOptions, 'program'>>,
): string {
  return [
    'server:',
    `    rundir: ${join(directory, 'run')}`,
    `    listen: 127.0.0.1@${port}`,
    '    udp-workers: 1',
    '    tcp-workers: 1',
    '    background-workers: 1',
    'database:',
    `    storage: ${join(directory, 'db')}`,
    '    journal-db-max-size: 16M',
    'log:',
    '  - target: stderr',
    '    any: info',
    'key:',
    ...keys.map(
      ({ name, algorithm, secret }) => `  - id: ${name}\n    algorithm: ${algorithm}\n    secret: ${secret}`,
    ),
    ...blocks,
    'acl:',
    ...zones.flatMap(({ name, readers, writers }) => [
      `  - id: read.${name}\n    key: [${readers.join(', ')}]\n    action: transfer`,
      `  - id: write.${name}\n    key: [${writers.join(', ')}]\n    action: update`,
    ]),
    'zone:',
    ...zones.flatMap(({ name }) => [
      `  - domain: ${name}`,
      `    storage: ${directory}`,
      `    file: ${name}.zone`,
      // Updates stay in the journal: a reload would read a zone file that was written in between.
      '    zonefile-sync: -1',
      `    acl: [read.${name}, write.${name}]`,
      ...zoneLines.map((line) => `    ${line}`),
    ]),
    '',
  ].join('\n');
}
