import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../world/free-port.ts';
import { appConfig } from './nginx-config.ts';
import { startServer } from './server.ts';
import type { Stage } from './stage.ts';

export interface BenchApp extends AsyncDisposable {
  readonly port: number;
  /** The parent process of the others. */
  readonly pid: number;
}

/** The app's bodies by path, in bytes. */
const bodies = { '/tiny': 2, '/1k': 1_024, '/64k': 65_536, '/bulk': 64 * 1_048_576 } as const;

/**
 * One app for all contenders: nginx with files, on the client's cores. It listens on every
 * 127.x.x.x.
 */
export async function startBenchApp(stage: Stage): Promise<BenchApp> {
  const folder = join(stage.folder, 'app');
  const files = join(folder, 'files');
  await mkdir(files, { recursive: true });
  for (const [path, size] of Object.entries(bodies))
    await writeFile(join(files, path), Buffer.alloc(size, 'x'));
  const port = await freePort();
  const config = join(folder, 'nginx.conf');
  await writeFile(config, appConfig({ port, folder, files }));
  const launcher = await stage.launcher('nginx', stage.cores.others);
  const server = await startServer(launcher, ['-c', config, '-e', join(folder, 'error.log')], { port });
  return { port, pid: server.pid, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
