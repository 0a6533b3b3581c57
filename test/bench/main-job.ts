import { readFileSync } from 'node:fs';
import process from 'node:process';
import { execa } from 'execa';
import { systemClock, until } from '../../src/clock.ts';
import { type Environment, environmentFor, type Ingress, startIngress } from '../world/ingress.ts';
import { createWorld, type World } from '../world/world.ts';
import { median, residentMib, spread, timed } from './statistics.ts';

/**
 * The costs of the main job: seconds to the first verified response, provider calls, resident
 * memory. Times are those of complete processes, from `npm start`, and are also given as ratios to
 * a bare start of Node.js in the same run.
 */

const RUNS = Number(process.argv[2] ?? 5);
const SETTLE_MS = 3000;

interface Sample {
  readonly node: number;
  readonly npm: number;
  readonly firstStart: number;
  readonly restart: number;
  readonly restartAllDown: number;
}

interface Costs {
  readonly firstStart: number;
  readonly restart: number;
  readonly restartWrites: number;
  readonly quietPass: number;
  readonly memory: string;
}

let costs: Costs | undefined;
const samples: Sample[] = [];
for (let run = 0; run < RUNS; run += 1) samples.push(await measure());
report();

async function measure(): Promise<Sample> {
  const node = await timed(() => execa('node', ['-e', '0']));
  const npm = await timed(() => execa('npm', ['run', '--silent', 'prestart']));
  await using world = await createWorld();
  const environment = await environmentFor(world, { SET_CAA: 'true', HOME: process.env['HOME'] ?? '/root' });
  const first = await untilServed(world, environment);
  await first.ingress.seen('pass-finished');
  const firstCalls = world.cloudflare.calls.length;
  await end(first.ingress);
  world.cloudflare.resetCalls();
  const second = await untilServed(world, environment);
  await second.ingress.seen('pass-finished');
  const restartCalls = [...world.cloudflare.calls];
  world.cloudflare.resetCalls();
  const runs = second.ingress.log.filter(({ event }) => event === 'pass-finished').length;
  process.kill(nodePid(second.ingress), 'SIGHUP');
  await until(
    () => second.ingress.log.filter(({ event }) => event === 'pass-finished').length > runs || undefined,
    {
      clock: systemClock,
      timeoutMs: 10_000,
      everyMs: 20,
    },
  );
  const quietPass = world.cloudflare.calls.length;
  await systemClock.wait(SETTLE_MS);
  costs = {
    firstStart: firstCalls,
    restart: restartCalls.length,
    restartWrites: restartCalls.filter(({ kind }) => kind === 'write').length,
    quietPass,
    memory: memoryOf(second.ingress),
  };
  await end(second.ingress);
  // The resolver and the name servers stay up for the client's own lookup only: the ingress uses a
  // dead resolver.
  await Promise.all([world.pebble.stop(), world.guestAgent.stop(), world.cloudflare[Symbol.asyncDispose]()]);
  const third = await untilServed(world, { ...environment, DNS_RESOLVERS: '127.0.0.1:9' });
  await end(third.ingress);
  return { node, npm, firstStart: first.seconds, restart: second.seconds, restartAllDown: third.seconds };
}

async function untilServed(
  world: World,
  environment: Environment,
): Promise<{ ingress: Ingress; seconds: number }> {
  const startedAt = performance.now();
  const ingress = startIngress(environment, ['npm', 'start', '--silent']);
  const answer = await until(() => world.request('app.example.test', '/').catch(() => undefined), {
    clock: systemClock,
    timeoutMs: 60_000,
    everyMs: 5,
  });
  if (answer?.status !== 200)
    throw new Error(`nothing was served: ${JSON.stringify(ingress.log.slice(-3))} ${ingress.words}`);
  return { ingress, seconds: (performance.now() - startedAt) / 1000 };
}

/** Signals the process that npm has started, not npm. */
async function end(ingress: Ingress): Promise<void> {
  process.kill(nodePid(ingress), 'SIGTERM');
  await ingress.ended;
}

function nodePid(ingress: Ingress): number {
  return (
    descendants(ingress.pid).find(
      (pid) => commandOf(pid).includes('dist/main.js') && commandOf(pid).startsWith('node'),
    ) ?? 0
  );
}

function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}

function memoryOf(ingress: Ingress): string {
  const rss = (pid: number) => residentMib(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const control = rss(nodePid(ingress));
  const data = ingress.haproxyPids().reduce((sum, pid) => sum + rss(pid), 0);
  return `${control.toFixed(1)} MiB control plane + ${data.toFixed(1)} MiB HAProxy = ${(control + data).toFixed(1)} MiB`;
}

function report(): void {
  const rows: [title: string, of: keyof Sample][] = [
    ['node -e 0', 'node'],
    ['npm run prestart, nothing to build', 'npm'],
    ['npm start to the first response, first start', 'firstStart'],
    ['npm start to the first response, after a restart', 'restart'],
    ['the same, everything else down', 'restartAllDown'],
  ];
  print(
    `${RUNS} runs; seconds (minimum, median, maximum), and the median as a ratio to a bare start of Node.js\n`,
  );
  const base = median(samples.map(({ node }) => node));
  for (const [title, of] of rows) {
    const values = samples.map((sample) => sample[of]);
    print(`${title.padEnd(50)}${spread(values)}${(median(values) / base).toFixed(1).padStart(8)} x`);
  }
  print('');
  print(
    `calls to the provider: first start with SET_CAA ${costs?.firstStart}, restart ${costs?.restart} (${costs?.restartWrites} writes), run without changes ${costs?.quietPass}`,
  );
  print(`resident memory ${SETTLE_MS / 1000} s after a run: ${costs?.memory}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
