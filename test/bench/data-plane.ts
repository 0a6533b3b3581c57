import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { messageOf } from '../../src/errors.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { startBenchApp } from './data-plane/app.ts';
import { compileClients } from './data-plane/clients.ts';
import { type Contender, titles } from './data-plane/contender.ts';
import { contenders } from './data-plane/contenders.ts';
import { Lineup } from './data-plane/lineup.ts';
import { isWanted, type Options, optionsOrEnd } from './data-plane/options.ts';
import { writePlots } from './data-plane/plots.ts';
import {
  type FailedReading,
  type Place,
  type Results,
  type Setting,
  serialised,
  type TakenReading,
} from './data-plane/results.ts';
import { describeSetting } from './data-plane/setting.ts';
import { openStage } from './data-plane/stage.ts';
import { reportTables } from './data-plane/tables.ts';
import { trixieRoot } from './data-plane/trixie.ts';
import { type Entrant, type Reading, type Work, works } from './data-plane/works.ts';

/**
 * Our data plane beside the alternatives: in each round every contender does each work once, in a
 * rotating order, so that a ratio compares readings that are minutes apart at most.
 * docs/performance.md explains the figures.
 */

/** Memory hardly varies between rounds, and a start with many names takes seconds. */
const FRESH_ROUNDS = 3;

interface Task {
  readonly work: Work;
  readonly names: number;
}

const options = optionsOrEnd(process.argv.slice(2));
const chosen = contenders.filter(({ id }) => options.contenders.includes(id));
const tasks = [1, ...(options.names > 1 ? [options.names] : [])].flatMap((names) =>
  works.filter((work) => isWanted(options, work, names > 1)).map((work) => ({ work, names })),
);
announce(options);
const results = await measure(options);
print(reportTables(results));
process.exitCode = results.failures.length === 0 ? 0 : 1;

async function measure({ rounds, seconds, ...rest }: Options): Promise<Results> {
  const names = Array.from({ length: Math.max(1, rest.names) }, (_, index) => `app${index}.example.test`);
  const certificates = await Promise.all(names.map((name) => testCertificate(name)));
  using stage = await openStage(rest.root ?? (await trixieRoot()), names);
  const setting = await describeSetting(stage, { rounds, seconds });
  const clientsFor = await compileClients(stage);
  await using app = await startBenchApp(stage);
  await using lineup = new Lineup(stage, app.port);
  let pace = 0;
  const read: Read = async ({ work, names: count }, contender, length = seconds) => {
    const mine = certificates.slice(0, count);
    const context = {
      clients: await clientsFor(names.slice(0, count)),
      seconds: length,
      pace,
      appPid: app.pid,
    };
    const use = (entrant: Entrant) => work.read(entrant, context);
    return work.fresh ? lineup.fresh(contender, mine, use) : use(await lineup.kept(contender, mine));
  };
  if (tasks.some(({ work }) => work.id === 'latency')) pace = await halfOfTheSlowest(read);
  // Awaited here, because the contenders end when this function returns.
  return await takeReadings(read, setting);
}

type Read = (task: Task, contender: Contender, seconds?: number) => Promise<Reading>;

/** Writes the results after each round, so that an interrupted run keeps its completed rounds. */
async function takeReadings(read: Read, setting: Setting): Promise<Results> {
  const readings: TakenReading[] = [];
  const failures: FailedReading[] = [];
  for (let round = 0; round < setting.rounds; round += 1) {
    for (const { task, contender } of schedule(round)) {
      const of = { contender: contender.id, work: task.work.id, names: task.names, round };
      try {
        const reading = await read(task, contender);
        readings.push({ ...of, ...reading });
        progress(of, describe(reading));
      } catch (thrown) {
        const why = messageOf(thrown);
        failures.push({ ...of, why });
        progress(of, `failed: ${why}`);
      }
    }
    await save({ setting: { ...setting, rounds: round + 1 }, readings, failures });
  }
  return { setting, readings, failures };
}

async function save(results: Results): Promise<void> {
  await mkdir(options.out, { recursive: true });
  await writeFile(join(options.out, 'results.json'), serialised(results));
  await writePlots(results, options.out);
}

/**
 * The order rotates between rounds and works, so that no contender is always first or always after
 * the same one.
 */
function schedule(round: number) {
  return tasks
    .filter(({ work }) => !work.fresh || round < FRESH_ROUNDS)
    .flatMap((task, turn) => rotated(chosen, round + turn).map((contender) => ({ task, contender })));
}

/** Requests per second: half of the slowest contender's capacity. */
async function halfOfTheSlowest(read: Read): Promise<number> {
  const work = works.find(({ id }) => id === 'requests-64-1k');
  if (!work) throw new Error('no reading to derive the pace from');
  const rates: number[] = [];
  for (const contender of chosen) {
    const { count, seconds } = await read({ work, names: 1 }, contender, 1);
    rates.push(count / seconds);
  }
  return Math.round(Math.min(...rates) / 2);
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function announce({ rounds, seconds }: Options): void {
  const freshRounds = Math.min(rounds, FRESH_ROUNDS);
  const cost = ({ work, names }: Task) =>
    work.fresh ? (names > 1 ? 5 : 2) * freshRounds : (seconds + 0.5) * rounds;
  const minutes = (tasks.reduce((sum, task) => sum + cost(task), 0) * chosen.length) / 60;
  const who = chosen.map(({ id }) => titles[id]).join(', ');
  printLine(
    `${rounds} rounds of ${tasks.length} works by ${chosen.length} contenders (${who}): about ${Math.ceil(minutes + 1)} minutes`,
  );
}

function progress({ contender, work, names, round }: Place, what: string): void {
  printLine(
    `round ${round + 1} ${`${work}${names > 1 ? ` ${names} names` : ''}`.padEnd(32)} ${contender.padEnd(14)} ${what}`,
  );
}

function describe({ count, seconds, cpuSeconds, more }: Reading): string {
  const rate =
    seconds === 0 ? '' : `${(count / seconds).toPrecision(4)}/s, ${cpuSeconds.toFixed(2)} s of its core `;
  return `${rate}${Object.entries(more)
    .map(([name, value]) => `${name} ${Math.round(value)}`)
    .join(', ')}`;
}

function printLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
