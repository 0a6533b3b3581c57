import { join } from 'node:path';
import { systemClock } from '../../../src/clock.ts';
import { runtimeApi } from '../../../src/proxy/runtime/runtime-api.ts';

/** Gives the HAProxy of a test a command and returns its reply. */
export function tell(runtimeDir: string, command: string): Promise<string> {
  return runtimeApi(join(runtimeDir, 'haproxy.sock'), systemClock).send(command);
}

/** The sum of a statistic (management.txt §9.1) over what is called `name`: `FRONTEND`, or `app` for servers. */
export async function statistic(runtimeDir: string, name: string, column: string): Promise<number> {
  const [titles, ...rows] = (await tell(runtimeDir, 'show stat')).split('\n').map((line) => line.split(','));
  const at = titles?.indexOf(column) ?? -1;
  if (at < 0) throw new Error(`no statistic ${column}`);
  return rows.filter(([, called]) => called === name).reduce((sum, row) => sum + Number(row[at]), 0);
}
