import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../child.ts';
import type { TsigKey } from './bind-config.ts';
import type { Endpoint } from './dns-client.ts';

const START_MS = 10_000;

export interface SecondaryOptions {
  readonly directory: string;
  readonly zone: string;
  /** The port on 127.0.0.1, which the primary already has in its configuration. */
  readonly port: number;
  readonly primary: Endpoint;
  /** A key that may transfer the zone. */
  readonly key: TsigKey;
}

/**
 * A Knot that is a secondary of one zone and accepts NOTIFY from this host. Resolves once it has
 * transferred the zone. On its own it refreshes only after the refresh interval, which is longer
 * than any test.
 */
export async function startSecondary(options: SecondaryOptions): Promise<AsyncDisposable> {
  const { directory } = options;
  for (const folder of ['run', 'db']) await mkdir(join(directory, folder), { recursive: true });
  const config = join(directory, 'knot.conf');
  await writeFile(config, secondaryConfig(options));
  const child = await startChild('knotd', { args: ['-c', config], cwd: directory });
  try {
    await child.seen(/zone updated|refresh.*updated|serial none -> \d/, START_MS);
    return child;
  } catch (thrown) {
    await child[Symbol.asyncDispose]();
    throw thrown;
  }
}

function secondaryConfig({ directory, zone, port, primary, key }: SecondaryOptions): string {
  return `
server:
    rundir: ${join(directory, 'run')}
    listen: 127.0.0.1@${port}
    background-workers: 1
database:
    storage: ${join(directory, 'db')}
    journal-db-max-size: 16M
log:
  - target: stderr
    any: info
key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
remote:
  - id: primary
    address: ${primary.address}@${primary.port}
    key: ${key.name}
acl:
  - id: notify
    address: 127.0.0.1
    action: notify
zone:
  - domain: ${zone}
    storage: ${directory}
    zonefile-sync: -1
    master: primary
    acl: notify
`;
}
