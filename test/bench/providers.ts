import { rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { plantCertificate } from '../e2e/support.ts';
import { type Account, accountNames, openAccount } from '../world/apis/accounts.ts';
import { environmentWithClock } from '../world/faults/clock-jump.ts';
import { environmentFor, type Ingress, startIngress } from '../world/ingress.ts';
import { createWorld } from '../world/world.ts';
import { type Calls, tenNames } from './ten-names.ts';

/**
 * The API calls of each provider: with one name, those of the program in the local world; with ten
 * names of one zone, those of the provider's methods for one plan of all names, as the program
 * makes it.
 */

interface Costs {
  readonly firstStart: Calls;
  /** The run after the first start; it removes the challenge if a write replaces the whole zone. */
  readonly nextRun: Calls;
  readonly renewal: Calls;
  readonly unchangedRun: Calls;
}

const CONTAINER: Readonly<Record<string, string>> = {
  cloudflare: '21, 8',
  linode: '36, 18',
  namecheap: '21, 7',
};

print('calls (reads + writes): first start with SET_CAA, the next run, a renewal, a run without changes\n');
print(row(['', 'one name', '', '', '', 'ten names', '', '', '', 'older: first, no change']));
print(row(['', ...Array(2).fill(['first', 'next', 'renewal', 'no change']).flat(), '']));
for (const name of accountNames) {
  const figures = [await oneName(name), await tenNames(name)].flatMap(
    ({ firstStart, nextRun, renewal, unchangedRun }) => [firstStart, nextRun, renewal, unchangedRun],
  );
  print(row([name, ...figures.map(describe), CONTAINER[name] ?? '']));
}

async function oneName(name: string): Promise<Costs> {
  await using world = await createWorld();
  await using account = await openAccount(name, { zones: [world.zone], publisher: world.nameServers });
  const plain = await environmentFor(world, { SET_CAA: 'true', ...account.environment });
  const { environment, jump } = environmentWithClock(plain);
  const root = environment['LETSENCRYPT_DIR'] ?? '';
  const start = async (runs: number): Promise<Calls[]> => {
    // These starts follow each other faster than an account's budget allows.
    rmSync(join(root, 'dstack-ingress/providers'), { recursive: true, force: true });
    await using ingress = startIngress(environment);
    await ingress.seen('pass-finished');
    const calls = [count(account)];
    while (calls.length < runs) calls.push(await anotherRun(ingress, account));
    await ingress.end('SIGTERM');
    return calls;
  };
  const [firstStart, nextRun, unchangedRun] = await start(3);
  for (const folder of ['live', 'archive']) rmSync(join(root, folder), { recursive: true });
  await plantCertificate(environment, 10);
  // Otherwise the order waits until no resolver can cache the first challenge (TTL up to 300 s). AWS
  // accepts a clock that is at most 300 s ahead.
  jump(295_000);
  const [renewing] = await start(2);
  const [restart] = await start(1);
  if (!firstStart || !nextRun || !unchangedRun || !renewing || !restart) throw new Error('a run is missing');
  return { firstStart, nextRun, renewal: lessZone(renewing, restart, unchangedRun), unchangedRun };
}

async function anotherRun(ingress: Ingress, account: Account): Promise<Calls> {
  const before = ingress.log.length;
  ingress.signal('SIGHUP');
  await ingress.seen('pass-finished', { fits: (line) => ingress.log.indexOf(line) >= before });
  return count(account);
}

/** The zone lookup happens once per start and is not part of a renewal. */
function lessZone(renewal: Calls, restart: Calls, unchangedRun: Calls): Calls {
  return { reads: renewal.reads - (restart.reads - unchangedRun.reads), writes: renewal.writes };
}

function count(account: Account): Calls {
  const reads = account.api.calls.filter(({ kind }) => kind === 'read').length;
  const writes = account.api.calls.length - reads;
  account.api.resetCalls();
  return { reads, writes };
}

function describe({ reads, writes }: Calls): string {
  return `${reads + writes} (${reads}+${writes})`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell) => cell.padEnd(12)).join('');
}

function print(line: string): void {
  process.stdout.write(`${line.trimEnd()}\n`);
}
