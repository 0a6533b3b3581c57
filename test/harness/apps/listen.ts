import type { ListenOptions } from 'node:net';
import type { TestContext } from 'node:test';
import { openServer } from '../../world/open-server.ts';
import { afterTest } from '../after-test.ts';

/** Lets a server listen until the test ends, by default on a free port. Resolves with the port. */
export async function listen(
  t: TestContext,
  server: Parameters<typeof openServer>[0],
  { host = '127.0.0.1', port = 0 }: Pick<ListenOptions, 'host' | 'port'> = {},
): Promise<number> {
  const open = await openServer(server, { host, port });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return open.port;
}
