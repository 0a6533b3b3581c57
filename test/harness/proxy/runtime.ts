import { join } from 'node:path';
import { systemClock } from '../../../src/clock.ts';
import { runtimeApi } from '../../../src/proxy/runtime/runtime-api.ts';

/** Sends a command to the runtime API of a test's HAProxy; resolves with its reply. */
export function runtimeCommand(runtimeDir: string, command: string): Promise<string> {
  return runtimeApi(join(runtimeDir, 'haproxy.sock'), systemClock).send(command);
}

/**
 * The sum of a column of `show stat` (management.txt §9.1) over the rows named `name`: `FRONTEND`,
 * or `app` for servers.
 */
export async function statistic(runtimeDir: string, name: string, column: string): Promise<number> {
  const [titles, ...rows] = (await runtimeCommand(runtimeDir, 'show stat'))
    .split('\n')
    .map((line) => line.split(','));
  const at = titles?.indexOf(column) ?? -1;
  if (at < 0) throw new Error(`no statistic ${column}`);
  return rows.filter(([, called]) => called === name).reduce((sum, row) => sum + Number(row[at]), 0);
}
