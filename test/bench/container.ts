import process from 'node:process';
import { systemClock, until } from '../../src/clock.ts';
import type { Engine } from '../image/engine.ts';
import { baseImage, ingressImage } from '../image/images.ts';
import { openEngine } from '../image/open-engine.ts';
import { openProject, type Project } from '../image/project.ts';
import { startWorld } from '../image/start-world.ts';
import { requestHttpsAt } from '../world/https-client.ts';
import { median, residentMib, spread, timed } from './statistics.ts';

/**
 * The costs of the container: seconds from the engine's start command to the first verified
 * response through the gateway, memory at rest, and the parts of the image. Seconds are also given
 * as ratios to a container that exits at once.
 */

const RUNS = Number(process.argv[2] ?? 5);
const SETTLE_MS = 3_000;

interface Sample {
  readonly bare: number;
  readonly firstStart: number;
  readonly restart: number;
  readonly memory: string;
}

const engine = await openEngine();
if (typeof engine === 'string') throw new Error(engine);
try {
  const image = await ingressImage(engine);
  const samples: Sample[] = [];
  for (let run = 0; run < RUNS; run += 1) samples.push(await measure(engine, image));
  report(samples);
  await reportSize(engine, image);
} finally {
  await engine[Symbol.asyncDispose]();
}

async function measure(on: Engine, image: string): Promise<Sample> {
  const bare = await timed(() => on.run(['run', '--rm', '--network', 'none', '--entrypoint', 'true', image]));
  await using project = await openProject(on);
  await startWorld(project);
  await project.compose('create', '--no-build', 'ingress');
  const firstStart = await untilServed(project);
  await until(
    async () => (await project.log('ingress')).some((line) => line.includes('pass-finished')) || undefined,
    {
      clock: systemClock,
      timeoutMs: 30_000,
      everyMs: 50,
    },
  );
  await project.compose('stop', 'ingress');
  const restart = await untilServed(project);
  await systemClock.wait(SETTLE_MS);
  return { bare, firstStart, restart, memory: await memoryOf(project) };
}

async function untilServed(project: Project): Promise<number> {
  const { port, roots, domain } = await project.place();
  const id = await project.container('ingress');
  return timed(async () => {
    const started = project.engine.run(['start', id]);
    const ask = () =>
      requestHttpsAt({ host: '127.0.0.1', port }, [roots], domain, '/').catch(() => undefined);
    const answer = await until(ask, { clock: systemClock, timeoutMs: 60_000, everyMs: 5 });
    if (answer?.status !== 200) throw new Error((await project.log('ingress')).slice(-3).join('\n'));
    await started;
  });
}

async function memoryOf(project: Project): Promise<string> {
  const processes = await project.processes('ingress');
  const resident = (is: (comm: string) => boolean) =>
    processes.filter(({ comm }) => is(comm)).reduce((sum, { status }) => sum + residentMib(status), 0);
  const data = resident((comm) => comm === 'haproxy');
  const control = resident((comm) => comm !== 'haproxy');
  const parts = [`${control.toFixed(1)} MiB control plane`, `${data.toFixed(1)} MiB HAProxy`];
  return `${parts.join(' + ')} = ${(control + data).toFixed(1)} MiB`;
}

function report(samples: readonly Sample[]): void {
  print(`${RUNS} runs of the compose project of examples/demo; seconds (minimum, median, maximum),`);
  print('and the median as a ratio to a container of the same image that exits at once\n');
  const base = median(samples.map(({ bare }) => bare));
  const rows: [title: string, of: 'bare' | 'firstStart' | 'restart'][] = [
    ['a container that exits at once', 'bare'],
    ['start to the first response, without a certificate', 'firstStart'],
    ['start to the first response, with its volume', 'restart'],
  ];
  for (const [title, of] of rows) {
    const values = samples.map((sample) => sample[of]);
    print(`${title.padEnd(50)}${spread(values)}${(median(values) / base).toFixed(1).padStart(8)} x`);
  }
  print('');
  print(`resident memory ${SETTLE_MS / 1000} s after a restart: ${samples.at(-1)?.memory}`);
}

/** Prints the bytes of the image on disk, by their origin. */
async function reportSize(on: Engine, image: string): Promise<void> {
  const inside = async (...command: string[]) =>
    on.run([
      'run',
      '--rm',
      '--network',
      'none',
      '--entrypoint',
      command[0] ?? '',
      image,
      ...command.slice(1),
    ]);
  const bytes = async (path: string) => Number((await inside('du', '-sb', path)).split('\t')[0]);
  const sizeOf = async (name: string) =>
    Number((await on.run(['image', 'inspect', '--format', '{{.Size}}', name])).trim());
  const all = await sizeOf(image);
  const [node, program] = [await bytes('/usr/local/bin/node'), await bytes('/usr/local/lib/dstack-ingress')];
  const base = await sizeOf(await baseImage(on));
  const mb = (size: number) => `${(size / 1e6).toFixed(1).padStart(7)} MB`;
  print(`\nimage${mb(all)} uncompressed:`);
  print(`${mb(node)}  Node.js, stripped`);
  print(`${mb(program)}  the program`);
  print(`${mb(all - base - node - program)}  HAProxy, ca-certificates, libatomic1 and their dependencies`);
  print(`${mb(base)}  the base image`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
